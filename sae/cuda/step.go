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
		s, err = b.run(t, batch, n, lr)
		return err
	}); err != nil {
		return res, b.fail(err)
	}
	res = train.StepResult{
		Loss: s.loss/float64(n*d) + s.aux, FVU: s.own / max(s.spread, math.SmallestNonzeroFloat64),
		Active: int(s.active), Dead: int(s.dead),
	}
	if s.okay == 0 {
		return res, fmt.Errorf("cuda: step %d: %w", b.steps+1, train.LossError(batch, d, lr))
	}
	b.steps++
	b.threshold = train.Follow(b.threshold, s.leastKept(), b.steps, b.epoch)
	if b.steps >= b.reviveUntil || s.late == 0 {
		return res, nil
	}
	if err := b.context.Do(func(t *cudadrv.Thread) (err error) {
		res.Revived, err = b.revive(t)
		return err
	}); err != nil {
		return res, b.fail(err)
	}
	return res, nil
}

// run brings a batch onto the device, starts the kernels and waits for what they have to tell.
func (b *backend) run(t *cudadrv.Thread, batch []float32, n int, lr float64) (s statValues, err error) {
	if err := b.fit(t, n); err != nil {
		return s, err
	}
	if err := b.feed(t, batch, lr); err != nil {
		return s, err
	}
	if err := b.start(t); err != nil {
		return s, err
	}
	told := []statValues{{}}
	err = cudadrv.Download(t, told, b.memory[stats])
	return told[0], err
}

// start starts the kernels of a step: the first time one by one, from then on as one graph, which is recorded when all of them have run.
func (b *backend) start(t *cudadrv.Thread) (err error) {
	each := func() error {
		if err := b.memory.zero(t, b.shape, fired, stats, deadFired, tallies); err != nil {
			return err
		}
		return b.program.start(t, b.list)
	}
	if !b.warm {
		b.warm = true
		return each()
	}
	if b.graph == nil {
		if b.graph, err = t.Record(each); err != nil {
			return fmt.Errorf("record the step: %w", err)
		}
	}
	return t.Replay(b.graph)
}

// feed uploads what is new in a step: rows, noise, the numbers of the optimiser.
func (b *backend) feed(t *cudadrv.Thread, batch []float32, lr float64) error {
	if err := cudadrv.Upload(t, b.memory[x], batch); err != nil {
		return err
	}
	if b.shape.noise {
		b.noise = append(b.noise[:0], make([]float32, len(batch))...)
		for i := range b.shape.n {
			b.cfg.AddNoise(b.noise[i*b.shape.d:(i+1)*b.shape.d], b.steps, i)
		}
		if err := cudadrv.Upload(t, b.memory[noise], b.noise); err != nil {
			return err
		}
	}
	if b.shape.spread {
		if err := cudadrv.Upload(t, b.memory[meetings], narrow(b.cfg.Meetings(b.steps+1, b.shape.m))); err != nil {
			return err
		}
	}
	return cudadrv.Upload(t, b.memory[step], []stepValues{b.values(lr)})
}

// values are the numbers of the step to come.
func (b *backend) values(lr float64) stepValues {
	active := b.cfg.ActiveAt(b.steps, b.total)
	k := active
	if b.shape.batch {
		k = max(k, b.like.K)
	}
	v := newStep(
		b.cfg.Optimiser(lr, b.cfg.WeightDecay, b.steps+1), b.cfg.Optimiser(lr, b.cfg.WeightDecay+b.cfg.EncoderDecay, b.steps+1),
		b.shape, k, b.overdue, b.epoch)
	v.clip, v.aux, v.spread = b.cfg.Clip, b.cfg.AuxWeight, float32(lr*b.cfg.CosinePenalty)
	v.l1, v.penalty = b.cfg.L1*float64(b.shape.d), float32(b.cfg.L1/float64(b.shape.n))
	v.share = uint32(active * b.shape.n)
	return v
}

// revive gives latents that have been silent for too long a new start, and returns how many.
func (b *backend) revive(t *cudadrv.Thread) (int, error) {
	silent, lost := make([]int64, b.shape.m), make([]float64, b.shape.n)
	if err := errors.Join(cudadrv.Download(t, silent, b.memory[idle]), cudadrv.Download(t, lost, b.memory[loss])); err != nil {
		return 0, err
	}
	latents, rows := train.NewStarts(silent, lost, b.overdue)
	if len(latents) == 0 {
		return 0, nil
	}
	for _, v := range []struct {
		to   slot
		what []int
	}{{startLatents, latents}, {startRows, rows}} {
		if err := cudadrv.Upload(t, b.memory[v.to], narrow(v.what)); err != nil {
			return 0, err
		}
	}
	if err := b.program.start(t, []launch{b.memory.point(b.shape, len(latents))}); err != nil {
		return 0, err
	}
	return len(latents), t.Wait()
}

func narrow(v []int) []uint32 {
	w := make([]uint32, len(v))
	for i, n := range v {
		w[i] = uint32(n)
	}
	return w
}

// fail keeps the error of a step that the device broke off.
func (b *backend) fail(err error) error {
	last := fmt.Sprintf("step %d was the last good one", b.steps)
	if b.steps == 0 {
		last = "no step was done before"
	}
	b.broken = fmt.Errorf("cuda: step %d: %w; %s, and the last checkpoint is as it was", b.steps+1, err, last)
	return b.broken
}
