package cudadrv

import (
	"errors"
	"unsafe"
)

// Graph is a piece of work that was recorded and is started as one.
type Graph struct{ exec, stream uintptr }

// captureRelaxed lets other calls of this thread do what a capture would otherwise forbid.
const captureRelaxed = 2

// Record has f start kernels and clear memory, none of which happens, and returns it as a graph. f must not do anything else with the device. Kernels
// should have run before: a driver that brings them onto the device only then cannot do so in a recording.
func (t *Thread) Record(f func() error) (g *Graph, err error) {
	g = &Graph{}
	// A stream of the plain kind: it waits for what was started outside of it, as what comes after waits for it.
	if err := t.d.call(cuStreamCreate, uintptr(unsafe.Pointer(&g.stream)), 0); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.Drop(g))
			g = nil
		}
	}()
	if err := t.d.call(cuStreamBeginCapture, g.stream, captureRelaxed); err != nil {
		return g, err
	}
	t.stream = g.stream
	err = f()
	t.stream = 0
	var graph uintptr
	if err := errors.Join(err, t.d.call(cuStreamEndCapture, g.stream, uintptr(unsafe.Pointer(&graph)))); err != nil {
		return g, errors.Join(err, t.dropGraph(graph))
	}
	err = t.d.call(cuGraphInstantiateWithFlags, uintptr(unsafe.Pointer(&g.exec)), graph, 0)
	return g, errors.Join(err, t.dropGraph(graph))
}

// dropGraph frees a recording that is not ready to start, if there is one.
func (t *Thread) dropGraph(graph uintptr) error {
	if graph == 0 {
		return nil
	}
	return t.d.call(cuGraphDestroy, graph)
}

// Replay starts a graph behind all that was started before.
func (t *Thread) Replay(g *Graph) error { return t.d.call(cuGraphLaunch, g.exec, g.stream) }

// Drop frees a graph.
func (t *Thread) Drop(g *Graph) error {
	var err error
	if g.exec != 0 {
		err = t.d.call(cuGraphExecDestroy, g.exec)
	}
	return errors.Join(err, t.d.call(cuStreamDestroy, g.stream))
}
