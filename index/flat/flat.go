// Package flat finds the nearest vectors by looking at all of them. It is exact, needs no building and forgets nothing,
// so it is what other indexes are measured against, and fast enough to be the index itself for some ten thousand rows.
//
// An Index holds its rows in memory; Scan is the same search, written as one plain loop over rows that come from
// anywhere, and its scores are the same to the bit.
package flat

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/internal/vec"
)

// Index is an exact index.Mutable over rows in memory. Any number of goroutines may search, put and delete at once; a
// search sees the rows as they were at one moment.
type Index struct {
	dim, threads int

	mu   sync.RWMutex
	rows []float32      // row i is rows[i*dim : (i+1)*dim]; their order means nothing
	ords []uint32       // ordinal of row i
	at   map[uint32]int // row of an ordinal
}

// New returns an empty index of rows of width dim, which is at least 1. A search runs on up to threads goroutines; 0
// means one for each processor.
func New(dim, threads int) *Index {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return &Index{dim: dim, threads: threads, at: map[uint32]int{}}
}

// Len returns the number of rows.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.ords)
}

// Dim returns the width of each row.
func (x *Index) Dim() int { return x.dim }

// Put stores a copy of the unit vector v under ord, in place of what was there.
func (x *Index) Put(ord uint32, v []float32) error {
	if err := index.CheckRow(ord, v, x.dim); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if i, ok := x.at[ord]; ok {
		copy(x.row(i), v)
		return nil
	}
	x.at[ord] = len(x.ords)
	x.ords = append(x.ords, ord)
	x.rows = append(x.rows, v...)
	return nil
}

// Delete forgets ord and says whether it was there. The last row moves into the gap.
func (x *Index) Delete(ord uint32) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	i, ok := x.at[ord]
	if !ok {
		return false
	}
	last := len(x.ords) - 1
	copy(x.row(i), x.row(last))
	x.ords[i] = x.ords[last]
	x.at[x.ords[i]] = i
	delete(x.at, ord)
	x.ords, x.rows = x.ords[:last], x.rows[:last*x.dim]
	return true
}

func (x *Index) row(i int) []float32 { return x.rows[i*x.dim : (i+1)*x.dim] }

// Search returns the k rows of largest cosine with q, under the rules of package index.
func (x *Index) Search(ctx context.Context, q []float32, k int, f index.Filter) ([]index.Hit, error) {
	hits, err := x.SearchBatch(ctx, [][]float32{q}, k, f)
	if err != nil {
		return nil, err
	}
	return hits[0], nil
}

// SearchBatch answers many queries in one pass over the rows. Entry i is what Search returns for qs[i].
func (x *Index) SearchBatch(ctx context.Context, qs [][]float32, k int, f index.Filter) ([][]index.Hit, error) {
	units, err := unitsOf(qs, k, x.dim)
	if err != nil {
		return nil, err
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	s := newSearch(ctx, table{x.rows, x.ords, x.find}, x.dim, x.threads, units, k)
	s.run(f)
	return s.hits()
}

func (x *Index) find(ord uint32) (int, bool) {
	i, ok := x.at[ord]
	return i, ok
}

// gatherBelow: a filter that lets through fewer than one row in eight is answered row by row; otherwise the whole
// product is computed, for it takes six rows at a time and in the order of memory, and the filter looks at the good ones.
const gatherBelow = 8

// grain is the number of rows that one goroutine multiplies at once: 128 rows of 512 values are 256 KB, which stay in
// the second-level cache while all queries of a batch pass by.
const grain = 128

// table is the rows that are searched.
type table struct {
	rows []float32                    // row i is rows[i*dim : (i+1)*dim]
	ords []uint32                     // ordinal of row i
	find func(ord uint32) (int, bool) // row of an ordinal
}

// search is one pass over the rows for a batch of queries.
type search struct {
	table
	ctx          context.Context
	units        []float32 // the queries, (n,dim)
	n, k         int
	dim, threads int
	best         [][]*index.Best        // [worker][query]
	skip         *roaring.Bitmap        // rows that do not count; nil: none
	check        func(lo, hi int) error // asked before rows are read; nil: nobody
	bad          atomic.Pointer[error]  // the first error of check
}

func newSearch(ctx context.Context, t table, dim, threads int, units []float32, k int) *search {
	s := &search{table: t, ctx: ctx, units: units, n: len(units) / dim, k: k, dim: dim, threads: threads, best: make([][]*index.Best, threads)}
	for w := range s.best {
		s.best[w] = make([]*index.Best, s.n)
		for i := range s.best[w] {
			s.best[w][i] = index.NewBest(k)
		}
	}
	return s
}

// run looks at all rows, or at those that a small filter lets through.
func (s *search) run(f index.Filter) {
	if f != nil && f.GetCardinality() < uint64(len(s.ords)/gatherBelow) {
		s.gather(f)
	} else {
		s.scan(f)
	}
}

// ended reports whether the search is over: by its context, or because the rows from lo to hi cannot be read.
func (s *search) ended(lo, hi int) bool {
	if s.ctx.Err() != nil || s.bad.Load() != nil {
		return true
	}
	if s.check == nil {
		return false
	}
	err := s.check(lo, hi)
	if err != nil {
		s.bad.CompareAndSwap(nil, &err)
	}
	return err != nil
}

// scan multiplies all rows with all queries, run by run.
func (s *search) scan(f index.Filter) {
	scores := make([][]float32, s.threads)
	vec.Parallel(s.threads, len(s.ords), grain, func(worker, lo, hi int) {
		if s.ended(lo, hi) {
			return
		}
		if scores[worker] == nil {
			scores[worker] = make([]float32, s.n*grain)
		}
		out, m := scores[worker], hi-lo
		vec.Product(out, s.units, s.rows[lo*s.dim:hi*s.dim], s.dim)
		for i := range s.n {
			s.offer(s.best[worker][i], out[i*m:(i+1)*m], s.ords[lo:hi], f)
		}
	})
}

// offer considers rows with their scores. The filter is asked last, of those that are good enough.
func (s *search) offer(best *index.Best, scores []float32, ords []uint32, f index.Filter) {
	for j, score := range scores {
		if floor, full := best.Floor(); full && score < floor {
			continue
		}
		if (f == nil || f.Contains(ords[j])) && (s.skip == nil || !s.skip.Contains(ords[j])) {
			best.Offer(index.Hit{Ord: ords[j], Score: score})
		}
	}
}

// gather looks up the rows that a small filter lets through, one by one.
func (s *search) gather(f index.Filter) {
	out := make([]float32, s.n)
	for it := f.Iterator(); it.HasNext(); {
		ord := it.Next()
		i, ok := s.find(ord)
		if !ok || s.skip != nil && s.skip.Contains(ord) {
			continue
		}
		if s.ended(i, i+1) {
			return
		}
		vec.Product(out, s.units, s.rows[i*s.dim:(i+1)*s.dim], s.dim)
		for q, score := range out {
			s.best[0][q].Offer(index.Hit{Ord: ord, Score: score})
		}
	}
}

// hits joins what the workers kept.
func (s *search) hits() ([][]index.Hit, error) {
	if err := s.ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.bad.Load(); err != nil {
		return nil, *err
	}
	all := make([][]index.Hit, s.n)
	for i := range all {
		joined := index.NewBest(s.k)
		for w := range s.best {
			for _, h := range s.best[w][i].Hits() {
				joined.Offer(h)
			}
		}
		all[i] = joined.Hits()
	}
	return all, nil
}
