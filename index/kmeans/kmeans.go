// Package kmeans groups rows by direction: spherical k-means, in which a row belongs to the centre with which it has the
// largest cosine, and a centre is the mean of its rows, brought to unit length. What it makes as large as it can is the sum
// of those cosines.
//
// Rows go in through Dense (vectors) or Sparse (codes), Run groups them, and a Result says which row is where. Agreement
// compares a grouping with labels.
//
// The first centres are drawn by k-means++, several times (Options.Starts); the start that ends best counts. Up to
// MiniBatchAbove rows every pass looks at all of them; above it the centres are found from batches of rows drawn at random,
// and a few passes over all rows settle them. Rows, options and seed determine the result to the bit, for any number of
// threads. Beside the fast passes stand their slow twins, named ...Reference.
package kmeans

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
)

// MiniBatchAbove is the number of rows from which on batches take the place of full passes where Options.Batch does not
// say. A full pass over so many vectors of 512 numbers with 50 centres takes about a third of a second on two cores, and four
// starts take more than a hundred of them.
const MiniBatchAbove = 100_000

// Options say how to group. A zero field means its default.
type Options struct {
	K       int     // centres, at least 1; rows that are fewer, or fewer different ones, give fewer
	Starts  int     // how often to begin anew; 0: 4
	Seed    uint64  // of every random choice
	Passes  int     // full passes of a start at most; 0: 100
	Tol     float64 // a pass that raises the mean cosine by no more ends the start; 0: 1e-5; negative: go on until no row moves
	Batch   int     // rows of a mini-batch; 0: 4096 above MiniBatchAbove rows, else none; negative: none
	Threads int     // 0: one for each processor

	Progress func(Progress) // called after every pass or batch, in the goroutine of Run; nil: nobody listens
}

// Progress says how far Run has come.
type Progress struct {
	Start, Starts int     // from 1
	Pass          int     // of this start, from 1
	Mean          float64 // cosine between a row and its centre; with mini-batches that of the batch
	Moved         int     // rows that changed their cluster; with mini-batches 0
}

// Result is a grouping. Clusters are numbered by size, the largest first; of equal sizes the one whose first row comes first
// has the lower number.
type Result struct {
	K, D    int
	Centres []float32 // (K,D), unit rows
	Labels  []int     // cluster of each row
	Sizes   []int     // rows of each cluster, at least 1
	Within  []float64 // mean cosine between a cluster's rows and its centre

	// Mean is the mean cosine between a row and its centre: the objective divided by the number of rows.
	Mean float64
	// Silhouette is the mean over the rows of (b-a)/max(a,b), where a and b are 1-cosine to the own centre and to the
	// nearest other one: 1 for clusters far apart, 0 where they run into each other. It is the simplified silhouette,
	// which compares with centres instead of all rows; 0 for a single cluster.
	Silhouette float64

	Passes    int  // full passes of the start that counts
	Start     int  // which one that was, from 1
	MiniBatch bool // batches found the centres
	Converged bool // it ended by Tol or because no row moved, not by Passes
}

// The errors of this package, for errors.Is.
var (
	ErrRow     = errors.New("bad row")
	ErrOptions = errors.New("bad options")
	ErrEmpty   = errors.New("there are no rows to group")
)

// defaults fills in what was not said, for n rows.
func (o Options) defaults(n int) (Options, error) {
	if o.K < 1 || o.Starts < 0 || o.Passes < 0 || o.Tol != o.Tol {
		return o, fmt.Errorf("%w: k %d, starts %d, passes %d, tolerance %g: want k of at least 1 and nothing negative but the tolerance", ErrOptions, o.K, o.Starts, o.Passes, o.Tol)
	}
	if n == 0 {
		return o, ErrEmpty
	}
	o.K = min(o.K, n)
	if o.Starts == 0 {
		o.Starts = 4
	}
	if o.Passes == 0 {
		o.Passes = 100
	}
	if o.Tol == 0 {
		o.Tol = 1e-5
	}
	if o.Batch == 0 && n > MiniBatchAbove {
		o.Batch = 4096
	}
	if o.Batch >= n {
		o.Batch = 0
	}
	o.Batch = max(o.Batch, 0)
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	return o, nil
}

// Run groups the rows, which it reads and does not keep. The context is checked within each pass; its error is returned as
// it is. Other errors: ErrOptions, ErrEmpty.
func Run(ctx context.Context, rows Rows, o Options) (*Result, error) {
	o, err := o.defaults(rows.Len())
	if err != nil {
		return nil, err
	}
	var best *grouping
	start := 0
	for s := 1; s <= o.Starts; s++ {
		g, err := runStart(ctx, rows, o, s)
		if err != nil {
			return nil, err
		}
		if best == nil || g.sum > best.sum {
			best, start = g, s
		}
	}
	if o.Batch > 0 { // so far the centres come from batches, and one pass has judged them
		o.Passes = min(o.Passes, settlePasses)
		if err := best.settle(ctx, o, start); err != nil {
			return nil, err
		}
	}
	r := best.result()
	r.Start, r.MiniBatch = start, o.Batch > 0
	return r, nil
}

// runStart seeds centres and improves them: over all rows until they hold still, or by batches, followed by one pass over
// all rows that tells what they are worth.
func runStart(ctx context.Context, rows Rows, o Options, start int) (*grouping, error) {
	r := rand.New(rand.NewPCG(o.Seed, uint64(start)))
	if o.Batch > 0 {
		w, k, err := byBatches(ctx, rows, o, start, r)
		if err != nil {
			return nil, err
		}
		g := newGrouping(rows, w, k, o.Threads)
		return g, g.assign(ctx)
	}
	w, k, err := seed(ctx, rows, o.K, o.Threads, r)
	if err != nil {
		return nil, err
	}
	g := newGrouping(rows, w, k, o.Threads)
	if err := g.assign(ctx); err != nil {
		return nil, err
	}
	return g, g.settle(ctx, o, start)
}
