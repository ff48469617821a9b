package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/saedb/saedb/cmd/saectl/internal/runs"
	"github.com/saedb/saedb/sae/train"
)

// logPoints is about how many lines metrics.jsonl has at the end of a run: more
// than a chart can show, few enough to read whole.
const logPoints = 2000

// trainWatch follows a run: it shows progress, logs it, and keeps checkpoints.
type trainWatch struct {
	j       *trainJob
	log     *runs.Log
	bar     *progress
	first   int // the first step of this process
	revived int
	held    string // the last measure of the rows held out, for the progress
	saved   time.Time
}

// step is called after every step.
func (w *trainWatch) step(s train.Step) error {
	if w.log == nil {
		log, err := w.j.run.Log(s.Step)
		if err != nil {
			return err
		}
		w.log, w.first = log, s.Step
		w.bar = w.j.a.progress("steps", s.Steps-s.Step+1)
	}
	w.revived += s.Revived
	if s.Held != 0 {
		w.held = fmt.Sprintf(" (held out %.4f)", s.Held)
	}
	w.bar.update(s.Step-w.first+1, fmt.Sprintf("epoch %d of %d, loss %.4g, FVU %.4f%s, %s dead, %s vectors/s",
		s.Epoch, s.Epochs, s.Loss, s.FVU, w.held, thousands(s.Dead), thousands(int(s.Rate))))
	if every := max(1, s.Steps/logPoints); s.Step%every != 0 && s.Step != s.Steps && s.Held == 0 {
		return nil
	}
	p := runs.Point{Step: s.Step, Epoch: s.Epoch, LR: s.LR, Loss: s.Loss, FVU: s.FVU, Dead: s.Dead, Revived: w.revived, Held: s.Held}
	w.revived = 0
	return w.log.Add(p)
}

// save keeps a checkpoint when the last is old enough, and always once the run is
// being stopped.
func (w *trainWatch) save(ctx context.Context) func(func(io.Writer) error) error {
	return func(write func(io.Writer) error) error {
		now := w.j.a.now()
		if ctx.Err() == nil && now.Sub(w.saved) < w.j.opts.checkpoint {
			return nil
		}
		w.saved = now
		return w.j.run.SaveCheckpoint(write)
	}
}

func (w *trainWatch) close() {
	if w.log != nil {
		w.bar.end()
		_ = w.log.Close() // every line was written when it was added
	}
}
