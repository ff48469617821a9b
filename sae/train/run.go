package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/saedb/saedb/sae"
)

// Step is the progress of a run after one step.
type Step struct {
	Step, Steps   int // steps done, steps of the whole run
	Epoch, Epochs int // the epoch this step belongs to, from 1
	LR            float64
	Loss          float64 // of this step's batch
	FVU           float64 // running mean over about the last epoch, at most 100 steps
	L0            float64 // mean number of active latents per row of the batch
	Dead          int     // latents that have not fired for an epoch
	Revived       int     // dead latents given a new start in this step
	Rate          float64 // vectors per second since Run began
	Held          float64 // FVU of the watched rows, in the last step of an epoch; else 0
}

// Option observes a run; see OnStep, Checkpoint and ResumeFrom.
type Option func(*options)

type options struct {
	onStep func(Step) error
	every  int
	save   func(write func(io.Writer) error) error
	resume io.Reader
	watch  Dataset
}

// OnStep has f called after every step. An error stops the run, which returns it.
func OnStep(f func(Step) error) Option { return func(o *options) { o.onStep = f } }

// Checkpoint has save called after every so many steps (0: never), and when the
// context is cancelled. save calls write once with a place for the checkpoint, and
// should replace the last one only when write has succeeded. Of the steps that a Runner
// does at once it is called after the last.
func Checkpoint(every int, save func(write func(io.Writer) error) error) Option {
	return func(o *options) { o.every, o.save = every, save }
}

// ResumeFrom continues the run whose checkpoint r holds. Configuration and data must
// be those of that run; the result is that of a run that was never stopped.
func ResumeFrom(r io.Reader) Option { return func(o *options) { o.resume = r } }

// Run trains b on all rows of data: cfg.Epochs passes, each in an order of its own,
// with the learning rates of its schedule. It returns the trained model.
//
// When ctx ends, Run finishes the step, or the steps that a Runner does at once, writes a checkpoint if there is a place for
// one, and returns the context's error. A loss that is not finite is ErrLoss; the last
// checkpoint stays as it is.
func Run(ctx context.Context, cfg Config, data Dataset, b Backend, opts ...Option) (*sae.Model, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	n, batch := data.Len(), cfg.batch(data.Len())
	perEpoch, steps := cfg.stepsPerEpoch(n), cfg.Steps(n)
	if n == 0 {
		return nil, errors.New("train: no rows to train on")
	}
	model, err := b.Model()
	if err != nil {
		return nil, err
	}
	model.Wenc, model.Wdec, model.Benc = nil, nil, nil // what remains says how rows are standardised
	if data.Dim() != model.D {
		return nil, fmt.Errorf("train: rows of width %d for a model of width %d", data.Dim(), model.D)
	}
	if cfg.Patience > 0 && (o.watch == nil || o.watch.Len() == 0) {
		return nil, fmt.Errorf("train: patience of %d epochs and no rows to watch; keep some back, or leave patience at 0", cfg.Patience)
	}
	if o.watch != nil && o.watch.Len() > 0 && o.watch.Dim() != model.D {
		return nil, fmt.Errorf("train: watched rows of width %d for a model of width %d", o.watch.Dim(), model.D)
	}
	place := position{}
	if o.resume != nil || o.save != nil {
		place.Data = fmt.Sprintf("%x", digest(data))
	}
	if o.resume != nil {
		if err := place.restore(o.resume, cfg, b); err != nil {
			return nil, err
		}
	}
	save := func() error {
		if o.save == nil {
			return nil
		}
		return o.save(func(w io.Writer) error { return place.write(w, cfg, b) })
	}

	next := stepper(cfg, data, b, model)
	if r, ok := b.(Runner); ok {
		if err := r.Begin(data); err != nil {
			return nil, err
		}
		next = func(int) ([]StepResult, error) { return r.Steps(atOnce) }
	}
	begun, first := time.Now(), place.Step // for Rate alone
	for enough := false; place.Step < steps && !enough; {
		if ctx.Err() != nil {
			if err := save(); err != nil {
				return nil, fmt.Errorf("train: stopped after step %d of %d, and the checkpoint could not be written: %w", place.Step, steps, err)
			}
			return nil, fmt.Errorf("train: stopped after step %d of %d: %w", place.Step, steps, context.Cause(ctx))
		}
		before := place.Step
		results, failed := next(place.Step)
		for _, res := range results {
			step := place.Step
			place.Step++
			place.average(res.FVU, perEpoch)
			held := 0.0
			if place.Step%perEpoch == 0 && o.watch != nil && o.watch.Len() > 0 {
				now, err := b.Model()
				if err != nil {
					return nil, err
				}
				enough = place.Watched.look(cfg, o.watch, now, place.Step/perEpoch)
				held = place.Watched.FVU
			}
			if o.onStep == nil {
				continue
			}
			err := o.onStep(Step{
				Step: place.Step, Steps: steps, Epoch: step/perEpoch + 1, Epochs: cfg.Epochs, LR: cfg.rate(step, steps),
				Loss: res.Loss, FVU: place.FVU, L0: float64(res.Active) / float64(batch), Dead: res.Dead, Revived: res.Revived,
				Rate: float64((place.Step-first)*batch) / time.Since(begun).Seconds(), Held: held,
			})
			if err != nil {
				return nil, err
			}
		}
		if bad, ok := errors.AsType[*RowError](failed); ok {
			row := order(cfg.Seed, place.Step/perEpoch, n)[place.Step%perEpoch*batch+bad.Row]
			return nil, fmt.Errorf("%w; it is row %d of the data", failed, row)
		}
		if failed != nil {
			return nil, failed
		}
		if o.every > 0 && place.Step/o.every > before/o.every && place.Step < steps && !enough {
			if err := save(); err != nil {
				return nil, fmt.Errorf("train: checkpoint after step %d: %w", place.Step, err)
			}
		}
	}
	if model, err = b.Model(); err != nil {
		return nil, err
	}
	model = place.Watched.result(model)
	return model, model.Validate()
}

// atOnce is how many steps a Runner is asked for, at most: their time is how long a run may go on after its context has ended.
const atOnce = 64

// stepper does one step of a run, the one of that number, on the rows that are its batch.
func stepper(cfg Config, data Dataset, b Backend, model *sae.Model) func(step int) ([]StepResult, error) {
	n, batch := data.Len(), cfg.batch(data.Len())
	perEpoch, steps := cfg.stepsPerEpoch(n), cfg.Steps(n)
	x := make([]float32, 0, batch*model.D)
	var rows []int
	return func(step int) ([]StepResult, error) {
		at := step % perEpoch
		if rows == nil || at == 0 {
			rows = order(cfg.Seed, step/perEpoch, n)
		}
		x = x[:0]
		for _, row := range rows[at*batch : (at+1)*batch] {
			x = model.Standardise(x, data.Row(row))
		}
		res, err := b.Step(x, cfg.rate(step, steps))
		if err != nil {
			return nil, err
		}
		return []StepResult{res}, nil
	}
}

// Measure returns the metrics of m over data.
func Measure(m *sae.Model, data Dataset, threads int) sae.Metrics {
	t := sae.NewMeter(m.M)
	x := make([]float32, 0, 1024*m.D)
	for i := range data.Len() {
		x = append(x, data.Row(i)...)
		if len(x) == cap(x) || i == data.Len()-1 {
			t.Measure(m, x, threads)
			x = x[:0]
		}
	}
	return t.Metrics()
}
