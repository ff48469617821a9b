package hnsw_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/flat"
	"github.com/saedb/saedb/index/hnsw"
	"github.com/saedb/saedb/index/indextest"
)

// TestIndex runs the suite of all indexes: on graphs from the eighth row on, which are far smaller than any that a search would meet, and
// as users have it, without a graph at this size.
func TestIndex(t *testing.T) {
	t.Run("graph", func(t *testing.T) {
		indextest.Dense(t, 0.9, func(dim int) index.Mutable { return hnsw.New(dim, hnsw.Options{Exact: 8, Threads: 2}) })
	})
	t.Run("default", func(t *testing.T) {
		indextest.Dense(t, 1, func(dim int) index.Mutable { return hnsw.New(dim, hnsw.Options{}) })
	})
}

// TestEverythingAtOnce searches, puts, deletes, repairs, makes bridges and writes at the same time, on an index that was opened from a file.
// Rows that nobody touches must be found throughout.
func TestEverythingAtOnce(t *testing.T) {
	const n, dim = 600, 12
	rows := random(rand.New(rand.NewPCG(1, 2)), 2*n, dim)
	x := opened(t, written(t, filled(t, rows[:n], hnsw.Options{Exact: 32, Threads: 2})), hnsw.Options{Exact: 32, Threads: 2})
	var group sync.WaitGroup
	for g := range 3 {
		group.Go(func() {
			for i := range 150 {
				ord := uint32((i*3 + g) % (n / 2))
				hits, err := x.SearchEf(t.Context(), rows[ord], 5, 100, nil)
				if err != nil || !slices.ContainsFunc(hits, func(h index.Hit) bool { return h.Ord == ord }) {
					t.Errorf("row %d is not among %v, %v", ord, hits, err)
				}
			}
		})
	}
	group.Go(func() {
		for i := range n / 2 {
			if !x.Delete(uint32(n/2 + i)) {
				t.Errorf("row %d was not there", n/2+i)
			}
		}
		if err := x.Repair(); err != nil {
			t.Error(err)
		}
	})
	group.Go(func() {
		err := x.PutAll(t.Context(), n/2, func(i int) (uint32, []float32, error) { return uint32(n + i), rows[n+i], nil })
		if err != nil {
			t.Error(err)
		}
		for i := n / 2; i < n; i++ {
			if err := x.Put(uint32(n+i), rows[n+i]); err != nil {
				t.Error(err)
			}
		}
	})
	group.Go(func() {
		for range 3 {
			if err := errors.Join(x.Bridge(t.Context(), rows[:20]), x.Write(io.Discard, stamp)); err != nil {
				t.Error(err)
			}
		}
	})
	group.Wait()
	if x.Len() != n/2+n {
		t.Errorf("%d rows, want %d", x.Len(), n/2+n)
	}
}

