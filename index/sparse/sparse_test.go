package sparse_test

import (
	"context"
	"errors"
	"iter"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/indextest"
	"github.com/saedb/saedb/index/sparse"
	"github.com/saedb/saedb/sae"
)

func TestIndex(t *testing.T) {
	indextest.Sparse(t, func() indextest.Codes { return sparse.New() })
}

func TestLists(t *testing.T) {
	indextest.Sparse(t, func() indextest.Codes { return sparse.NewLists() })
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

// TestNearTiesAreTold: activations are equal or neighbours among the float32 numbers, so that their weights are the same, and rows come and go.
func TestNearTiesAreTold(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 2))
		x, twin := sparse.New(), sparse.NewRows()
		for range 500 {
			ord := uint32(r.IntN(40_000))
			var latents []uint32
			var acts []float32
			for latent := range uint32(4) {
				if act := float32(1); r.IntN(4) > 0 {
					for range r.IntN(3) {
						act = math.Nextafter32(act, 2)
					}
					latents, acts = append(latents, latent), append(acts, act)
				}
			}
			if r.IntN(5) == 0 {
				acts = append(acts[:0], 300*r.Float32()+1) // makes the steps coarse
				latents = latents[:0]
				latents = append(latents, uint32(r.IntN(4)))
			}
			if err := errors.Join(x.Put(ord, latents, acts), twin.Put(ord, latents, acts)); err != nil {
				t.Fatal(err)
			}
			if r.IntN(4) == 0 {
				x.Delete(ord)
				twin.Delete(ord)
			}
		}
		for k := 1; k < 300; k *= 3 {
			for _, q := range [][]index.Term{{{Latent: 1, W: 1}}, {{Latent: 0, W: 0.7}, {Latent: 2, W: 0.1}}, {{Latent: 1, W: 1}, {Latent: 3, W: -1}}} {
				a, err1 := x.Sum(t.Context(), q, k, nil)
				b, err2 := twin.Sum(t.Context(), q, k, nil)
				if err1 != nil || err2 != nil || !slices.Equal(a, b) {
					t.Fatalf("seed %d, k %d, sum of %v:\nindex %v %v\nrows  %v %v", seed, k, q, a, err1, b, err2)
				}
				a, err1 = x.Cosine(t.Context(), q, k, nil)
				b, err2 = twin.Cosine(t.Context(), q, k, nil)
				if err1 != nil || err2 != nil || !slices.Equal(a, b) {
					t.Fatalf("seed %d, k %d, cosine of %v:\nindex %v %v\nrows  %v %v", seed, k, q, a, err1, b, err2)
				}
			}
		}
	}
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

// rows is a Source: codes by ordinal, and blocks made of them when they are asked for. After all comes err. read counts codes that were asked for by a
// filter.
type rows struct {
	codes map[uint32]sae.Code
	err   error
	read  *int
}

func (r rows) Blocks(_ context.Context, latent uint32) iter.Seq2[index.Block, error] {
	return func(yield func(index.Block, error) bool) {
		locals, acts := map[uint32][]uint16{}, map[uint32][]float32{}
		for _, ord := range slices.Sorted(maps.Keys(r.codes)) {
			c := r.codes[ord]
			if i, active := slices.BinarySearch(c.Latents, latent); active {
				first := ord - ord%index.BlockRows
				locals[first], acts[first] = append(locals[first], uint16(ord-first)), append(acts[first], c.Acts[i])
			}
		}
		for _, first := range slices.Sorted(maps.Keys(locals)) {
			if !yield(index.Weigh(first, locals[first], acts[first]), nil) {
				return
			}
		}
		if r.err != nil {
			yield(index.Block{}, r.err)
		}
	}
}

func (r rows) Codes(_ context.Context, f index.Filter) iter.Seq2[index.Coded, error] {
	return func(yield func(index.Coded, error) bool) {
		ords := slices.Sorted(maps.Keys(r.codes))
		if f != nil {
			ords = f.ToArray()
			if r.read != nil {
				*r.read += len(ords)
			}
		}
		for _, ord := range ords {
			if !yield(index.Coded{Ord: ord, Code: r.codes[ord]}, nil) {
				return
			}
		}
		if r.err != nil {
			yield(index.Coded{}, r.err)
		}
	}
}

var dogs = rows{codes: map[uint32]sae.Code{
	0:      {Latents: []uint32{0, 1}, Acts: []float32{3, 4}},
	2:      {Latents: []uint32{1}, Acts: []float32{2}},
	40_000: {Latents: []uint32{0}, Acts: []float32{1}},
}}

