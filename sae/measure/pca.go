package measure

import (
	"context"

	"github.com/saedb/saedb/internal/vec"
	"github.com/saedb/saedb/sae"
)

// PCA reconstructs rows from their coordinates along the directions in which the rows it was made of vary most.
type PCA struct {
	d    int
	axes *sae.Model // its decoder rows are the directions, the largest variance first; it is never encoded with
}

// Components is how many coordinates are as many numbers as a code of k active latents: a code stores an activation and the
// number of a latent for each, 2k numbers, and a coordinate is one number, its direction being known. An index is counted
// like an activation although it takes fewer bits, which favours PCA. There are never more than d coordinates, and d of them
// are the row itself.
func Components(k, d int) int { return min(2*k, d) }

// NewPCA takes the directions of the rows of x, (n,d) row-major, of at least one row.
func NewPCA(x []float32, d, threads int) *PCA {
	mean := meanRow(x, d)
	_, axes := symmetricEigen(covariance(x, mean, d, threads), d)
	m := &sae.Model{D: d, M: d, K: d, Scale: 1, Mean: make([]float32, d), Bdec: make([]float32, d), Wdec: make([]float32, d*d)}
	for j, v := range mean {
		m.Mean[j] = float32(v)
	}
	for i, v := range axes {
		m.Wdec[i] = float32(v)
	}
	return &PCA{d, m}
}

// Sweep measures the reconstruction of the rows of x from each of the numbers of components, ascending. A Point's K is the
// number of components. The only error is the context's.
func (p *PCA) Sweep(ctx context.Context, x []float32, components []int, threads int) ([]Point, error) {
	all := make([]uint32, p.d)
	for i := range all {
		all[i] = uint32(i)
	}
	return atLevels(ctx, p.axes, x, components, threads, func(x []float32) []sae.Code {
		n := len(x) / p.d
		centred := p.axes.Standardise(nil, x)
		along := make([]float32, len(x))
		vec.Parallel(threads, n, 32, func(_, lo, hi int) {
			vec.Product(along[lo*p.d:hi*p.d], centred[lo*p.d:hi*p.d], p.axes.Wdec, p.d)
		})
		lists := make([]sae.Code, n)
		for i := range lists {
			lists[i] = sae.Code{Latents: all, Acts: along[i*p.d : (i+1)*p.d]}
		}
		return lists
	})
}

// covariance returns Σ (x-mean)(x-mean)ᵀ/n over the rows of x, (d,d) row-major. The result does not depend on threads: each
// row of it is summed by one goroutine, over the rows in order.
func covariance(x []float32, mean []float64, d, threads int) []float64 {
	n := len(x) / d
	columns := make([]float32, len(x)) // (d,n), centred
	vec.Parallel(threads, d, 16, func(_, lo, hi int) {
		for j := lo; j < hi; j++ {
			for i := range n {
				columns[j*n+i] = float32(float64(x[i*d+j]) - mean[j])
			}
		}
	})
	c := make([]float64, d*d)
	const run = 4096 // float32 sums of so many products at a time, which Product adds up in shorter runs still
	vec.Parallel(threads, d, 8, func(_, lo, hi int) {
		sums := make([]float32, d)
		left, right := make([]float32, 0, run), make([]float32, 0, d*run)
		for from := 0; from < n; from += run {
			to := min(from+run, n)
			right = right[:0]
			for j := range d {
				right = append(right, columns[j*n+from:j*n+to]...)
			}
			for j := lo; j < hi; j++ {
				left = append(left[:0], columns[j*n+from:j*n+to]...)
				vec.Product(sums, left, right, to-from)
				for l, s := range sums {
					c[j*d+l] += float64(s) / float64(n)
				}
			}
		}
	})
	for i := range d { // rounding may differ between the two halves
		for j := range i {
			c[i*d+j] = c[j*d+i]
		}
	}
	return c
}
