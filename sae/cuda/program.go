package cuda

import (
	"errors"
	"fmt"

	"github.com/saedb/saedb/internal/cudadrv"
	"github.com/saedb/saedb/sae/cuda/kernel"
)

// program is the kernels on the device.
type program struct {
	modules []cudadrv.Module
	kernels map[string]cudadrv.Function
}

// load brings all kernels onto the device, where the driver compiles them.
func (p *program) load(t *cudadrv.Thread) error {
	p.kernels = map[string]cudadrv.Function{}
	for _, name := range kernel.Names {
		ptx, err := kernel.PTX(name)
		if err != nil {
			return err
		}
		m, err := t.Load(ptx)
		if err != nil {
			return errors.Join(err, p.unload(t))
		}
		p.modules = append(p.modules, m)
		if p.kernels[name], err = t.Function(m, name); err != nil {
			return errors.Join(err, p.unload(t))
		}
	}
	return nil
}

// unload gives them back.
func (p *program) unload(t *cudadrv.Thread) error {
	var faults []error
	for _, m := range p.modules {
		faults = append(faults, t.Unload(m))
	}
	p.modules = nil
	return errors.Join(faults...)
}

// launch is one kernel of a step, ready to start: neither its grid nor its arguments change while the batch keeps its size.
type launch struct {
	name string
	grid cudadrv.Grid
	args *cudadrv.Args
}

// start starts kernels one after the other.
func (p *program) start(t *cudadrv.Thread, list []launch) error {
	for _, l := range list {
		if err := t.Launch(p.kernels[l.name], l.grid, 0, l.args); err != nil {
			return fmt.Errorf("kernel %s: %w", l.name, err)
		}
	}
	return nil
}

// bind gives a kernel its arguments: buffers, numbers, and nil for a buffer that there is not.
func (m *memory) bind(name string, grid cudadrv.Grid, args ...any) launch {
	for i, a := range args {
		switch a := a.(type) {
		case slot:
			args[i] = m[a]
		case int:
			args[i] = int32(a)
		case nil:
			args[i] = cudadrv.Ptr(0)
		}
	}
	return launch{name, grid, cudadrv.NewArgs(args...)}
}

// forward lists the kernels up to the loss.
func (m *memory) forward(s shape) []launch {
	rows := cudadrv.Grid{BlocksX: s.n, ThreadsX: 128}
	return []launch{
		m.bind("center", rows, x, nil, noise, bdec, centred, in, squares, s.d),
		m.encode(s),
		m.bind("topk", cudadrv.Grid{BlocksX: s.n, ThreadsX: 256}, h, peak, step, index, act, count, fired, s.m, s.groups(), s.words(), s.k),
		m.bind("decode", rows, index, act, count, dec, centred, step, e, delta, h, loss, s.m, s.d, s.k),
		m.bind("columns", cudadrv.Grid{BlocksX: ceil(s.d, 128), BlocksY: s.runs(), ThreadsX: 128}, centred, e, cSums, eSums, s.n, s.d),
		m.bind("measure", cudadrv.Grid{BlocksX: 1, ThreadsX: 256}, loss, squares, count, cSums, stats, s.n, s.d, s.runs()),
	}
}

// encode is the encoder's product, of float32 with the bits of the CPU.
func (m *memory) encode(s shape) launch {
	name, side := "encode", s.precision.side()
	if s.precision != F32 {
		name = s.precision.kernel(name)
	}
	return m.bind(name, cudadrv.Grid{BlocksX: ceil(s.m, side), BlocksY: ceil(s.n, side), ThreadsX: 256}, s.seen(), enc, benc, h, peak, s.n, s.m, s.d, s.groups())
}

// backward lists the kernels that move weights; they do nothing where the loss is not finite.
func (m *memory) backward(s shape, unit int) []launch {
	return []launch{
		m.bind("pull", cudadrv.Grid{BlocksX: s.pulls(), ThreadsX: 128}, fired, h, delta, enc, gradient, pulls, s.m, s.d, s.words(), s.k),
		m.bind("latent", cudadrv.Grid{BlocksX: s.m, ThreadsX: 256}, fired, h, act, delta, e, s.seen(), gradient,
			dec, decM, decV, enc, encM, encV, benc, bencM, bencV, idle, step, stats, s.m, s.d, s.words(), s.k, unit),
		m.bind("bias", cudadrv.Grid{BlocksX: ceil(s.d, 32), ThreadsX: 32, ThreadsY: 8}, eSums, pulls, bdec, bdecM, bdecV, step, stats, s.runs(), s.pulls(), s.d),
	}
}

// point is the kernel that gives so many latents a new start.
func (m *memory) point(s shape, many int) launch {
	return m.bind("point", cudadrv.Grid{BlocksX: many, ThreadsX: 128}, startLatents, startRows, e, dec, decM, decV, enc, encM, encV, benc, bencM, bencV, idle, s.d)
}

// seen is what the encoder sees.
func (s shape) seen() slot {
	if s.noise {
		return in
	}
	return centred
}
