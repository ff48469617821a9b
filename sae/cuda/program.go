package cuda

import (
	"errors"
	"fmt"
	"slices"

	"github.com/saedb/saedb/internal/cudadrv"
	"github.com/saedb/saedb/sae/cuda/kernel"
	"github.com/saedb/saedb/sae/train"
)

// program is the kernels on the device.
type program struct {
	modules []cudadrv.Module
	kernels map[string]cudadrv.Function
}

// load brings kernels onto the device, where the driver compiles them.
func (p *program) load(t *cudadrv.Thread, names []string) error {
	if p.kernels == nil {
		p.kernels = map[string]cudadrv.Function{}
	}
	for _, name := range names {
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
	p.modules, p.kernels = nil, nil
	return errors.Join(faults...)
}

// needs are the kernels of a shape.
func (s shape) needs() []string {
	var nothing memory
	var names []string
	for _, l := range slices.Concat([]launch{nothing.begin(s), nothing.noises(s, 1, 0, 0)}, nothing.forward(s, 0), nothing.backward(s, false), nothing.revive(s)) {
		if !slices.Contains(names, l.name) {
			names = append(names, l.name)
		}
	}
	return names
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

// bind gives a kernel its arguments: buffers, which may be missing, numbers, and nil for a buffer that there is not.
func (m *memory) bind(name string, grid cudadrv.Grid, args ...any) launch {
	for i, a := range args {
		switch a := a.(type) {
		case slot:
			args[i] = m[a]
		case int:
			args[i] = int32(a)
		case bool:
			args[i] = int32(0)
			if a {
				args[i] = int32(1)
			}
		case nil:
			args[i] = cudadrv.Ptr(0)
		}
	}
	return launch{name, grid, cudadrv.NewArgs(args...)}
}

// begin is the kernel that brings to a step what it needs.
func (m *memory) begin(s shape) launch {
	return m.bind("next", cudadrv.Grid{BlocksX: 1, ThreadsX: 256}, place, table, sequence, told, step, stats, rows, s.n)
}

// noises is the kernel that makes the noise of so many steps.
func (m *memory) noises(s shape, steps int, seed uint64, sigma float32) launch {
	all := steps * s.n
	return m.bind("noise", cudadrv.Grid{BlocksX: ceil(all, 32), ThreadsX: 32}, place, ziggurat, noise, uint32(seed>>32), uint32(seed), sigma, all, s.n, s.d)
}

// forward lists the kernels up to the loss, of a step that is the i-th of those whose noise was made at once.
func (m *memory) forward(s shape, i int) []launch {
	list := m.codes(s, i)
	if s.levels > 1 {
		list = append(list, m.bind("ladder", s.rows(), index, act, count, rungs, level, order, ends, s.k, s.levels, s.prefix))
	}
	if s.dense {
		list = append(list,
			m.bind("scatter", cudadrv.Grid{BlocksX: s.n, ThreadsX: 256}, index, act, count, h, s.m, s.k),
			m.product("blend", s, ceil(s.d, s.precision.side()), ceil(s.n, s.precision.side())*s.shares(), h, dec, parts, s.n, s.m, s.d, s.share()),
			m.bind("residual", s.rows(), parts, centred, act, count, step, e, loss, ownLoss, s.n, s.d, s.shares(), s.k))
	} else {
		list = append(list, m.bind("decode", s.rows(), index, act, count, level, order, ends, rungWeights, dec, centred, step,
			e, delta, h, loss, ownLoss, rest, s.m, s.d, s.k, s.rungs(), s.own))
	}
	list = append(list,
		m.bind("columns", cudadrv.Grid{BlocksX: ceil(s.d, 128), BlocksY: s.runs(), ThreadsX: 128}, centred, e, cSums, eSums, s.n, s.d, s.rungs()),
		m.bind("measure", one, loss, ownLoss, squares, count, cSums, step, stats, deadState, s.n, s.d, s.runs(), s.cap, s.auxK))
	if s.auxK > 0 {
		list = append(list,
			m.bind("decode_dead", s.rows(), deadIndex, deadAct, deadCount, dec, rest, deadState, deadE, deadDelta, deadLoss, s.d, s.auxK),
			m.bind("measure_dead", one, deadLoss, deadState, stats, s.n))
	}
	return list
}

// one is a grid of one block.
var one = cudadrv.Grid{BlocksX: 1, ThreadsX: 256}

// rows is a grid with a block for each row of the batch.
func (s shape) rows() cudadrv.Grid { return cudadrv.Grid{BlocksX: s.n, ThreadsX: 128} }

// codes lists the kernels up to what fires, of such a step.
func (m *memory) codes(s shape, i int) []launch {
	each, bits := cudadrv.Grid{BlocksX: s.n, ThreadsX: 256}, any(fired)
	if s.batch {
		bits = nil // it is not decided yet
	}
	list := []launch{
		m.bind("center", s.rows(), x, rows, m.noiseOf(s, i), bdec, centred, in, squares, s.d),
		m.encode(s),
		m.bind("topk", each, h, peak, step, index, act, count, bits, s.m, s.groups(), s.words(), s.k),
	}
	if s.batch {
		for round := range 5 {
			list = append(list, m.bind("tally", each, act, count, step, tallies, ties, s.k, round))
		}
		list = append(list, m.bind("share", each, index, act, count, step, tallies, ties, fired, stats, s.words(), s.k))
	}
	if s.auxK > 0 {
		list = append(list,
			m.bind("dead", one, idle, step, deadList, deadState, s.m),
			m.bind("topk_dead", each, h, deadList, deadState, deadIndex, deadAct, deadCount, deadFired, s.m, s.words(), s.auxK))
	}
	return list
}

// product is a kernel of products in the precision of a shape, with so many squares along both sides of the result.
func (m *memory) product(name string, s shape, wide, high int, args ...any) launch {
	return m.bind(s.precision.kernel(name), cudadrv.Grid{BlocksX: wide, BlocksY: high, ThreadsX: 256}, args...)
}

// encode is the encoder's product, of float32 with the bits of the CPU.
func (m *memory) encode(s shape) launch {
	name, side := "encode", s.precision.side()
	if s.precision != F32 {
		name = s.precision.kernel(name)
	}
	return m.bind(name, cudadrv.Grid{BlocksX: ceil(s.m, side), BlocksY: ceil(s.n, side), ThreadsX: 256}, s.seen(), enc, benc, h, peak, s.n, s.m, s.d, s.groups())
}

// noiseOf is the noise of the i-th step; 0: there is none.
func (m *memory) noiseOf(s shape, i int) cudadrv.Ptr {
	if !s.noise {
		return 0
	}
	return m[noise] + cudadrv.Ptr(4*i*s.n*s.d)
}

// backward lists the kernels that move weights; they do nothing where the loss is not finite.
func (m *memory) backward(s shape, unit bool) []launch {
	side := s.precision.side()
	var list []launch
	places := any(h)
	if s.dense {
		places = nil
		list = append(list,
			m.product("delta", s, ceil(s.m, side), ceil(s.n, side), e, dec, h, step, delta, s.n, s.m, s.d),
			m.product("collect", s, ceil(s.d, side), ceil(s.m, side), h, e, decGradient, s.n, s.m, s.d),
			m.product("collect", s, ceil(s.d, side), ceil(s.m, side), delta, s.seen(), encGradient, s.n, s.m, s.d))
	}
	list = append(list, m.bind("pull", cudadrv.Grid{BlocksX: s.pulls(), ThreadsX: 128}, fired, places, delta, deadState, deadFired, deadIndex, deadCount, deadDelta,
		enc, gradient, pulls, s.m, s.d, s.words(), s.k, s.auxK))
	if s.clip {
		list = append(list, m.latents(s, unit, rowSquares), m.bias(s, wholeBias),
			m.bind("clip", cudadrv.Grid{BlocksX: 1, ThreadsX: 256}, rowSquares, wholeBias, step, stats, s.m, s.d))
	}
	list = append(list, m.latents(s, unit, nil), m.bias(s, nil))
	if s.spread {
		list = append(list, m.bind("spread", cudadrv.Grid{BlocksX: ceil(s.m, train.SpreadRun), ThreadsX: 256}, meetings, dec, step, stats, s.m, s.d))
	}
	return list
}

// latents is the kernel that moves them along their gradients, or instead leaves the squares of those.
func (m *memory) latents(s shape, unit bool, instead any) launch {
	grid := cudadrv.Grid{BlocksX: s.m, ThreadsX: 256}
	if s.dense {
		return m.bind("settle", grid, fired, decGradient, encGradient, gradient,
			dec, decM, decV, enc, encM, encV, benc, bencM, bencV, idle, step, stats, instead, s.d, s.words(), unit)
	}
	return m.bind("latent", grid, fired, h, act, delta, level, e, s.seen(), gradient,
		deadState, deadFired, deadIndex, deadAct, deadCount, deadDelta, deadE, dec, decM, decV, enc, encM, encV, benc, bencM, bencV, idle, step, stats, instead, s.m, s.d, s.words(), s.k, s.auxK, s.rungs(), s.own, unit)
}

// bias is the kernel that moves b_dec along its gradient, or instead leaves that.
func (m *memory) bias(s shape, instead any) launch {
	return m.bind("bias", cudadrv.Grid{BlocksX: ceil(s.d, 32), ThreadsX: 32, ThreadsY: 8}, eSums, pulls, bdec, bdecM, bdecV, step, stats, instead, s.runs(), s.pulls(), s.d)
}

// revive lists the kernels that give overdue latents a new start; where there are none they do nothing.
func (m *memory) revive(s shape) []launch {
	return []launch{
		m.bind("choose", cudadrv.Grid{BlocksX: 1, ThreadsX: 256}, idle, loss, stats, starts, s.m, s.n),
		m.bind("point", cudadrv.Grid{BlocksX: maxStarts, ThreadsX: 128}, starts, e, dec, decM, decV, enc, encM, encV, benc, bencM, bencV, idle, s.d, s.rungs(), s.own),
	}
}

// seen is what the encoder sees.
func (s shape) seen() slot {
	if s.noise {
		return in
	}
	return centred
}
