package measure

import (
	"math"
	"slices"

	"github.com/saedb/saedb/internal/vec"
	"github.com/saedb/saedb/sae"
)

// Duplicate is the cosine above which two decoder rows count as one written twice.
const Duplicate = 0.9

// Geometry says how different the decoder rows of a model are from each other, by their directions.
type Geometry struct {
	// Orthogonality is the mean over all M² pairs of the squared inner product of two rows as they are, a row with
	// itself counting 0. For unit rows of random direction it is (1-1/M)/D, and it cannot fall below 1/D-1/M, so it
	// hardly tells models apart; the cosines below do.
	Orthogonality float64 `json:"orthogonality"`
	NearestMean   float64 `json:"nearest_mean"` // mean over rows of the largest |cosine| with another row
	NearestP99    float64 `json:"nearest_p99"`  // which 99 % of the rows do not exceed
	Duplicates    float64 `json:"duplicates"`   // share of rows that have another one above Duplicate
	NearestMax    float64 `json:"nearest_max"`  // of all pairs
}

// MeasureGeometry compares every decoder row of m with every other.
func MeasureGeometry(m *sae.Model, threads int) Geometry {
	unit := unitRows(m.Wdec, m.D)
	norm2 := make([]float64, m.M)
	for l := range norm2 {
		row := m.Wdec[l*m.D : (l+1)*m.D]
		norm2[l] = dot64(row, row)
	}
	squares, nearest := make([]float64, m.M), make([]float64, m.M)
	const run = 64
	scratch := make([][]float32, max(threads, 1))
	vec.Parallel(threads, m.M, run, func(worker, lo, hi int) {
		if scratch[worker] == nil {
			scratch[worker] = make([]float32, run*m.M)
		}
		cos := scratch[worker][:(hi-lo)*m.M]
		vec.Product(cos, unit[lo*m.D:hi*m.D], unit, m.D)
		for i := lo; i < hi; i++ {
			for j, c := range cos[(i-lo)*m.M : (i-lo+1)*m.M] {
				if j == i {
					continue
				}
				v := math.Abs(float64(c))
				squares[i] += v * v * norm2[j]
				nearest[i] = max(nearest[i], v)
			}
			squares[i] *= norm2[i]
		}
	})
	return summarise(squares, nearest)
}

// summarise makes a Geometry of each row's sum of squared products and largest |cosine|.
func summarise(squares, nearest []float64) Geometry {
	var g Geometry
	n := float64(len(nearest))
	for i, v := range nearest {
		g.Orthogonality += squares[i] / n / n
		g.NearestMean += v / n
		if v > Duplicate {
			g.Duplicates += 1 / n
		}
	}
	sorted := slices.Sorted(slices.Values(nearest))
	g.NearestP99, g.NearestMax = quantile(sorted, 0.99), sorted[len(sorted)-1]
	return g
}

// quantile interpolates between the two values beside q in ascending x.
func quantile(x []float64, q float64) float64 {
	at := q * float64(len(x)-1)
	i := int(at)
	if i+1 >= len(x) {
		return x[len(x)-1]
	}
	return x[i] + (at-float64(i))*(x[i+1]-x[i])
}

// geometryReference is MeasureGeometry pair by pair in float64.
func geometryReference(m *sae.Model) Geometry {
	squares, nearest := make([]float64, m.M), make([]float64, m.M)
	row := func(l int) []float32 { return m.Wdec[l*m.D : (l+1)*m.D] }
	for i := range m.M {
		for j := range m.M {
			if i == j {
				continue
			}
			dot := dot64(row(i), row(j))
			squares[i] += dot * dot
			if norms := math.Sqrt(dot64(row(i), row(i)) * dot64(row(j), row(j))); norms > 0 {
				nearest[i] = max(nearest[i], math.Abs(dot)/norms)
			}
		}
	}
	return summarise(squares, nearest)
}
