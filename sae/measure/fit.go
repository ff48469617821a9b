package measure

import (
	"math"

	"github.com/saedb/saedb/sae"
)

// The rule of Fit.
const (
	fitLeast  = 30   // rows, below which nothing is said
	fitFactor = 1.5  // times the loss on rows like those trained on
	fitFloor  = 0.02 // a loss that is never worth a training
)

// Fit says how a model copes with rows that came after its training.
type Fit struct {
	Rows  int     `json:"rows"`       // looked at
	FVU   float64 `json:"fvu_sample"` // their mean, as in sae.Metrics
	Error float64 `json:"error"`      // standard error of that mean
	Known float64 `json:"known"`      // FVU per sample of the rows the model was made on
	Worse bool    `json:"worse"`      // clearly: the model is worth training again
}

// Known is the FVU per sample to judge new rows by: that of the rows kept back from training, which the model has not seen
// either, or else that of those trained on. It is 0, and ok false, for a model that was never measured.
func Known(info sae.Info) (fvu float64, ok bool) {
	if info.Holdout.Rows > 0 {
		return info.Holdout.FVU, true
	}
	return info.Training.FVU, info.Training.Rows > 0
}

// MeasureFit compares the rows of x, (n,m.D) row-major, with what the model is known to lose. They are clearly worse where
// at least 30 of them lose, on average less twice its standard error, more than one and a half times as much, and more than
// 0.02.
func MeasureFit(m *sae.Model, x []float32, known float64, threads int) Fit {
	codes := Codes(m, x, threads)
	recon := Decoded(m, codes, threads)
	var fvu []float64
	for i := 0; i < len(x); i += m.D {
		one := sae.NewMeter(1)
		one.Add(x[i:i+m.D], recon[i:i+m.D], sae.Code{})
		fvu = append(fvu, one.Metrics().FVU)
	}
	return judge(fvu, known)
}

// judge applies the rule to the losses of rows.
func judge(fvu []float64, known float64) Fit {
	f := Fit{Rows: len(fvu), Known: known}
	if f.Rows < 2 {
		for _, v := range fvu {
			f.FVU = v
		}
		return f
	}
	n := float64(f.Rows)
	for _, v := range fvu {
		f.FVU += v / n
	}
	for _, v := range fvu {
		f.Error += (v - f.FVU) * (v - f.FVU) / (n - 1)
	}
	f.Error = math.Sqrt(f.Error / n)
	f.Worse = f.Rows >= fitLeast && f.FVU-2*f.Error > math.Max(fitFactor*known, fitFloor)
	return f
}