// TestPutAllStopsAtAFault keeps the rows before it, and those after an index was told to stop are not asked for.
func TestPutAllStopsAtAFault(t *testing.T) {
	const dim = 4
	rows := random(rand.New(rand.NewPCG(1, 3)), 500, dim)
	fault := errors.New("no such row")
	x := hnsw.New(dim, hnsw.Options{Exact: 16})
	err := x.PutAll(t.Context(), len(rows), func(i int) (uint32, []float32, error) {
		if i == 300 {
			return 0, nil, fault
		}
		return uint32(i), rows[i], nil
	})
	if !errors.Is(err, fault) || x.Len() != 300 {
		t.Errorf("%d rows, %v", x.Len(), err)
	}
	err = x.PutAll(t.Context(), 2, func(i int) (uint32, []float32, error) { return 900, []float32{float32(1 - i), 0, 0, 0}, nil })
	if !errors.Is(err, index.ErrZero) || x.Len() != 301 {
		t.Errorf("%d rows, %v", x.Len(), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := x.PutAll(ctx, 5, func(i int) (uint32, []float32, error) { return 1000, rows[i], nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("told to stop: %v", err)
	}
	twice := []uint32{7, 8, 7, 7}
	if err := x.PutAll(t.Context(), len(twice), func(i int) (uint32, []float32, error) { return twice[i], rows[400+i], nil }); err != nil || x.Len() != 301 {
		t.Errorf("rows that replace each other: %d rows, %v", x.Len(), err)
	}
	hits, err := x.Search(t.Context(), rows[403], 1, nil)
	if err != nil || hits[0].Ord != 7 {
		t.Errorf("the last of three rows of one ordinal: %v, %v", hits, err)
	}
}

// TestCopiesAreReached puts more copies of a picture than a list of links holds, and more than a search of the builder keeps in mind. From any of
// them a search must get to what is around them, and from there to them.
func TestCopiesAreReached(t *testing.T) {
	const dim, copies = 32, 700
	r := rand.New(rand.NewPCG(1, 4))
	rows := random(r, 1500, dim)
	centre := rows[0]
	all := map[uint32][]float32{}
	x := hnsw.New(dim, hnsw.Options{Exact: 16})
	truth := flat.New(dim, 1)
	put := func(ord uint32, v []float32) {
		all[ord] = v
		must(t, x.Put(ord, v))
		must(t, truth.Put(ord, v))
	}
	for i, v := range rows {
		put(uint32(3*i), v)
		if i%2 == 0 && i/2 < copies {
			put(uint32(3*i+1), centre)
		}
	}
	some := roaring.New() // all but the copies, and three of them
	for ord, v := range all {
		if &v[0] != &centre[0] {
			some.Add(ord)
		}
	}
	some.AddMany([]uint32{1, 3*600 + 1, 3*1390 + 1})
	for _, f := range []index.Filter{nil, some} {
		got := recallOf(t, truth, rows[:100], f, func(q []float32) ([]index.Hit, error) { return x.Search(t.Context(), q, 10, f) })
		if got < 0.95 {
			t.Errorf("recall %.3f, want 0.95", got)
		}
	}
}

// TestFewAreLeft deletes nearly all rows, at random and whole regions: those that are left must still be found, each by itself.
func TestFewAreLeft(t *testing.T) {
	const n, dim = 4000, 24
	r := rand.New(rand.NewPCG(1, 5))
	rows := random(r, n, dim)
	for name, keep := range map[string]func(i int) bool{
		"at random":       func(int) bool { return r.IntN(20) == 0 },
		"the newest":      func(i int) bool { return i > n-300 },
		"two regions":     func(i int) bool { return rows[i][0] > 0.45 || rows[i][0] < -0.22 },
		"one in a region": func(i int) bool { return rows[i][0] > 0.3 == (i%50 == 0) && i%40 == 0 },
	} {
		t.Run(name, func(t *testing.T) {
			x, fresh := filled(t, rows, hnsw.Options{Exact: 16}), hnsw.New(dim, hnsw.Options{Exact: 16})
			truth := flat.New(dim, 1)
			var left []int
			for i := range n {
				if keep(i) {
					left = append(left, i)
					must(t, truth.Put(uint32(i), rows[i]))
					must(t, fresh.Put(uint32(i), rows[i]))
				} else {
					x.Delete(uint32(i))
				}
			}
			must(t, x.Repair())
			lost := 0
			for _, i := range left {
				hits, err := x.SearchEf(t.Context(), rows[i], 1, 30, nil)
				must(t, err)
				if hits[0].Ord != uint32(i) {
					lost++
				}
			}
			qs := random(r, 100, dim)
			recall := func(x *hnsw.Index) float64 {
				return recallOf(t, truth, qs, nil, func(q []float32) ([]index.Hit, error) { return x.SearchEf(t.Context(), q, 10, 15, nil) })
			}
			got, want := recall(x), recall(fresh)
			t.Logf("%d rows left, %d not found, recall %.4f, of a fresh graph %.4f", len(left), lost, got, want)
			if lost*100 > len(left) || got < want-0.03 {
				t.Errorf("%d of %d rows are not found by themselves, recall %.4f, of a fresh graph %.4f", lost, len(left), got, want)
			}
		})
	}
}
