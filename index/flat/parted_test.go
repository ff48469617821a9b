package flat_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/flat"
	"github.com/saedb/saedb/internal/bench"
)

// rowsOf lays the rows of a table beside each other by ascending ordinal.
func rowsOf(x *table) (ords []uint32, rows []float32) {
	for ord := range x.rows {
		ords = append(ords, ord)
	}
	slices.Sort(ords)
	for _, ord := range ords {
		rows = append(rows, x.rows[ord]...)
	}
	return ords, rows
}

// TestPartedWithAllGroupsIsExact compares with the plain scan, to the bit, for every shape of table, filter and batch. With one group only,
// hits are real rows with their scores in order, and never fewer than k.
func TestPartedWithAllGroupsIsExact(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 5))
		twin := random(r, 1+r.IntN(2500), 1+r.IntN(150))
		near(r, twin)
		ords, rows := rowsOf(twin)
		x, err := flat.NewParted(t.Context(), twin.dim, ords, rows, flat.PartedOptions{Groups: r.IntN(60), Threads: 1 + int(seed%3), Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		var filter index.Filter
		if seed%3 > 0 {
			filter = roaring.New()
			for range twin.Len() / int(1+seed%3*5) {
				filter.Add(uint32(r.IntN(2 * twin.Len())))
			}
		}
		qs := make([][]float32, 1+r.IntN(40))
		for i := range qs {
			qs[i] = random(r, 1, twin.dim).rows[0]
			if i%5 == 4 {
				qs[i] = twin.rows[uint32(2*r.IntN(twin.Len()))]
			}
		}
		k := []int{1, 3, 10, 200, twin.Len(), 2 * twin.Len()}[r.IntN(6)]
		all, err := x.SearchProbes(t.Context(), qs, k, filter, x.Groups())
		if err != nil {
			t.Fatal(err)
		}
		one, err := x.SearchProbes(t.Context(), qs, k, filter, 1)
		if err != nil {
			t.Fatal(err)
		}
		for i, q := range qs {
			want, err := flat.Scan(t.Context(), twin.all(), q, k, filter)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(all[i], want) {
				t.Fatalf("seed %d, %d rows of %d in %d groups, query %d of %d, k %d:\nparted %v\nscan   %v", seed, twin.Len(), twin.dim, x.Groups(), i, len(qs), k, all[i], want)
			}
			checkSome(t, fmt.Sprintf("seed %d, query %d, one group", seed, i), twin, q, filter, one[i], min(k, len(want)))
		}
	}
}

// checkSome checks hits that need not be the nearest: at least n, in order, each with its score.
func checkSome(t *testing.T, when string, twin *table, q []float32, f index.Filter, hits []index.Hit, n int) {
	t.Helper()
	if len(hits) < n || !slices.IsSortedFunc(hits, index.Compare) {
		t.Fatalf("%s: %d hits, want %d, in order: %v", when, len(hits), n, hits)
	}
	for _, h := range hits {
		want, err := flat.Scan(t.Context(), func(yield func(flat.Row, error) bool) { yield(flat.Row{Ord: h.Ord, Vec: twin.rows[h.Ord]}, nil) }, q, 1, f)
		if err != nil || len(want) != 1 || want[0] != h {
			t.Fatalf("%s: hit %v, want %v, %v", when, h, want, err)
		}
	}
}

// TestPartedRecall is the gate for both kinds of queries at the default number of groups.
func TestPartedRecall(t *testing.T) {
	const n = 10_000
	d := bench.NewDense(n, 200, 5)
	ords := make([]uint32, n)
	twin := flat.New(bench.Width, 0)
	for i := range ords {
		ords[i] = uint32(i)
		if err := twin.Put(uint32(i), d.Base[i*bench.Width:(i+1)*bench.Width]); err != nil {
			t.Fatal(err)
		}
	}
	x, err := flat.NewParted(t.Context(), bench.Width, ords, d.Base, flat.PartedOptions{Groups: 200, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	floors := map[string]float64{"pictures": .95, "texts": .90}
	for kind, queries := range map[string][]float32{"pictures": d.Pictures, "texts": d.Texts} {
		qs := slices.Collect(slices.Chunk(queries, bench.Width))
		want, err := twin.SearchBatch(t.Context(), qs, 10, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := x.SearchBatch(t.Context(), qs, 10, nil)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for i := range qs {
			for _, h := range got[i][:10] {
				if slices.Contains(want[i], h) {
					found++
				}
			}
			if alone, err := x.Search(t.Context(), qs[i], 10, nil); err != nil || !slices.Equal(alone, got[i]) {
				t.Fatalf("%s, query %d alone: %v, %v\nin a batch %v", kind, i, alone, err, got[i])
			}
		}
		if recall := float64(found) / float64(10*len(qs)); recall < floors[kind] {
			t.Errorf("%s: recall %.4f in %d of %d groups, want %.2f", kind, recall, x.Probes(), x.Groups(), floors[kind])
		}
	}
}

func TestPartedFaults(t *testing.T) {
	if _, err := flat.NewParted(t.Context(), 2, []uint32{1, 2}, make([]float32, 3), flat.PartedOptions{}); err == nil {
		t.Error("three values were taken as two rows of two")
	}
	if _, err := flat.NewParted(t.Context(), 2, []uint32{2, 1}, make([]float32, 4), flat.PartedOptions{}); err == nil {
		t.Error("ordinals that descend were taken")
	}
	x, err := flat.NewParted(t.Context(), 2, nil, nil, flat.PartedOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if hits, err := x.Search(t.Context(), []float32{1, 0}, 3, nil); err != nil || len(hits) != 0 {
		t.Errorf("no rows answer %v, %v", hits, err)
	}
	for want, q := range map[error][]float32{index.ErrDim: {1}, index.ErrZero: {0, 0}} {
		if _, err := x.Search(t.Context(), q, 3, nil); !errors.Is(err, want) {
			t.Errorf("query %v: %v, want %v", q, err, want)
		}
	}
	if _, err := x.Search(t.Context(), []float32{1, 0}, 0, nil); !errors.Is(err, index.ErrK) {
		t.Errorf("k of 0: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	rows := []float32{1, 0, 0, 1}
	if _, err := flat.NewParted(ctx, 2, []uint32{1, 2}, rows, flat.PartedOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("building when cancelled: %v", err)
	}
	if x, err = flat.NewParted(t.Context(), 2, []uint32{1, 2}, rows, flat.PartedOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Search(ctx, []float32{1, 0}, 1, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("searching when cancelled: %v", err)
	}
}
