package sparse

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/saedb/saedb/index"
)

// TestBestIsWhatContendersLeave: side by side or one after the other, the same bounds; over several blocks, gaps between them, and any k.
func TestBestIsWhatContendersLeave(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 9))
		x := NewLists()
		for range 1 + r.IntN(400) {
			ord := uint32(r.IntN(4))*2*index.BlockRows + uint32(r.IntN(200))
			var latents []uint32
			var acts []float32
			for latent := range uint32(6) {
				if r.IntN(3) == 0 {
					latents, acts = append(latents, latent), append(acts, float32(1+r.IntN(9))/8)
				}
			}
			if err := x.Put(ord, latents, acts); err != nil {
				t.Fatal(err)
			}
		}
		var acc, other Accumulator
		for range 10 {
			var terms []index.Term
			for latent := range uint32(7) {
				if w := float32(r.IntN(7) - 2); w != 0 && r.IntN(2) == 0 {
					terms = append(terms, index.Term{Latent: latent, W: w})
				}
			}
			k := 1 + r.IntN(300)
			got, err := acc.Best(t.Context(), locked{x}, terms, k, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			all, err := other.Bounds(t.Context(), locked{x}, terms, nil)
			if err != nil {
				t.Fatal(err)
			}
			want := slices.DeleteFunc(Contenders(slices.Clone(all), k), func(b Bound) bool { return b.Hi <= 0 })
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d, k %d, terms %v: %v, want %v", seed, k, terms, got, want)
			}
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
