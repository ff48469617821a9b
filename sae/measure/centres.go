package measure

import (
	"context"

	"github.com/saedb/saedb/index/kmeans"
	"github.com/saedb/saedb/internal/vec"
	"github.com/saedb/saedb/sae"
)

// Centres reconstructs a row as the one of K directions that is nearest to it, times what its rows have of that direction on
// average: a code of one number, the centre's.
type Centres struct {
	k, d  int
	unit  []float32 // (k,d), the directions
	means []float32 // (k,d), what stands for a row
}

// centrePasses is how often NewCentres looks at all its rows: the sum of cosines gains little after that.
const centrePasses = 4

// NewCentres groups the rows of x, (n,d) row-major, of which none is zero, around up to k centres. Errors: kmeans.ErrRow,
// kmeans.ErrEmpty, the context's.
func NewCentres(ctx context.Context, x []float32, d, k int, seed uint64, threads int) (*Centres, error) {
	rows := kmeans.NewDense(d)
	for i := 0; i < len(x); i += d {
		if err := rows.Append(x[i : i+d]); err != nil {
			return nil, err
		}
	}
	r, err := kmeans.Run(ctx, rows, kmeans.Options{K: k, Starts: 1, Passes: centrePasses, Seed: seed, Batch: -1, Threads: threads})
	if err != nil {
		return nil, err
	}
	along := make([]float64, r.K)
	for i, label := range r.Labels {
		along[label] += dot64(x[i*d:(i+1)*d], r.Centres[label*d:(label+1)*d])
	}
	c := &Centres{k: r.K, d: d, unit: r.Centres, means: make([]float32, len(r.Centres))}
	for label, sum := range along {
		for j := label * d; j < (label+1)*d; j++ {
			c.means[j] = float32(sum / float64(r.Sizes[label]) * float64(c.unit[j]))
		}
	}
	return c, nil
}

// K is the number of centres.
func (c *Centres) K() int { return c.k }

// Measure measures the reconstruction of the rows of x. A centre counts as a latent. The only error is the context's.
func (c *Centres) Measure(ctx context.Context, x []float32, threads int) (sae.Metrics, error) {
	n := len(x) / c.d
	nearest := make([]uint32, n)
	const run = 32
	scratch := make([][]float32, max(threads, 1))
	vec.Parallel(threads, n, run, func(worker, lo, hi int) {
		if ctx.Err() != nil {
			return
		}
		if scratch[worker] == nil {
			scratch[worker] = make([]float32, run*c.k)
		}
		dots := scratch[worker][:(hi-lo)*c.k]
		vec.Product(dots, x[lo*c.d:hi*c.d], c.unit, c.d)
		for i := lo; i < hi; i++ {
			row := dots[(i-lo)*c.k : (i-lo+1)*c.k]
			for l, v := range row {
				if v > row[nearest[i]] {
					nearest[i] = uint32(l)
				}
			}
		}
	})
	meter := sae.NewMeter(c.k)
	one := []float32{1}
	for i, l := range nearest {
		meter.Add(x[i*c.d:(i+1)*c.d], c.means[int(l)*c.d:(int(l)+1)*c.d], sae.Code{Latents: nearest[i : i+1], Acts: one})
	}
	return meter.Metrics(), ctx.Err()
}
