package kv

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// TestStatsSum compares the sum with that of big numbers, and finds nothing left when all was taken away in another order.
func TestStatsSum(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var s Stats
	want := new(big.Float).SetPrec(400)
	var acts []float32
	for range 20_000 {
		act := float32(math.Ldexp(1+rng.Float64(), rng.IntN(71)-41)) // from 2^-41 to 2^30
		acts = append(acts, min(act, 1<<30))
		s.Change(0, act)
		want.Add(want, big.NewFloat(float64(acts[len(acts)-1])))
	}
	if exact, _ := want.Float64(); math.Abs(s.Sum()-exact) > math.Abs(exact)*0x1p-52 || s.Count != int64(len(acts)) {
		t.Errorf("the sum of %d activations is %g, want %g of %d", s.Count, s.Sum(), exact, len(acts))
	}
	if whole, _ := want.Uint64(); s.Whole != whole {
		t.Errorf("the sum is %d and a part, want %d", s.Whole, whole)
	}
	rng.Shuffle(len(acts), func(i, j int) { acts[i], acts[j] = acts[j], acts[i] })
	for _, act := range acts {
		s.Change(act, 0)
	}
	if s.Count != 0 || s.Whole != 0 || s.Part != 0 || s.Top != s.Gone || !s.Exact() {
		t.Errorf("after all was taken away: %+v", s)
	}
}

// TestStatsOfOddActivations: what is too small or too large for the fixed point counts the same when it goes as when it came.
func TestStatsOfOddActivations(t *testing.T) {
	for _, act := range []float32{math.SmallestNonzeroFloat32, 0x1p-126, 0x1p-65, 0x1p-64, 0x1.8p-64, 0x1.fffffep-41, 0x1.fffffep29, 1 << 30, math.MaxFloat32} {
		var s Stats
		s.Change(0, 3)
		s.Change(0, act)
		if got, want := s.Sum(), 3+math.Floor(min(float64(act), 1<<30)*0x1p64)*0x1p-64; got != want {
			t.Errorf("3 and %g come to %g, want %g", act, got, want)
		}
		s.Change(act, 0)
		if s.Sum() != 3 || s.Whole != 3 || s.Part != 0 || s.Count != 1 {
			t.Errorf("without %g again: %+v", act, s)
		}
	}
}

// TestStatsKnowWhenTheLargestIsGone.
func TestStatsKnowWhenTheLargestIsGone(t *testing.T) {
	var s Stats
	for _, step := range []struct {
		was, is float32
		exact   bool
	}{{0, 2, true}, {0, 5, true}, {2, 1, true}, {5, 4, false}, {0, 6, true}, {6, 0, false}} {
		s.Change(step.was, step.is)
		if s.Exact() != step.exact {
			t.Errorf("after %v became %v: %+v is exact: %v, want %v", step.was, step.is, s, s.Exact(), step.exact)
		}
	}
}
