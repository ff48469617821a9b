package kmeans

import (
	"context"
	"math/rand/v2"
)

const (
	// seedBatches is how many batches' worth of rows the first centres are drawn from.
	seedBatches = 3
	// A start by batches ends when the mean cosine of the last batchWindow batches is no better than that of as many
	// before them. Ten batches even out the luck of the draw.
	batchWindow = 10
	// maxBatches bounds a start; at 4096 rows it has then seen two million.
	maxBatches = 500
	// settlePasses is how many passes over all rows follow the batches at most: the first few gain what the batches have
	// left, the rest next to nothing.
	settlePasses = 10
)

// byBatches finds centres from rows drawn at random: each batch is assigned, and every centre becomes the mean direction of
// all the rows that any batch has given it, so that its steps grow smaller as it has seen more (the learning rate 1/count of
// mini-batch k-means). It returns the centres and how many they are.
func byBatches(ctx context.Context, rows Rows, o Options, start int, r *rand.Rand) ([]float32, int, error) {
	d := rows.Dim()
	w, k, err := seed(ctx, rows.pick(draw(r, rows.Len(), seedBatches*o.Batch)), o.K, o.Threads, r)
	if err != nil {
		return nil, 0, err
	}
	sums := make([][]float64, k)
	for c := range sums {
		sums[c] = make([]float64, d)
	}
	var means []float64
	for len(means) < maxBatches && !level(means) {
		batch := rows.pick(draw(r, rows.Len(), o.Batch))
		g := newGrouping(batch, w, k, o.Threads)
		if err := g.assign(ctx); err != nil {
			return nil, 0, err
		}
		for i, c := range g.label {
			batch.add(sums[c], i)
		}
		for c := range k {
			point(w[c*d:(c+1)*d], sums[c])
		}
		means = append(means, g.sum/float64(batch.Len()))
		o.Progress(Progress{Start: start, Starts: o.Starts, Pass: len(means), Mean: means[len(means)-1]})
	}
	return w, k, nil
}

// draw returns m of the numbers below n, or all of them, each at most once.
func draw(r *rand.Rand, n, m int) []int {
	if m >= n {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		return all
	}
	seen := make(map[int]bool, m)
	list := make([]int, 0, m)
	for len(list) < m {
		if i := r.IntN(n); !seen[i] {
			seen[i] = true
			list = append(list, i)
		}
	}
	return list
}

// level reports whether the last batches were no better than those before them.
func level(means []float64) bool {
	n := len(means)
	if n < 2*batchWindow {
		return false
	}
	now, before := 0.0, 0.0
	for i := range batchWindow {
		now += means[n-1-i]
		before += means[n-1-batchWindow-i]
	}
	return now <= before
}
