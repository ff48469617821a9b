package sparse

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/sae"
)

// TestBestHasAllThatMayBe: side by side or one after the other, by cells or by counts, the rows of the k largest scores and those that tie with the last
// are there, with bounds that hold, and no row that Contenders would leave out; over several blocks, gaps between them, and any k, filter and size of numbers.
func TestBestHasAllThatMayBe(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 9))
		x, latents := NewLists(), 3+r.IntN(40)
		unit := []float32{1, 1e-3, 1e-36, 1e30}[r.IntN(4)]
		even := r.IntN(3) == 0 // many ties
		for range 1 + r.IntN(1500) {
			ord := uint32(r.IntN(4))*2*index.BlockRows + uint32(r.IntN(900))
			var code sae.Code
			for latent := range uint32(latents) {
				if act := unit * float32(1+r.IntN(9)) / 8; r.IntN(3) == 0 {
					if !even {
						act = unit * r.Float32()
					}
					if act > 0 {
						code.Latents, code.Acts = append(code.Latents, latent), append(code.Acts, act)
					}
				}
			}
			if err := x.Put(ord, code.Latents, code.Acts); err != nil {
				t.Fatal(err)
			}
		}
		var acc, other Accumulator
		for range 10 {
			var terms []index.Term
			for latent := range uint32(latents + 1) {
				if w := float32(r.IntN(7) - 2); w != 0 && r.IntN(2) == 0 {
					terms = append(terms, index.Term{Latent: latent, W: w})
				}
			}
			var f index.Filter
			if r.IntN(2) == 0 {
				f = roaring.New()
				f.AddRange(100, uint64(r.IntN(3*index.BlockRows)))
			}
			k := 1 + r.IntN(300)
			if r.IntN(2) == 0 {
				k = 1 + r.IntN(12)
			}
			got, err := acc.Best(t.Context(), locked{x}, terms, k, f, nil)
			if err != nil {
				t.Fatal(err)
			}
			all, err := other.Bounds(t.Context(), locked{x}, terms, f)
			if err != nil {
				t.Fatal(err)
			}
			checkBest(t, got, all, k, func(b Bound) float32 { return Score(terms, x.codes[b.Ord]) })
			if t.Failed() {
				t.Fatalf("seed %d, k %d, terms %v", seed, k, terms)
			}
		}
	}
}

func checkBest(t *testing.T, got, all []Bound, k int, score func(Bound) float32) {
	t.Helper()
	var scores []float32
	for _, b := range all {
		if s := score(b); s > 0 {
			scores = append(scores, s)
		}
	}
	slices.Sort(scores)
	least := float32(0)
	if len(scores) >= k {
		least = scores[len(scores)-k]
	}
	may := map[uint32]bool{}
	for _, b := range Contenders(slices.Clone(all), k) {
		may[b.Ord] = true
	}
	is := map[uint32]bool{}
	for i, b := range got {
		is[b.Ord] = true
		if s := score(b); i > 0 && got[i-1].Ord >= b.Ord || !may[b.Ord] || s < b.Lo || s > b.Hi || b.Hi <= 0 {
			t.Errorf("%v is there, of score %g", b, s)
		}
	}
	for _, b := range all {
		if s := score(b); s > 0 && s >= least && !is[b.Ord] {
			t.Errorf("%v is missing, of score %g; the last has %g", b, s, least)
		}
	}
}

// TestBestEndsWithItsSource: the error of a source that fails half way comes through, also that of the context.
func TestBestEndsWithItsSource(t *testing.T) {
	x := NewLists()
	for ord := range uint32(3) {
		if err := x.Put(ord*index.BlockRows, []uint32{0, 1}, []float32{1, 2}); err != nil {
			t.Fatal(err)
		}
	}
	for _, terms := range [][]index.Term{{{Latent: 0, W: 1}}, {{Latent: 0, W: 1}, {Latent: 1, W: 1}}} {
		if _, err := new(Accumulator).Best(t.Context(), failing{locked{x}}, terms, 2, nil, nil); !errors.Is(err, errHalfWay) {
			t.Errorf("%v: %v, want the source's error", terms, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := new(Accumulator).Best(ctx, locked{x}, terms, 2, nil, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%v: %v, want the context's error", terms, err)
		}
	}
}

var errHalfWay = errors.New("half way")

// failing yields a block and then an error.
type failing struct{ Source }

func (f failing) Blocks(ctx context.Context, latent uint32) iter.Seq2[index.Block, error] {
	return func(yield func(index.Block, error) bool) {
		for b := range f.Source.Blocks(ctx, latent) {
			if yield(b, nil) {
				yield(index.Block{}, errHalfWay)
			}
			return
		}
	}
}
