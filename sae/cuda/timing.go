package cuda

import (
	"errors"
	"slices"

	"github.com/saedb/saedb/internal/cudadrv"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/train"
)

// Timing is what steps took on the device, from the start of their first kernel to the end of their last.
type Timing struct {
	MS     []float64 // of a step, each the mean of one call's
	Losses []float64
	Dense  bool // codes were multiplied as dense matrices
	Stream bool // the rows did not fit the device
}

// Time trains for some epochs and measures, by the device's own clock, all of them but the first.
func Time(cfg train.Config, init *sae.Model, data train.Dataset, o Options, epochs int) (timing Timing, err error) {
	b, err := newBackend(cfg, init, o)
	if err != nil {
		return timing, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if err := b.Begin(data); err != nil {
		return timing, err
	}
	timing.Dense, timing.Stream = b.shape.dense, !b.feed.resident
	steps := epochs * b.shape.epoch
	for b.steps < steps {
		if b.steps == b.shape.epoch {
			b.clock = &clock{}
		}
		some, err := b.Steps(steps - b.steps)
		if err != nil {
			return timing, err
		}
		for _, res := range some {
			timing.Losses = append(timing.Losses, res.Loss)
		}
	}
	if b.clock != nil {
		err = b.context.Do(func(t *cudadrv.Thread) (err error) {
			timing.MS, err = b.clock.read(t)
			return err
		})
	}
	return timing, err
}

// Kernels are the names of those that a step of a configuration starts.
func Kernels(cfg train.Config, init *sae.Model, o Options) []string {
	n := cfg.BatchOf(max(init.Info.Rows, 1))
	s := shapeOf(cfg, init, n, o.Precision.of(n))
	return slices.DeleteFunc(s.needs(), func(name string) bool {
		return name == "noise" && !s.noise || (name == "choose" || name == "point") && cfg.Revive == 0
	})
}

// EncodeKernels are those that an Encoder starts.
func EncodeKernels() []string { return append([]string{}, encodeKernels...) }

// clock has a pair of events around each call's steps. A nil clock measures nothing.
type clock struct {
	laps []lap
}

// lap is one call.
type lap struct {
	from, to cudadrv.Event
	steps    int
}

// time runs f, which starts some steps, between two events.
func (c *clock) time(t *cudadrv.Thread, steps int, f func() error) (err error) {
	if c == nil {
		return f()
	}
	l := lap{steps: steps}
	if l.from, err = t.NewEvent(true); err != nil {
		return err
	}
	if l.to, err = t.NewEvent(true); err != nil {
		return errors.Join(err, t.DropEvent(l.from))
	}
	c.laps = append(c.laps, l)
	return errors.Join(t.Mark(l.from), f(), t.Mark(l.to))
}

// read returns the milliseconds of a step of each lap, and drops the events.
func (c *clock) read(t *cudadrv.Thread) (ms []float64, err error) {
	for _, l := range c.laps {
		between, fault := t.Elapsed(l.from, l.to)
		err = errors.Join(err, fault)
		ms = append(ms, float64(between)/float64(l.steps))
	}
	return ms, errors.Join(err, c.drop(t))
}

// drop frees the events.
func (c *clock) drop(t *cudadrv.Thread) error {
	if c == nil {
		return nil
	}
	var faults []error
	for _, l := range c.laps {
		faults = append(faults, t.DropEvent(l.from), t.DropEvent(l.to))
	}
	c.laps = nil
	return errors.Join(faults...)
}
