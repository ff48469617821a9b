package measure

import (
	"math"
	"math/rand/v2"

	"github.com/saedb/saedb/internal/vec"
	"github.com/saedb/saedb/sae"
)

// fitRows is how many rows the one number that Untrained fits is fitted on.
const fitRows = 1024

// Untrained returns a model of like's size that has learnt nothing but the mean of the rows of x: encoder rows are of random
// direction and norm 1, decoder rows are those times the one number that reconstructs best. A score that does not tell a
// trained model from this one says nothing.
func Untrained(like *sae.Model, x []float32, seed uint64) *sae.Model {
	d := like.D
	m := &sae.Model{
		D: d, M: like.M, K: like.K, Scale: 1, Mean: make([]float32, d),
		Wdec: make([]float32, like.M*d), Benc: make([]float32, like.M), Bdec: make([]float32, d),
	}
	for j, v := range meanRow(x, d) {
		m.Mean[j] = float32(v)
	}
	r := rand.New(rand.NewPCG(seed, 0))
	for j := range m.Wdec {
		m.Wdec[j] = float32(r.NormFloat64())
	}
	m.Wenc = unitRows(m.Wdec, d)
	m.Wdec = unitRows(m.Wdec, d)
	along, length := 0.0, 0.0
	y, centred := make([]float32, d), make([]float32, 0, d)
	for _, row := range Spread(len(x)/d, fitRows) {
		clear(y)
		sae.Accumulate(y, m.Wdec, m.Encode(sae.Code{}, x[row*d:(row+1)*d]))
		centred = m.Standardise(centred[:0], x[row*d:(row+1)*d])
		along += dot64(y, centred)
		length += dot64(y, y)
	}
	if a := along / length; a > 0 && !math.IsInf(a, 0) {
		vec.Scale(m.Wdec, float32(a))
	}
	return m
}

// meanRow returns the mean of the rows of x, (n,d) row-major; zero without rows.
func meanRow(x []float32, d int) []float64 {
	mean := make([]float64, d)
	n := len(x) / d
	for i := range x {
		mean[i%d] += float64(x[i]) / float64(n)
	}
	return mean
}
