package index

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestBestIsTheSortedList(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		hits := make([]Hit, r.IntN(60))
		for i := range hits {
			hits[i] = Hit{Ord: uint32(i), Score: float32(r.IntN(1 + int(seed%30)))} // few values, so many ties
		}
		r.Shuffle(len(hits), func(i, j int) { hits[i], hits[j] = hits[j], hits[i] })
		for _, k := range []int{1, 2, 10, 59, 100} {
			best := NewBest(k)
			for _, h := range hits {
				if floor, full := best.Floor(); full && h.Score < floor && slices.Contains(bestReference(hits, k), h) {
					t.Fatalf("seed %d, k %d: the floor %g would turn %v away", seed, k, floor, h)
				}
				best.Offer(h)
			}
			if got, want := best.Hits(), bestReference(hits, k); !slices.Equal(got, want) {
				t.Fatalf("seed %d, k %d: %v, want %v", seed, k, got, want)
			}
		}
	}
}

func TestFloorIsTheKthLargest(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 3))
		all := make([]float64, r.IntN(50))
		for i := range all {
			all[i] = float64(r.IntN(1 + int(seed%40)))
		}
		for _, k := range []int{1, 2, 7, 49} {
			floor, want := NewFloor(k), math.Inf(-1)
			for i, x := range all {
				floor.Offer(x)
				if i%5 == 0 {
					floor.Offer(math.NaN())
				}
			}
			if sorted := slices.Sorted(slices.Values(all)); k <= len(sorted) {
				want = sorted[len(sorted)-k]
			}
			if got := floor.Least(); got != want {
				t.Fatalf("seed %d: number %d of %v is %v, want %v", seed, k, all, got, want)
			}
		}
	}
}

func TestTiesWithTheLastAreKept(t *testing.T) {
	best := NewBest(2)
	for _, h := range []Hit{{7, 1}, {3, 2}, {5, 1}, {1, 1}, {9, 0}} {
		best.Offer(h)
	}
	want := []Hit{{3, 2}, {1, 1}, {5, 1}, {7, 1}}
	if got := best.Hits(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
