package flat_test

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/flat"
	"github.com/saedb/saedb/index/indextest"
)

func TestIndex(t *testing.T) {
	for _, threads := range []int{1, 3} {
		t.Run(fmt.Sprintf("threads=%d", threads), func(t *testing.T) {
			indextest.Dense(t, 1, func(dim int) index.Mutable { return flat.New(dim, threads) })
		})
	}
}

// table is the slow twin as an index: its rows in a map, and every search a Scan.
type table struct {
	dim  int
	rows map[uint32][]float32
}

func (x *table) Len() int { return len(x.rows) }

func (x *table) all() iter.Seq2[flat.Row, error] {
	return func(yield func(flat.Row, error) bool) {
		for ord, v := range x.rows {
			if !yield(flat.Row{Ord: ord, Vec: v}, nil) {
				return
			}
		}
	}
}

// random returns n unit vectors of width dim; every fifth is the one before it again, so that there are ties.
func random(r *rand.Rand, n, dim int) *table {
	x := &table{dim: dim, rows: map[uint32][]float32{}}
	for i := range n {
		v := make([]float32, dim)
		for j := range v {
			v[j] = float32(r.NormFloat64())
		}
		if i%5 == 4 {
			v = x.rows[uint32(2*(i-1))]
		}
		x.rows[uint32(2*i)], _ = index.Unit(v, dim)
	}
	return x
}

func TestIndexAndScanAgreeToTheBit(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		twin := random(r, 1+r.IntN(600), 1+r.IntN(200))
		x := flat.New(twin.dim, 1+int(seed%4))
		for ord, v := range twin.rows {
			if err := x.Put(ord, v); err != nil {
				t.Fatal(err)
			}
		}
		var filter index.Filter
		if seed%3 > 0 {
			filter = roaring.New()
			for range twin.Len() / int(1+seed%3*5) {
				filter.Add(uint32(r.IntN(2 * twin.Len())))
			}
		}
		qs := [][]float32{random(r, 1, twin.dim).rows[0], random(r, 1, twin.dim).rows[0], twin.rows[0]}
		k := 1 + r.IntN(20)
		batch, err := x.SearchBatch(t.Context(), qs, k, filter)
		if err != nil {
			t.Fatal(err)
		}
		for i, q := range qs {
			want, err := flat.Scan(t.Context(), twin.all(), q, k, filter)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(batch[i], want) {
				t.Fatalf("seed %d, query %d, k %d:\nindex %v\nscan  %v", seed, i, k, batch[i], want)
			}
		}
	}
}

func TestScanPassesErrorsOn(t *testing.T) {
	fault := errors.New("the disk is gone")
	rows := func(yield func(flat.Row, error) bool) {
		_ = yield(flat.Row{Ord: 1, Vec: []float32{1, 0}}, nil) && yield(flat.Row{}, fault)
	}
	if hits, err := flat.Scan(t.Context(), rows, []float32{1, 0}, 1, nil); !errors.Is(err, fault) || hits != nil {
		t.Errorf("%v, %v; want the error %q", hits, err, fault)
	}
	if _, err := flat.Scan(t.Context(), rows, []float32{1, 0, 0}, 1, nil); !errors.Is(err, index.ErrDim) {
		t.Errorf("a query wider than the rows: %v, want the error %q", err, index.ErrDim)
	}
}

func BenchmarkSearch(b *testing.B) {
	const n, dim = 20_000, 512
	r := rand.New(rand.NewPCG(1, 1))
	x := flat.New(dim, 1)
	for ord, v := range random(r, n, dim).rows {
		if err := x.Put(ord, v); err != nil {
			b.Fatal(err)
		}
	}
	for _, batch := range []int{1, 16} {
		qs := make([][]float32, batch)
		for i := range qs {
			qs[i] = random(r, 1, dim).rows[0]
		}
		b.Run(fmt.Sprintf("index=flat/n=20k/dim=512/k=10/batch=%d", batch), func(b *testing.B) {
			for b.Loop() {
				if _, err := x.SearchBatch(b.Context(), qs, 10, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(1, "recall@10")
			b.ReportMetric(float64(batch*b.N)/b.Elapsed().Seconds(), "queries/s")
		})
	}
}
