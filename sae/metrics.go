package sae

import (
	"math"

	"github.com/saedb/saedb/internal/vec"
)

// Metrics says how well a model reconstructs a set of rows, and how sparsely. All of
// it is measured on the vectors as they are, not on the standardised ones.
type Metrics struct {
	Rows         int     `json:"rows"`
	FVU          float64 `json:"fvu_sample"`       // mean over rows of Var(x-x̂)/Var(x), variances over the row's numbers; rows of equal numbers are left out
	FVUBatch     float64 `json:"fvu_batch"`        // Σ‖x-x̂‖² / Σ‖x-x̄‖², x̄ the mean row; 0 where all rows are equal
	NMAE         float64 `json:"nmae"`             // mean over rows of mean|x-x̂| / mean|x|
	Cosine       float64 `json:"cosine"`           // mean over rows of cos(x, x̂)
	L0           float64 `json:"l0_count"`         // mean number of latents that fire
	ZeroFraction float64 `json:"l0_zero_fraction"` // mean share of latents that do not
	Dead         int     `json:"dead"`             // latents that fire for no row at all
	DeadFraction float64 `json:"dead_fraction"`    // their share
}

// Meter gathers Metrics row by row, in float64. It serves one goroutine at a time.
type Meter struct {
	latents                   int
	rows                      int
	varied                    int // rows with different numbers in them
	fvu, nmae, cosine, active float64
	err2, norm2               float64
	sum                       []float64
	fired                     []bool
}

// flat is the share of a sum of squares below which what is left of it after subtracting the mean is rounding.
const flat = 1e-12

// NewMeter returns a meter for a model with that many latents.
func NewMeter(latents int) *Meter {
	return &Meter{latents: latents, fired: make([]bool, latents)}
}

// Add counts one row: the vector, its reconstruction and its code.
func (t *Meter) Add(x, xh []float32, c Code) {
	if t.sum == nil {
		t.sum = make([]float64, len(x))
	}
	var sumX, sumE, xx, ee, hh, xxh, absX, absE float64
	for i := range x {
		v, r := float64(x[i]), float64(xh[i])
		e := v - r
		sumX += v
		sumE += e
		xx += v * v
		ee += e * e
		hh += r * r
		xxh += v * r
		absX += math.Abs(v)
		absE += math.Abs(e)
		t.sum[i] += v
	}
	n := float64(len(x))
	if spread := xx - sumX*sumX/n; spread > flat*xx {
		t.fvu += (ee - sumE*sumE/n) / spread // the n-1 of both variances cancels
		t.varied++
	}
	t.nmae += absE / absX
	t.cosine += xxh / math.Max(math.Sqrt(xx)*math.Sqrt(hh), 1e-30)
	t.err2 += ee
	t.norm2 += xx
	t.active += float64(c.Len())
	for _, l := range c.Latents {
		t.fired[l] = true
	}
	t.rows++
}

// Metrics returns the figures of the rows counted so far; all zero without rows.
func (t *Meter) Metrics() Metrics {
	if t.rows == 0 {
		return Metrics{}
	}
	n := float64(t.rows)
	spread := t.norm2 // Σ‖x-x̄‖² = Σ‖x‖² - ‖Σx‖²/n
	for _, s := range t.sum {
		spread -= s * s / n
	}
	fvuBatch := 0.0
	if spread > flat*t.norm2 {
		fvuBatch = t.err2 / spread
	}
	dead := 0
	for _, f := range t.fired {
		if !f {
			dead++
		}
	}
	return Metrics{
		Rows: t.rows, FVU: t.fvu / float64(max(t.varied, 1)), FVUBatch: fvuBatch, NMAE: t.nmae / n, Cosine: t.cosine / n,
		L0: t.active / n, ZeroFraction: 1 - t.active/n/float64(t.latents),
		Dead: dead, DeadFraction: float64(dead) / float64(t.latents),
	}
}

// measureRows is how many rows Measure encodes between two rounds of the meter.
const measureRows = 1024

// Measure encodes and decodes the rows of x, (n,D) row-major, on up to threads
// goroutines and adds them to t, in order.
func (t *Meter) Measure(m *Model, x []float32, threads int) {
	m.mustRows(x)
	e := NewEncoder(m)
	var codes []Code
	recon := make([]float32, measureRows*m.D)
	for len(x) > 0 {
		n := min(measureRows, len(x)/m.D)
		codes = e.EncodeBatch(codes, x[:n*m.D], threads)
		vec.Parallel(threads, n, encodeRows, func(_, lo, hi int) {
			for i := lo; i < hi; i++ {
				m.Decode(recon[i*m.D:i*m.D], codes[i])
			}
		})
		for i := range n {
			t.Add(x[i*m.D:(i+1)*m.D], recon[i*m.D:(i+1)*m.D], codes[i])
		}
		x = x[n*m.D:]
	}
}
