package train

import (
	"fmt"
	"math"
	"slices"

	"github.com/saedb/saedb/internal/safetensors"
	"github.com/saedb/saedb/sae"
)

// Watch has held measured after every epoch: rows that the run does not train on. With cfg.Patience the run ends early when they are
// no longer reconstructed better, and its result is the model that did best on them.
func Watch(held Dataset) Option { return func(o *options) { o.watch = held } }

// watched is what a run knows of the rows it watches.
type watched struct {
	FVU   float64 `json:"fvu,omitempty"`   // of the last epoch
	Best  float64 `json:"best,omitempty"`  // of all
	Epoch int     `json:"epoch,omitempty"` // the one that was best
	model *sae.Model
}

// look measures the model after an epoch, and says whether patience has run out.
func (w *watched) look(cfg Config, held Dataset, m *sae.Model, epoch int) (enough bool) {
	w.FVU = Measure(m, held, cfg.Threads).FVUBatch
	if w.Epoch == 0 || w.FVU < w.Best && !math.IsNaN(w.FVU) {
		w.Best, w.Epoch = w.FVU, epoch
		if cfg.Patience > 0 {
			w.model = m
		}
	}
	return cfg.Patience > 0 && epoch-w.Epoch >= cfg.Patience
}

// result is the model that a run gives back: the best one where it has one, else the last.
func (w *watched) result(last *sae.Model) *sae.Model {
	if w.model != nil {
		return w.model
	}
	return last
}

// The names that the best model's tensors have in a checkpoint.
var bestTensors = []string{"best.W_enc", "best.W_dec", "best.b_enc", "best.b_dec"}

func parts(m *sae.Model) []*[]float32 { return []*[]float32{&m.Wenc, &m.Wdec, &m.Benc, &m.Bdec} }

// store adds the best model to a checkpoint's state.
func (w *watched) store(f *safetensors.File) {
	if w.model == nil {
		return
	}
	for i, t := range parts(w.model) {
		f.PutF32(bestTensors[i], *t)
	}
	f.PutF32("best.threshold", []float32{w.model.Threshold})
	f.PutI64("best.steps", []int64{int64(w.model.Info.Steps)})
}

// load takes the best model from a checkpoint's state; like is the model at hand.
func (w *watched) load(f *safetensors.File, like *sae.Model) error {
	if w.Epoch == 0 || !slices.Contains(f.Names(), bestTensors[0]) {
		return nil
	}
	m := like.Clone()
	for i, t := range parts(m) {
		read, err := f.F32(bestTensors[i], len(*t))
		if err != nil {
			return fmt.Errorf("train: restore: %w", err)
		}
		*t = read
	}
	threshold, err := f.F32("best.threshold", 1)
	if err != nil {
		return fmt.Errorf("train: restore: %w", err)
	}
	steps, err := f.I64("best.steps", 1)
	if err != nil {
		return fmt.Errorf("train: restore: %w", err)
	}
	m.Threshold, m.Info.Steps = threshold[0], int(steps[0])
	w.model = m
	return nil
}
