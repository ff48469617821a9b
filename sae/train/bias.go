package train

import (
	"fmt"
	"math"

	"github.com/saedb/saedb/sae"
)

// placeBias sets b_dec, in the standardised space, to where a run begins. mean is that of the rows.
func placeBias(cfg Config, m *sae.Model, data Dataset, mean []float64) error {
	centre := mean
	switch cfg.Bias {
	case "zero":
		return nil
	case "median":
		var err error
		if centre, err = geometricMedian(data, mean); err != nil {
			return err
		}
	}
	row := make([]float32, len(centre))
	for j, v := range centre {
		row[j] = float32(v)
	}
	if cfg.Standardise && cfg.Bias != "median" {
		return nil // the mean is zero there
	}
	copy(m.Bdec, m.Standardise(nil, row))
	return nil
}

// The geometric median is found to a part in a million of the rows' spread; Weiszfeld's steps rarely need more than thirty.
const (
	medianSteps = 200
	medianTol   = 1e-6
)

// geometricMedian returns the point with the least sum of distances to the rows, by Weiszfeld's steps from the mean:
// y ← Σ x_i/‖x_i - y‖ / Σ 1/‖x_i - y‖. All sums are float64 and in the order of the rows.
func geometricMedian(data Dataset, mean []float64) ([]float64, error) {
	y := append([]float64{}, mean...)
	next := make([]float64, len(y))
	for range medianSteps {
		clear(next)
		var weights, distances float64
		for i := range data.Len() {
			x := data.Row(i)
			square := 0.0
			for j, v := range x {
				e := float64(v) - y[j]
				square += e * e
			}
			distance := math.Sqrt(square)
			distances += distance
			w := 1 / max(distance, 1e-12)
			weights += w
			for j, v := range x {
				next[j] += w * float64(v)
			}
		}
		moved := 0.0
		for j := range next {
			next[j] /= weights
			moved += (next[j] - y[j]) * (next[j] - y[j])
		}
		if math.IsNaN(moved) {
			return nil, fmt.Errorf("train: the geometric median is not a finite number; there are rows that are not")
		}
		y, next = next, y
		if math.Sqrt(moved) <= medianTol*distances/float64(data.Len()) {
			break
		}
	}
	return y, nil
}
