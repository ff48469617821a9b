package sparse_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/sparse"
	"github.com/saedb/saedb/internal/bench"
	"github.com/saedb/saedb/sae"
)

// generated are codes of many latents by recipe, in an index, and queries.
type generated struct {
	x     *sparse.Index
	codes *bench.Codes
	held  *bench.Codes
}

func generate(t *testing.T, rows, k int) *generated {
	t.Helper()
	g := &generated{x: sparse.New()}
	g.codes, g.held = bench.NewSparse(rows, 25, k, 5)
	for i := range rows {
		latents, acts := g.codes.Code(i)
		if err := g.x.Put(uint32(i), latents, acts); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// truth scores every row.
func (g *generated) truth(q []index.Term, k int, f index.Filter) []index.Hit {
	best := index.NewBest(k)
	for i := range g.codes.Len() {
		latents, acts := g.codes.Code(i)
		if score := sparse.Score(q, sae.Code{Latents: latents, Acts: acts}); score > 0 && (f == nil || f.Contains(uint32(i))) {
			best.Offer(index.Hit{Ord: uint32(i), Score: score})
		}
	}
	return best.Hits()
}

// found is the share of hits that are in the truth. It fails if a score is not the exact one, or a hit the filter leaves out.
func (g *generated) found(t *testing.T, q []index.Term, hits, truth []index.Hit, k int, f index.Filter) float64 {
	t.Helper()
	if len(hits) < k || !slices.IsSortedFunc(hits, index.Compare) {
		t.Fatalf("%d hits of %d, or out of order: %v", len(hits), k, hits)
	}
	n := 0
	for i, h := range hits {
		latents, acts := g.codes.Code(int(h.Ord))
		if score := sparse.Score(q, sae.Code{Latents: latents, Acts: acts}); score != h.Score || f != nil && !f.Contains(h.Ord) {
			t.Fatalf("hit %d is %v, its score is %g, or it should not be there", i, h, score)
		}
		if i < k && h.Score >= truth[k-1].Score {
			n++
		}
	}
	return float64(n) / float64(k)
}

// TestCutFindsNearlyAll: the recall gates of the cut at its default, of an index and of a source, with the exact search of the same index at 1.
func TestCutFindsNearlyAll(t *testing.T) {
	g := generate(t, 10_000, 512)
	t.Run("index", g.ofIndex)
	t.Run("source", g.ofSource)
}

func (g *generated) ofIndex(t *testing.T) {
	const k = 10
	third := roaring.New()
	for ord := uint32(0); ord < 10_000; ord += 3 {
		third.Add(ord)
	}
	for name, f := range map[string]index.Filter{"all rows": nil, "a third": third} {
		recall := 0.
		for i := range g.held.Len() {
			q := terms(g.held.Code(i))
			truth := g.truth(q, k, f)
			exact, err := g.x.Sum(t.Context(), q, k, f)
			if err != nil || !slices.Equal(exact, truth) {
				t.Fatalf("%s, query %d, exact: %v, %v; want %v", name, i, exact, err, truth)
			}
			hits, err := g.x.SumWith(t.Context(), q, k, f, index.Auto)
			if err != nil {
				t.Fatal(err)
			}
			recall += g.found(t, q, hits, truth, k, f) / float64(g.held.Len())
		}
		if recall < .985 {
			t.Errorf("%s: recall %.4f, want .985", name, recall)
		}
	}
}

// ofSource: what a database does with a code of many latents.
func (g *generated) ofSource(t *testing.T) {
	lists := sparse.NewLists()
	for i := range 9000 {
		latents, acts := g.codes.Code(i)
		if err := lists.Put(uint32(i), latents, acts); err != nil {
			t.Fatal(err)
		}
	}
	const k = 5
	recall := 0.
	for i := range g.held.Len() {
		q := terms(g.held.Code(i))
		want, err := lists.Cosine(t.Context(), q, k, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := lists.CosineWith(t.Context(), q, k, nil, index.Auto)
		if err != nil || len(got) < k {
			t.Fatal(got, err)
		}
		for _, h := range got[:k] {
			if slices.Contains(want, h) { // with the same bits
				recall += 1 / float64(k*g.held.Len())
			}
		}
		if exact, err := lists.CosineWith(t.Context(), q, k, nil, index.Exact); err != nil || !slices.Equal(exact, want) {
			t.Fatalf("exact: %v, %v; want %v", exact, err, want)
		}
	}
	if recall < .985 {
		t.Errorf("recall %.4f", recall)
	}
}

// TestCutMissesNothingThatIsAlone: where few rows share the heaviest latents, all are looked at; codes of few latents are never cut.
func TestCutMissesNothingThatIsAlone(t *testing.T) {
	x, lists := sparse.New(), sparse.NewLists()
	put := func(ord uint32, latents []uint32, acts []float32) {
		t.Helper()
		for _, put := range []func(uint32, []uint32, []float32) error{x.Put, lists.Put} {
			if err := put(ord, latents, acts); err != nil {
				t.Fatal(err)
			}
		}
	}
	var q []index.Term
	for l := range uint32(200) {
		q = append(q, index.Term{Latent: l, W: 1 + 100*float32(l/199)})
		put(l, []uint32{l}, []float32{1})
	}
	for name, search := range map[string]func(q []index.Term, e index.Effort) ([]index.Hit, error){
		"index": func(q []index.Term, e index.Effort) ([]index.Hit, error) {
			return x.CosineWith(t.Context(), q, 3, nil, e)
		},
		"source": func(q []index.Term, e index.Effort) ([]index.Hit, error) {
			return lists.CosineWith(t.Context(), q, 3, nil, e)
		},
	} {
		for _, e := range []index.Effort{index.Auto, 1, 50, index.Exact} {
			hits, err := search(q, e)
			if err != nil || len(hits) != 200 || hits[0].Ord != 199 { // all others tie
				t.Errorf("%s, effort %d: %v, %v", name, e, hits, err)
			}
		}
		if hits, err := search(q[:sparse.Many-1], 1); err != nil || len(hits) != sparse.Many-1 {
			t.Errorf("%s, few latents: %v, %v", name, hits, err)
		}
	}
}

// TestIndexIsRowsWhateverItHolds: rows come and go between searches, in several blocks; activations and weights of any size; filters of any width; every k.
func TestIndexIsRowsWhateverItHolds(t *testing.T) {
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 21))
		size := func() float32 {
			x := float32(r.ExpFloat64() + .01)
			for range r.IntN(1 + int(seed%4)*int(seed%4)) {
				x *= []float32{1e-6, 1e-3, 1e3, 1e6}[r.IntN(4)]
			}
			return min(max(x, 1e-44), 1e37)
		}
		x, twin := sparse.New(), sparse.NewRows()
		draw := func(m, k int) ([]uint32, []float32) {
			latents, acts := code(r, m, k)
			for i := range acts {
				acts[i] = size()
			}
			return latents, acts
		}
		for round := range 4 {
			for range 3000 {
				ord := r.Uint32N(12_000)
				if r.IntN(6) == 0 {
					if x.Delete(ord) != twin.Delete(ord) {
						t.Fatalf("seed %d: Delete(%d) differs", seed, ord)
					}
					continue
				}
				latents, acts := draw(60, r.IntN(14))
				if err := x.Put(ord, latents, acts); err != nil {
					t.Fatal(err)
				}
				if err := twin.Put(ord, latents, acts); err != nil {
					t.Fatal(err)
				}
			}
			if x.Len() != twin.Len() {
				t.Fatalf("seed %d: %d rows, want %d", seed, x.Len(), twin.Len())
			}
			for _, k := range []int{1, 3, 10, 100, 2000} {
				q := terms(draw(70, 1+r.IntN(30)))
				if round%2 == 1 {
					q[r.IntN(len(q))].W *= -1
				}
				var f index.Filter
				if wide := r.IntN(4); wide > 0 {
					f = roaring.New()
					for range []int{20, 1000, 20_000}[wide-1] {
						f.Add(r.Uint32N(13_000))
					}
				}
				a, err1 := x.Sum(t.Context(), q, k, f)
				b, err2 := twin.Sum(t.Context(), q, k, f)
				if err1 != nil || err2 != nil || !slices.Equal(a, b) {
					t.Fatalf("seed %d, round %d, k %d, filter %v, sum: %d hits %v, want %d %v", seed, round, k, f != nil, len(a), err1, len(b), err2)
				}
				a, err1 = x.Cosine(t.Context(), q, k, f)
				b, err2 = twin.Cosine(t.Context(), q, k, f)
				if err1 != nil || err2 != nil || !slices.Equal(a, b) {
					t.Fatalf("seed %d, round %d, k %d, filter %v, cosine: %d hits %v, want %d %v", seed, round, k, f != nil, len(a), err1, len(b), err2)
				}
			}
		}
	}
}
