package measure

import (
	"math"

	"github.com/saedb/saedb/internal/vec"
	"github.com/saedb/saedb/sae"
)

// window is how many rows are encoded at a time.
const window = 1024

// Spread returns at most limit of the n rows 0..n-1, ascending and evenly spread.
func Spread(n, limit int) []int {
	rows := make([]int, min(n, limit))
	for i := range rows {
		rows[i] = i * n / len(rows)
	}
	return rows
}

// Codes encodes the rows of x, (n,m.D) row-major.
func Codes(m *sae.Model, x []float32, threads int) []sae.Code {
	e := sae.NewEncoder(m)
	codes := make([]sae.Code, 0, len(x)/m.D)
	for len(x) > 0 {
		n := min(window, len(x)/m.D)
		codes = append(codes, e.EncodeBatch(nil, x[:n*m.D], threads)...)
		x = x[n*m.D:]
	}
	return codes
}

// Decoded returns the reconstructions of codes, (len(codes),m.D) row-major.
func Decoded(m *sae.Model, codes []sae.Code, threads int) []float32 {
	x := make([]float32, len(codes)*m.D)
	vec.Parallel(threads, len(codes), 64, func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			m.Decode(x[i*m.D:i*m.D], codes[i])
		}
	})
	return x
}

// unitRows returns the rows of w, (…,d) row-major, divided by their norms; a row of norm 0 stays zero.
func unitRows(w []float32, d int) []float32 {
	unit := make([]float32, len(w))
	for i := 0; i < len(w); i += d {
		s := 0.0
		for _, v := range w[i : i+d] {
			s += float64(v) * float64(v)
		}
		if s == 0 {
			continue
		}
		s = 1 / math.Sqrt(s)
		for j, v := range w[i : i+d] {
			unit[i+j] = float32(float64(v) * s)
		}
	}
	return unit
}

// dot64 is a dot product summed in float64.
func dot64(a, b []float32) float64 {
	s := 0.0
	for i, v := range a {
		s += float64(v) * float64(b[i])
	}
	return s
}