func TestAccumulator(t *testing.T) {
	var acc sparse.Accumulator
	terms := []index.Term{{Latent: 0, W: 1}, {Latent: 1, W: 0.5}, {Latent: 7, W: 1}}
	want := map[uint32]float32{0: 5, 2: 1, 40_000: 1}
	for range 2 { // used again, it has forgotten
		bounds, err := acc.Bounds(t.Context(), dogs, terms, nil)
		if err != nil || len(bounds) != len(want) {
			t.Fatalf("%v, %v", bounds, err)
		}
		for i, b := range bounds {
			if score := want[b.Ord]; !(b.Lo <= score && score <= b.Hi) || i > 0 && b.Ord <= bounds[i-1].Ord {
				t.Errorf("row %d scores %g, between %g and %g; the row before is %v", b.Ord, score, b.Lo, b.Hi, bounds[max(i, 1)-1])
			}
		}
	}
	bounds, err := acc.Bounds(t.Context(), dogs, terms, roaring.BitmapOf(2, 3, 9, 1<<30))
	if err != nil || len(bounds) != 1 || bounds[0].Ord != 2 {
		t.Errorf("with a filter: %v, %v", bounds, err)
	}
	bounds, err = acc.Bounds(t.Context(), dogs, []index.Term{{Latent: 0, W: -1}, {Latent: 1, W: 1e-3}}, nil)
	if err != nil || len(bounds) != 1 || bounds[0].Ord != 2 {
		t.Errorf("rows that may be above zero: %v, %v; want row 2", bounds, err)
	}
}

// TestBoundsHold: the score that Score computes lies within its bounds, for weights and activations of any size, and of either sign.
func TestBoundsHold(t *testing.T) {
	var acc sparse.Accumulator
	known, all := 0, 0
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 7))
		wild := func() float32 { return float32(math.Ldexp(1+r.Float64(), r.IntN(1+int(seed%60))-int(seed%60)/2)) }
		src := rows{codes: map[uint32]sae.Code{}}
		for range 60 {
			c := sae.Code{}
			for latent := range uint32(8) {
				if r.IntN(2) == 0 {
					c.Latents, c.Acts = append(c.Latents, latent), append(c.Acts, wild())
				}
			}
			src.codes[r.Uint32N(100_000)] = c
		}
		var q []index.Term
		for latent := range uint32(8) {
			if r.IntN(3) > 0 || latent == 0 {
				q = append(q, index.Term{Latent: latent, W: wild() * float32(1-2*r.IntN(2))})
			}
		}
		bounds, err := acc.Bounds(t.Context(), src, q, nil)
		if err != nil {
			t.Fatal(err)
		}
		found := map[uint32]sparse.Bound{}
		for _, b := range bounds {
			found[b.Ord] = b
			if b.Known() {
				known++
			}
		}
		for ord, c := range src.codes {
			score := sparse.Score(q, c)
			b, there := found[ord]
			if there && !(b.Lo <= score && score <= b.Hi) || !there && score > 0 {
				t.Fatalf("seed %d: row %d scores %g, bounds %+v (there: %v)", seed, ord, score, b, there)
			}
			all++
		}
	}
	if known > all/2 {
		t.Errorf("%d of %d bounds say the score: nothing was put to the test", known, all)
	}
}

// TestFewCodesAreRead for the best ten of many rows, and for a group; ties and near ties are told apart by their codes.
func TestFewCodesAreRead(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	read := 0
	src, twin := rows{codes: map[uint32]sae.Code{}, read: &read}, sparse.NewRows()
	for ord := range uint32(20_000) {
		latents, acts := code(r, 64, 10)
		src.codes[ord] = sae.Code{Latents: latents, Acts: acts}
		if err := twin.Put(ord, latents, acts); err != nil {
			t.Fatal(err)
		}
	}
	for name, q := range map[string][]index.Term{
		"one latent": {{Latent: 3, W: 1}},
		"a group":    {{Latent: 1, W: 0.5}, {Latent: 5, W: 0.3}, {Latent: 9, W: 0.2}},
	} {
		read = 0
		got, err := sparse.Sum(t.Context(), src, q, 10, nil)
		want, err2 := twin.Sum(t.Context(), q, 10, nil)
		if err != nil || err2 != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v; want %v, %v", name, got, err, want, err2)
		}
		if read < len(want) || read > 100 {
			t.Errorf("%s: %d codes were read for %d rows", name, read, len(want))
		}
	}
}

func TestNorms(t *testing.T) {
	norms, err := sparse.Norms(t.Context(), dogs)
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
	src := rows{codes: dogs.codes, err: fault}
	norm := func(uint32) (float32, error) { return 1, nil }
	query := []index.Term{{Latent: 0, W: 1}}
	_, err1 := sparse.Sum(t.Context(), src, query, 1, nil)
	_, err2 := sparse.Cosine(t.Context(), src, norm, query, 1, nil)
	_, err3 := sparse.Norms(t.Context(), src)
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
