package index

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/saedb/saedb/internal/vec"
)

// CheckK returns ErrK for a k below 1.
func CheckK(k int) error {
	if k < 1 {
		return fmt.Errorf("index: %w: %d; ask for at least one", ErrK, k)
	}
	return nil
}

// Unit returns q divided by its norm, in a new slice, or why it cannot be searched for: ErrDim, ErrNaN, ErrZero.
func Unit(q []float32, dim int) ([]float32, error) {
	norm, err := direction(q, dim)
	if err != nil {
		return nil, fmt.Errorf("index: query: %w", err)
	}
	unit := make([]float32, len(q))
	for i, v := range q {
		unit[i] = float32(float64(v) / norm)
	}
	return unit, nil
}

// normSlack is how far the norm of a stored row may be from 1. Dividing 512 float32 values by their norm leaves about
// 1e-7; float16 rows that were of unit length leave 1e-4 and still rank the same to four digits.
const normSlack = 1e-3

// CheckRow returns why v cannot be stored: ErrDim, ErrNaN, ErrZero, ErrNorm.
func CheckRow(ord uint32, v []float32, dim int) error {
	norm, err := direction(v, dim)
	if err == nil && math.Abs(norm-1) > normSlack {
		err = fmt.Errorf("%w: its norm is %.4g; divide it by that", ErrNorm, norm)
	}
	if err != nil {
		return fmt.Errorf("index: row %d: %w", ord, err)
	}
	return nil
}

// direction returns the norm of a vector that has the right width and a direction.
func direction(v []float32, dim int) (float64, error) {
	if len(v) != dim {
		return 0, fmt.Errorf("%w: %d values, the index holds rows of %d", ErrDim, len(v), dim)
	}
	norm := vec.Norm(v)
	switch {
	case math.IsNaN(norm) || math.IsInf(norm, 0):
		i := slices.IndexFunc(v, func(x float32) bool { return math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) })
		return 0, fmt.Errorf("%w: value %d is %g", ErrNaN, i, v[i])
	case norm == 0:
		return 0, ErrZero
	}
	return norm, nil
}

// Terms returns the terms of a query by ascending latent, in a new slice, or why they cannot be searched for: ErrNaN for
// a weight that is not finite, ErrTwice, and ErrZero where no term has a weight other than 0. Terms of weight 0 are left
// out.
func Terms(terms []Term) ([]Term, error) {
	sorted := make([]Term, 0, len(terms))
	for _, t := range terms {
		if math.IsNaN(float64(t.W)) || math.IsInf(float64(t.W), 0) {
			return nil, fmt.Errorf("index: query: %w: the weight of latent %d is %g", ErrNaN, t.Latent, t.W)
		}
		if t.W != 0 {
			sorted = append(sorted, t)
		}
	}
	if len(sorted) == 0 {
		return nil, fmt.Errorf("index: query: %w: none of its %d latents has a weight", ErrZero, len(terms))
	}
	slices.SortFunc(sorted, func(a, b Term) int { return cmp.Compare(a.Latent, b.Latent) })
	for i := 1; i < len(sorted); i++ {
		if sorted[i].Latent == sorted[i-1].Latent {
			return nil, fmt.Errorf("index: query: %w: %d; add its weights up", ErrTwice, sorted[i].Latent)
		}
	}
	return sorted, nil
}
