package cuda

import (
	"errors"
	"fmt"
	"math"

	"github.com/saedb/saedb/internal/cudadrv"
	"github.com/saedb/saedb/sae/train"
)

// Step does one step of training; see train.Backend. Where the driver fails, the error names the last good step, and every later call is an error too.
func (b *backend) Step(batch []float32, lr float64) (train.StepResult, error) {
	var res train.StepResult
	d := b.shape.d
	n := len(batch) / d
	if n == 0 || len(batch)%d != 0 || n > maxBatch {
		return res, fmt.Errorf("cuda: a batch of %d numbers is not 1 to %d rows of width %d", len(batch), maxBatch, d)
	}
	if b.broken != nil {
		return res, b.broken
	}
	var s statValues
	if err := b.context.Do(func(t *cudadrv.Thread) (err error) {
		s, err = b.one(t, batch, n, lr)
		return err
	}); err != nil {
		return res, b.fail(err, b.steps+1)
	}
	if s.okay == 0 {
		return b.result(s), fmt.Errorf("cuda: step %d: %w", b.steps+1, train.LossError(batch, d, lr))
	}
	b.count(s)
	return b.result(s), nil
}

// count takes a step into what the host knows of the run.
func (b *backend) count(s statValues) {
	b.steps++
	b.threshold = train.Follow(b.threshold, s.leastKept(), b.steps, b.epoch)
}

// result is what a step had to tell, in the words of sae/train.
func (b *backend) result(s statValues) train.StepResult {
	return train.StepResult{
		Loss: s.loss/float64(b.shape.n*b.shape.d) + s.aux, FVU: s.own / max(s.spread, math.SmallestNonzeroFloat64),
		Active: int(s.active), Dead: int(s.dead), Revived: int(s.revived),
	}
}

// one brings a batch onto the device, starts the kernels of a step and waits for what they have to tell. The rows of a run are not there any more then.
func (b *backend) one(t *cudadrv.Thread, batch []float32, n int, lr float64) (s statValues, err error) {
	if b.feed.data != nil {
		if err := t.Wait(); err != nil { // rows may be on their way to where the batch will be
			return s, err
		}
	}
	b.feed.data, b.feed.loaded = nil, -1
	if err := b.fit(t, n); err != nil {
		return s, err
	}
	p := placeValues{fresh: 1, begun: uint32(b.steps)}
	if err := errors.Join(
		cudadrv.Upload(t, b.memory[x], batch), cudadrv.Upload(t, b.memory[table], []stepValues{b.values(b.steps, lr)}),
		cudadrv.Upload(t, b.memory[place], []placeValues{p}), b.meet(t),
	); err != nil {
		return s, err
	}
	if err := b.launch(t, 1); err != nil {
		return s, err
	}
	all, err := b.hear(t, 0, 1)
	if err != nil {
		return s, err
	}
	return all[0], nil
}

// meet brings to the device which latents meet in the next step, where they drive each other apart.
func (b *backend) meet(t *cudadrv.Thread) error {
	if !b.shape.spread {
		return nil
	}
	return cudadrv.Upload(t, b.memory[meetings], narrow(b.cfg.Meetings(b.steps+1, b.shape.m)))
}

// values are the numbers of a step of the run.
func (b *backend) values(step int, lr float64) stepValues {
	active := b.cfg.ActiveAt(step, b.total)
	k := active
	if b.shape.batch {
		k = max(k, b.like.K)
	}
	overdue := int64(math.MaxInt32)
	if step+1 < b.reviveUntil {
		overdue = b.overdue
	}
	v := newStep(
		b.cfg.Optimiser(lr, b.cfg.WeightDecay, step+1), b.cfg.Optimiser(lr, b.cfg.WeightDecay+b.cfg.EncoderDecay, step+1),
		b.shape, k, overdue, b.epoch)
	v.clip, v.aux, v.spread = b.cfg.Clip, b.cfg.AuxWeight, float32(lr*b.cfg.CosinePenalty)
	v.l1, v.penalty = b.cfg.L1*float64(b.shape.d), float32(b.cfg.L1/float64(b.shape.n))
	v.share = uint32(active * b.shape.n)
	return v
}

func narrow(v []int) []uint32 {
	w := make([]uint32, len(v))
	for i, n := range v {
		w[i] = uint32(n)
	}
	return w
}

// fail keeps the error of steps that the device broke off, from the next one up to one.
func (b *backend) fail(err error, upto int) error {
	which := fmt.Sprintf("step %d", b.steps+1)
	if upto > b.steps+1 {
		which = fmt.Sprintf("steps %d to %d", b.steps+1, upto)
	}
	last := fmt.Sprintf("step %d was the last good one", b.steps)
	if b.steps == 0 {
		last = "no step was done before"
	}
	b.broken = fmt.Errorf("cuda: %s: %w; %s, and the last checkpoint is as it was", which, err, last)
	return b.broken
}
