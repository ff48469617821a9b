package cudadrv

import (
	"errors"
	"unsafe"
)

// Graph is a piece of work that was recorded and is started as one.
type Graph struct{ exec uintptr }

// captureRelaxed lets other calls of this thread do what a capture would otherwise forbid.
const captureRelaxed = 2

// Record has f start kernels and clear memory, none of which happens, and returns it as a graph. There must be a stream in use (see Use), and f must not do
// anything else with the device. Kernels should have run before: a driver that brings them onto the device only then cannot do so in a recording.
func (t *Thread) Record(f func() error) (g *Graph, err error) {
	if err := t.d.call(cuStreamBeginCapture, t.stream, captureRelaxed); err != nil {
		return nil, err
	}
	err = f()
	var graph uintptr
	if err := errors.Join(err, t.d.call(cuStreamEndCapture, t.stream, uintptr(unsafe.Pointer(&graph)))); err != nil {
		return nil, errors.Join(err, t.dropGraph(graph))
	}
	g = &Graph{}
	err = t.d.call(cuGraphInstantiateWithFlags, uintptr(unsafe.Pointer(&g.exec)), graph, 0)
	if err = errors.Join(err, t.dropGraph(graph)); err != nil {
		return nil, errors.Join(err, t.Drop(g))
	}
	return g, nil
}

// dropGraph frees a recording that is not ready to start, if there is one.
func (t *Thread) dropGraph(graph uintptr) error {
	if graph == 0 {
		return nil
	}
	return t.d.call(cuGraphDestroy, graph)
}

// Replay starts a graph behind all that was started before.
func (t *Thread) Replay(g *Graph) error { return t.d.call(cuGraphLaunch, g.exec, t.stream) }

// Drop frees a graph.
func (t *Thread) Drop(g *Graph) error {
	if g.exec == 0 {
		return nil
	}
	return t.d.call(cuGraphExecDestroy, g.exec)
}
