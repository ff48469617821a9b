package cuda

import (
	"errors"
	"fmt"

	"github.com/saedb/saedb/internal/cudadrv"
	"github.com/saedb/saedb/sae/train"
)

// Steps does the next steps of the run, at most n; see train.Runner. What a step needs is on the device, so that the host starts many and then reads what all
// of them had to tell.
func (b *backend) Steps(n int) ([]train.StepResult, error) {
	switch {
	case b.broken != nil:
		return nil, b.broken
	case b.feed.data == nil:
		return nil, errors.New("cuda: steps of a run that has not begun: Begin gives the backend the rows")
	case b.steps >= b.feed.total:
		return nil, fmt.Errorf("cuda: all %d steps of the run are done", b.feed.total)
	}
	n = min(n, b.shape.epoch-b.steps%b.shape.epoch)
	if b.shape.spread {
		n = 1 // the host says which latents meet
	}
	var told []statValues
	if err := b.context.Do(func(t *cudadrv.Thread) (err error) {
		told, err = b.some(t, n)
		return err
	}); err != nil {
		return nil, b.fail(err, b.steps+n)
	}
	results := make([]train.StepResult, 0, len(told))
	for _, s := range told {
		if s.okay == 0 {
			return results, b.lossOf()
		}
		results = append(results, b.result(s))
		b.count(s)
	}
	return results, nil
}

// lossOf says what was wrong with the batch of the next step.
func (b *backend) lossOf() error {
	var batch []float32
	for _, row := range b.batchOf(b.steps) {
		batch = b.like.Standardise(batch, b.feed.data.Row(row))
	}
	return fmt.Errorf("cuda: step %d: %w", b.steps+1, train.LossError(batch, b.shape.d, b.cfg.RateAt(b.steps, b.feed.total)))
}

// some does steps, at most n, which lie in one epoch, and returns what they had to tell, up to one whose loss is no finite number.
func (b *backend) some(t *cudadrv.Thread, n int) ([]statValues, error) {
	epoch, at := b.steps/b.shape.epoch, b.steps%b.shape.epoch
	if err := b.load(t, epoch); err != nil {
		return nil, err
	}
	p := placeValues{at: uint32(at), fresh: 1, begun: uint32(epoch * b.shape.epoch)}
	if b.feed.resident {
		p.listed = 1
	} else {
		count, base, err := b.await(t, b.steps)
		if err != nil {
			return nil, err
		}
		n = min(n, count)
		p.base, p.first = uint32(base), p.at
	}
	if err := errors.Join(cudadrv.Upload(t, b.memory[place], []placeValues{p}), b.meet(t)); err != nil {
		return nil, err
	}
	if err := b.clock.time(t, n, func() error { return b.launch(t, n) }); err != nil {
		return nil, err
	}
	if !b.feed.resident {
		if err := b.prepare(t); err != nil { // while the device is at work
			return nil, err
		}
	}
	return b.hear(t, at, n)
}

// hear reads what n steps had to tell, the first of which was the at-th of its epoch. next keeps that of all but the last.
func (b *backend) hear(t *cudadrv.Thread, at, n int) ([]statValues, error) {
	all := make([]statValues, n)
	last := all[n-1:]
	if err := cudadrv.Download(t, last, b.memory[stats]); err != nil {
		return nil, err
	}
	if err := cudadrv.Download(t, all[:n-1], b.memory[told]+cudadrv.Ptr(at*statsSize)); err != nil {
		return nil, err
	}
	return all, nil
}

// launch starts the kernels of n steps: those of the very first one by one, from then on as graphs of one step or of many.
func (b *backend) launch(t *cudadrv.Thread, n int) error {
	for n > 0 {
		some := 1
		if b.warm && n >= b.shape.ahead {
			some = b.shape.ahead
		}
		if err := b.start(t, some); err != nil {
			return err
		}
		n -= some
	}
	return nil
}

// start starts the kernels of some steps, the first time as they are, from then on as a graph, which is recorded when all of them have run.
func (b *backend) start(t *cudadrv.Thread, steps int) error {
	if !b.warm {
		b.warm = true
		return b.each(t, steps)
	}
	g := b.graphs[steps]
	if g == nil {
		var err error
		if g, err = t.Record(func() error { return b.each(t, steps) }); err != nil {
			return fmt.Errorf("record the step: %w", err)
		}
		b.graphs[steps] = g
	}
	return t.Replay(g)
}

// each starts the kernels of some steps one by one.
func (b *backend) each(t *cudadrv.Thread, steps int) error {
	if b.shape.noise {
		if err := b.program.start(t, []launch{b.memory.noises(b.shape, steps, b.cfg.NoiseSeed(), float32(b.cfg.Noise))}); err != nil {
			return err
		}
	}
	for i := range steps {
		if err := b.memory.zero(t, b.shape, fired, deadFired, tallies); err != nil {
			return err
		}
		if err := b.program.start(t, b.list(i)); err != nil {
			return err
		}
	}
	return nil
}

// list is the kernels of a step, the i-th of those that are started at once.
func (b *backend) list(i int) []launch {
	all := []launch{b.memory.begin(b.shape)}
	all = append(all, b.memory.forward(b.shape, i)...)
	all = append(all, b.memory.backward(b.shape, b.cfg.UnitDecoder)...)
	if b.cfg.Revive > 0 {
		all = append(all, b.memory.revive(b.shape)...)
	}
	return all
}
