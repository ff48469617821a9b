package sae

import (
	"math"
	"slices"
	"testing"
)

// metricsReference is Metrics as the definitions read: means and variances by their
// formulas, everything in memory.
func metricsReference(x, xh [][]float64, codes []Code, latents int) Metrics {
	mean := func(v []float64) float64 {
		s := 0.0
		for _, a := range v {
			s += a
		}
		return s / float64(len(v))
	}
	variance := func(v []float64) float64 { // unbiased
		m, s := mean(v), 0.0
		for _, a := range v {
			s += (a - m) * (a - m)
		}
		return s / float64(len(v)-1)
	}
	dot := func(a, b []float64) (s float64) {
		for i := range a {
			s += a[i] * b[i]
		}
		return s
	}
	abs := func(v []float64) []float64 {
		a := slices.Clone(v)
		for i := range a {
			a[i] = math.Abs(a[i])
		}
		return a
	}
	var fvu, nmae, cosine, l0, zeros []float64
	top, bottom := 0.0, 0.0
	alive := map[uint32]bool{}
	centre := make([]float64, len(x[0]))
	for j := range centre {
		for i := range x {
			centre[j] += x[i][j] / float64(len(x))
		}
	}
	for i := range x {
		e, spread := make([]float64, len(x[i])), make([]float64, len(x[i]))
		for j := range e {
			e[j], spread[j] = x[i][j]-xh[i][j], x[i][j]-centre[j]
		}
		fvu = append(fvu, variance(e)/variance(x[i]))
		nmae = append(nmae, mean(abs(e))/mean(abs(x[i])))
		cosine = append(cosine, dot(x[i], xh[i])/math.Sqrt(dot(x[i], x[i])*dot(xh[i], xh[i])))
		l0 = append(l0, float64(codes[i].Len()))
		zeros = append(zeros, 1-float64(codes[i].Len())/float64(latents))
		top, bottom = top+dot(e, e), bottom+dot(spread, spread)
		for _, l := range codes[i].Latents {
			alive[l] = true
		}
	}
	dead := latents - len(alive)
	return Metrics{
		Rows: len(x), FVU: mean(fvu), FVUBatch: top / bottom, NMAE: mean(nmae), Cosine: mean(cosine),
		L0: mean(l0), ZeroFraction: mean(zeros), Dead: dead, DeadFraction: float64(dead) / float64(latents),
	}
}

func TestMeterFollowsTheDefinitions(t *testing.T) {
	const seed, n = 11, 2500 // more than Measure takes at a time
	m := tiny(seed, 12, 300, 5)
	for i := range m.Bdec {
		m.Benc[i] = -1e6 // twelve latents that never fire
	}
	x := rows(seed, n, m.D)
	meter := NewMeter(m.M)
	meter.Measure(m, x, 2)
	got := meter.Metrics()

	wide := func(v []float32) []float64 {
		w := make([]float64, len(v))
		for i := range v {
			w[i] = float64(v[i])
		}
		return w
	}
	var xs, xh [][]float64
	var codes []Code
	for i := range n {
		row := x[i*m.D : (i+1)*m.D]
		c := m.Encode(Code{}, row)
		xs, xh, codes = append(xs, wide(row)), append(xh, wide(m.Decode(nil, c))), append(codes, c)
	}
	want := metricsReference(xs, xh, codes, m.M)
	if got.Rows != want.Rows || got.Dead != want.Dead || want.Dead < 12 {
		t.Errorf("seed %d: rows %d, dead %d; want %d, %d", seed, got.Rows, got.Dead, want.Rows, want.Dead)
	}
	for name, v := range map[string][2]float64{
		"FVU": {got.FVU, want.FVU}, "FVU batch": {got.FVUBatch, want.FVUBatch}, "nMAE": {got.NMAE, want.NMAE}, "cosine": {got.Cosine, want.Cosine},
		"L0": {got.L0, want.L0}, "zeros": {got.ZeroFraction, want.ZeroFraction}, "dead": {got.DeadFraction, want.DeadFraction},
	} {
		if math.Abs(v[0]-v[1]) > 1e-9*math.Abs(v[1]) {
			t.Errorf("seed %d: %s is %v, by its definition %v", seed, name, v[0], v[1])
		}
	}
}

func TestMeterWithoutRows(t *testing.T) {
	if got := NewMeter(5).Metrics(); got != (Metrics{}) {
		t.Errorf("no rows measure as %+v", got)
	}
}

func TestMeterOfAPerfectReconstruction(t *testing.T) {
	meter := NewMeter(4)
	x := []float32{1, 2, -3}
	meter.Add(x, x, Code{Latents: []uint32{2}, Acts: []float32{1}})
	got := meter.Metrics()
	if got.FVU != 0 || got.NMAE != 0 || math.Abs(got.Cosine-1) > 1e-12 || got.Dead != 3 || got.ZeroFraction != 0.75 {
		t.Errorf("a perfect reconstruction measures as %+v", got)
	}
}

// TestMeterOfRowsWithoutVariance: there is nothing to explain in them, and no figure becomes infinite for it.
func TestMeterOfRowsWithoutVariance(t *testing.T) {
	meter := NewMeter(4)
	for range 3 {
		meter.Add([]float32{0.1, 0.1, 0.1}, []float32{0.1, 0.2, 0.3}, Code{})
	}
	if got := meter.Metrics(); got.FVU != 0 || got.FVUBatch != 0 || got.Rows != 3 {
		t.Errorf("three equal rows of equal numbers measure as %+v", got)
	}
	meter.Add([]float32{1, 0, 0}, []float32{0, 0, 0}, Code{})
	if got := meter.Metrics(); got.FVU != 1 {
		t.Errorf("with one row of which nothing is explained FVU is %v, want 1", got.FVU)
	}
}
