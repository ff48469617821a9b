package kmeans

import (
	"context"
	"math/rand/v2"
	"sort"

	"github.com/saedb/saedb/internal/vec"
)

// sameDirection is the largest 1-cosine between rows that count as one: some times what rounding makes of it.
const sameDirection = 1e-6

// seed draws up to k rows as centres by k-means++: the first at random, every further one with a probability proportional to
// its distance, 1-cosine, from the nearest centre so far. (That is half the squared distance of unit vectors.) It ends early
// where every row lies on a centre. It returns the centres, (k, Dim), and how many they are.
func seed(ctx context.Context, rows Rows, k, threads int, r *rand.Rand) ([]float32, int, error) {
	n, d := rows.Len(), rows.Dim()
	w := make([]float32, 0, k*d)
	far := make([]float64, n) // distance to the nearest centre
	sum := make([]float64, n) // running sum of far
	dots := make([]float32, n)
	for i := range sum {
		far[i] = 2 // as far as it can be
		sum[i] = float64(i + 1)
	}
	for c := range k {
		if c > 0 && sum[n-1] == 0 {
			return w, c, nil
		}
		x := r.Float64() * sum[n-1]
		drawn := sort.Search(n-1, func(i int) bool { return sum[i] > x })
		w = append(w, unitOf(rows, drawn)...)
		centre := rows.lay(nil, w[c*d:], 1)
		vec.Parallel(threads, n, passRun, func(_, lo, hi int) {
			if ctx.Err() == nil {
				rows.scores(dots[lo:hi], lo, hi, centre, 1)
			}
		})
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		total := 0.0
		for i, dot := range dots {
			far[i] = min(far[i], 1-float64(dot))
			if far[i] < sameDirection || i == drawn {
				far[i] = 0
			}
			total += far[i]
			sum[i] = total
		}
	}
	return w, k, nil
}

// unitOf writes row i out.
func unitOf(rows Rows, i int) []float32 {
	sum := make([]float64, rows.Dim())
	rows.add(sum, i)
	out := make([]float32, len(sum))
	for j, f := range sum {
		out[j] = float32(f)
	}
	return out
}
