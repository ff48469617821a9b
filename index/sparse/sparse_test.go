package sparse_test

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/indextest"
	"github.com/saedb/saedb/index/sparse"
)

func TestIndex(t *testing.T) {
	indextest.Sparse(t, func() indextest.Codes { return sparse.New() })
}

func TestRows(t *testing.T) {
	indextest.Sparse(t, func() indextest.Codes { return sparse.NewRows() })
}

// code draws k latents below m, ascending; the low ones fire more often.
func code(r *rand.Rand, m, k int) (latents []uint32, acts []float32) {
	set := roaring.New()
	for range k {
		u := r.Float64()
		set.Add(uint32(float64(m) * u * u))
	}
	for _, l := range set.ToArray() {
		latents, acts = append(latents, l), append(acts, float32(r.ExpFloat64()+0.01))
	}
	return latents, acts
}

func terms(latents []uint32, acts []float32) []index.Term {
	out := make([]index.Term, len(latents))
	for i := range latents {
		out[i] = index.Term{Latent: latents[i], W: acts[i]}
	}
	return out
}

func TestIndexAndRowsAgreeToTheBit(t *testing.T) {
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 1))
		x, twin := sparse.New(), sparse.NewRows()
		for range 400 {
			ord := uint32(r.IntN(100_000))
			latents, acts := code(r, 64, 10)
			if err := errors.Join(x.Put(ord, latents, acts), twin.Put(ord, latents, acts)); err != nil {
				t.Fatal(err)
			}
		}
		for range 5 {
			q := terms(code(r, 64, 10))
			q[0].W = -q[0].W
			a, err1 := x.Sum(t.Context(), q, 20, nil)
			b, err2 := twin.Sum(t.Context(), q, 20, nil)
			if err1 != nil || err2 != nil || !slices.Equal(a, b) {
				t.Fatalf("seed %d, sum:\nindex %v %v\nrows  %v %v", seed, a, err1, b, err2)
			}
			a, err1 = x.Cosine(t.Context(), q, 20, nil)
			b, err2 = twin.Cosine(t.Context(), q, 20, nil)
			if err1 != nil || err2 != nil || !slices.Equal(a, b) {
				t.Fatalf("seed %d, cosine:\nindex %v %v\nrows  %v %v", seed, a, err1, b, err2)
			}
		}
	}
}

// lists is a Source: the postings of latent i are lists[i]; after them comes err.
type lists struct {
	of  [][]index.Posting
	err error
}

func (l lists) Postings(_ context.Context, latent uint32) iter.Seq2[index.Posting, error] {
	return func(yield func(index.Posting, error) bool) {
		if int(latent) < len(l.of) {
			for _, p := range l.of[latent] {
				if !yield(p, nil) {
					return
				}
			}
		}
		if l.err != nil {
			yield(index.Posting{}, l.err)
		}
	}
}

var dogs = lists{of: [][]index.Posting{
	{{Ord: 0, Act: 3}, {Ord: 40_000, Act: 1}},
	{{Ord: 0, Act: 4}, {Ord: 2, Act: 2}},
}}

func TestAccumulator(t *testing.T) {
	var acc sparse.Accumulator
	for _, term := range []index.Term{{Latent: 0, W: 1}, {Latent: 1, W: 0.5}, {Latent: 7, W: 1}} {
		if err := acc.AddTerm(t.Context(), dogs, term); err != nil {
			t.Fatal(err)
		}
	}
	acc.Add(3, -1)
	all := []index.Hit{{Ord: 0, Score: 5}, {Ord: 2, Score: 1}, {Ord: 40_000, Score: 1}}
	if got := slices.Collect(acc.All(nil)); !slices.Equal(got, all) {
		t.Errorf("all rows above zero: %v, want %v", got, all)
	}
	if got := slices.Collect(acc.All(roaring.BitmapOf(2, 3, 9, 1<<30))); !slices.Equal(got, all[1:2]) {
		t.Errorf("with a filter: %v, want %v", got, all[1:2])
	}
	if got := acc.AtLeast(2).ToArray(); !slices.Equal(got, []uint32{0}) {
		t.Errorf("rows of at least 2: %v", got)
	}
	if got := acc.AtLeast(-5).ToArray(); !slices.Equal(got, []uint32{0, 2, 40_000}) {
		t.Errorf("rows of at least -5 and above zero: %v", got)
	}
	if acc.Score(3) != -1 || acc.Score(1<<31) != 0 {
		t.Errorf("scores %g and %g, want -1 and 0", acc.Score(3), acc.Score(1<<31))
	}
	if got := acc.Top(2, nil); !slices.Equal(got, all) {
		t.Errorf("the best two and their ties: %v, want %v", got, all)
	}
	acc.Reset()
	if got := slices.Collect(acc.All(nil)); got != nil || acc.Score(3) != 0 {
		t.Errorf("after Reset: %v", got)
	}
}

func TestNorms(t *testing.T) {
	norms, err := sparse.Norms(t.Context(), dogs, 2)
	if err != nil {
		t.Fatal(err)
	}
	for ord, want := range map[uint32]float32{0: 5, 1: 0, 2: 2, 40_000: 1} {
		if norms[ord] != want {
			t.Errorf("norm of row %d is %g, want %g", ord, norms[ord], want)
		}
	}
}

func TestSourceErrorsPassThrough(t *testing.T) {
	fault := errors.New("the disk is gone")
	src := lists{of: dogs.of, err: fault}
	norm := func(uint32) (float32, error) { return 1, nil }
	query := []index.Term{{Latent: 0, W: 1}}
	_, err1 := sparse.Sum(t.Context(), src, query, 1, nil)
	_, err2 := sparse.Cosine(t.Context(), src, norm, query, 1, nil)
	_, err3 := sparse.Norms(t.Context(), src, 2)
	_, err4 := sparse.Cosine(t.Context(), dogs, func(uint32) (float32, error) { return 0, fault }, query, 1, nil)
	for i, err := range []error{err1, err2, err3, err4} {
		if !errors.Is(err, fault) {
			t.Errorf("case %d: %v, want %q", i, err, fault)
		}
	}
}

func BenchmarkCosine(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	x := sparse.New()
	for ord := range uint32(100_000) {
		latents, acts := code(r, 4096, 32)
		if err := x.Put(ord, latents, acts); err != nil {
			b.Fatal(err)
		}
	}
	queries := make([][]index.Term, 16)
	for i := range queries {
		queries[i] = terms(code(r, 4096, 32))
	}
	b.Run("index=sparse/n=100k/latents=32/k=10", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if _, err := x.Cosine(b.Context(), queries[i%len(queries)], 10, nil); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(1, "recall@10")
	})
}
