package vec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// odd fills a slice with values of one kind; the kinds are what selections stumble over.
var odd = []struct {
	name string
	at   func(r *rand.Rand, i, n int) float32
}{
	{"normal", func(r *rand.Rand, _, _ int) float32 { return float32(r.NormFloat64()) }},
	{"all equal", func(_ *rand.Rand, _, _ int) float32 { return 2 }},
	{"all equal and negative", func(_ *rand.Rand, _, _ int) float32 { return -2 }},
	{"all zero, of both signs", func(r *rand.Rand, _, _ int) float32 { return float32(math.Copysign(0, float64(r.IntN(2))-.5)) }},
	{"two values", func(r *rand.Rand, _, _ int) float32 { return float32(r.IntN(2)) }},
	{"one value above the rest", func(_ *rand.Rand, i, n int) float32 { return float32(i / max(n-1, 1)) }},
	{"ascending", func(_ *rand.Rand, i, _ int) float32 { return float32(i) }},
	{"descending", func(_ *rand.Rand, i, _ int) float32 { return float32(-i) }},
	{"organ pipe", func(_ *rand.Rand, i, n int) float32 { return float32(min(i, n-i)) }},
	{"denormals", func(r *rand.Rand, _, _ int) float32 { return math.Float32frombits(r.Uint32() & 0x807fffff) }},
	{"any bits", func(r *rand.Rand, _, _ int) float32 { return math.Float32frombits(r.Uint32()) }},
	{"NaN", func(_ *rand.Rand, _, _ int) float32 { return float32(math.NaN()) }},
	{"infinities and NaN", func(r *rand.Rand, _, _ int) float32 {
		return []float32{float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 1}[r.IntN(4)]
	}},
	{"large only where a sample looks", func(_ *rand.Rand, i, n int) float32 { return float32(1 - i*32/max(n, 1)*max(n, 1)/32%8) }},
	{"large only where no sample looks", func(r *rand.Rand, i, n int) float32 {
		if i%max(n/32, 1) < 8 {
			return -1
		}
		return r.Float32()
	}},
}

func fill(r *rand.Rand, n int, at func(r *rand.Rand, i, n int) float32) []float32 {
	h := make([]float32, n)
	for i := range h {
		h[i] = at(r, i, n)
	}
	return h
}

// TestTopOnEveryPath compares the selection with sorting, for every k that is special and values of every kind.
func TestTopOnEveryPath(t *testing.T) {
	const seed = 6
	for _, k := range available() {
		r := rand.New(rand.NewPCG(seed, 0))
		var s Selector
		lengths := []int{1023, 1024, 1025, 1500, 4099}
		for n := range 68 {
			lengths = append(lengths, n)
		}
		for _, kind := range odd {
			for _, n := range lengths {
				h := fill(r, n+n%4, kind.at)[n%4:] // odd starting addresses
				for _, top := range []int{1, 2, 8, 31, 32, n / 8, n / 2, n - 1, n, n + 1} {
					for _, floor := range []float32{float32(math.Inf(-1)), -1, 0, .5} {
						want := slices.DeleteFunc(topKReference(h, top), func(i uint32) bool { return !(h[i] > floor) })
						if got := s.top(&k, nil, h, top, floor); !slices.Equal(got, want) {
							t.Fatalf("%s, seed %d: %s, top %d of %d above %v: %v, want %v", k.path, seed, kind.name, top, n, floor, got, want)
						}
					}
				}
			}
		}
	}
}

func TestTopAppends(t *testing.T) {
	var s Selector
	if got := s.TopK([]uint32{9}, []float32{1, 3, 2}, 2); !slices.Equal(got, []uint32{9, 1, 2}) {
		t.Errorf("appended to [9]: %v", got)
	}
	if got := s.TopAbove(nil, []float32{1, 2}, 2, float32(math.Inf(1))); got != nil {
		t.Errorf("above infinity there is nothing: %v", got)
	}
}

// TestKthByKey tries the way out of a quickselect that makes no progress.
func TestKthByKey(t *testing.T) {
	const seed = 7
	for _, k := range available() {
		r := rand.New(rand.NewPCG(seed, 0))
		var s Selector
		for _, kind := range odd {
			h := slices.DeleteFunc(fill(r, 300, kind.at), func(v float32) bool { return v != v })
			s.fit(len(h))
			for _, rank := range []int{1, 2, 100, len(h)} {
				if rank < 1 || rank > len(h) {
					continue
				}
				value, ties := s.kth(&k, h, rank)
				byKey, same := s.kthByKey(h, rank)
				if value != byKey || ties != same {
					t.Errorf("%s, seed %d: %s, rank %d: %v with %d ties, by key %v with %d", k.path, seed, kind.name, rank, value, ties, byKey, same)
				}
			}
		}
	}
}

// TestSurvivorsAndPartitionAreTheirTwins compares the kernels of each path with Go's, in place too, and looks for writes out of bounds.
func TestSurvivorsAndPartitionAreTheirTwins(t *testing.T) {
	const seed = 8
	const guard = float32(-77)
	for _, k := range available() {
		r := rand.New(rand.NewPCG(seed, 0))
		for _, kind := range odd {
			for n := range 68 {
				h := fill(r, n+n%5, kind.at)[n%5:]
				cut := kind.at(r, n/2, n)

				index, value := make([]uint32, n+1), make([]float32, n+1)
				index[n], value[n] = 77, guard
				wantIndex, wantValue := make([]uint32, n), make([]float32, n)
				want := survivorsGo(wantIndex, wantValue, h, 5, cut)
				got := k.survivors(index[:n], value[:n], h, 5, cut)
				if got != want || !slices.Equal(index[:got], wantIndex[:want]) || !slices.Equal(value[:got], wantValue[:want]) {
					t.Fatalf("%s, seed %d: %s: of %d at least %v survive %v, want %v", k.path, seed, kind.name, n, cut, index[:got], wantIndex[:want])
				}
				if index[n] != 77 || value[n] != guard {
					t.Fatalf("%s: survivors of %d values writes behind its slices", k.path, n)
				}

				for _, src := range []string{"apart", "above", "below"} {
					above, below := make([]float32, n+spare+1), make([]float32, n+spare+1)
					above[n+spare], below[n+spare] = guard, guard
					from := h
					switch src {
					case "above":
						from = above[:copy(above, h)]
					case "below":
						from = below[:copy(below, h)]
					}
					wantAbove, wantBelow := make([]float32, n+spare), make([]float32, n+spare)
					wantMore, wantLess := partitionGo(wantAbove, wantBelow, h, cut)
					more, less := k.partition(above, below, from, cut)
					if more != wantMore || less != wantLess || !slices.Equal(above[:more], wantAbove[:more]) || !slices.Equal(below[:less], wantBelow[:less]) {
						t.Fatalf("%s, seed %d: %s, %s: %d values by %v: above %v, below %v; want %v, %v",
							k.path, seed, kind.name, src, n, cut, above[:more], below[:less], wantAbove[:wantMore], wantBelow[:wantLess])
					}
					if above[n+spare] != guard || below[n+spare] != guard {
						t.Fatalf("%s: partition of %d values writes behind its slices", k.path, n)
					}
				}
			}
		}
	}
}

func BenchmarkTopPositive(b *testing.B) {
	for _, c := range []struct{ m, k int }{{4096, 32}, {4096, 512}, {32768, 32}} {
		b.Run(fmt.Sprintf("m=%d/k=%d", c.m, c.k), func(b *testing.B) {
			h := numbers(rand.New(rand.NewPCG(1, 0)), c.m)
			var s Selector
			var dst []uint32
			for b.Loop() {
				dst = s.TopPositive(dst[:0], h, c.k)
			}
		})
	}
}
