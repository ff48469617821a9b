package vec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// numbers returns n normal values; seeds are fixed, and printed by the caller on failure.
func numbers(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func near(got float32, want, tol float64) bool { return math.Abs(float64(got)-want) <= tol }

func TestDotAgreesWithTheFormula(t *testing.T) {
	const seed = 1
	r := rand.New(rand.NewPCG(seed, 0))
	for n := range 68 {
		for off := range 4 { // odd starting addresses
			a, b := numbers(r, n+off)[off:], numbers(r, n+off+3)[off:]
			tol := 1e-6 * float64(n+1)
			if got, want := Dot(a, b), dotReference(a, b); !near(got, want, tol) {
				t.Errorf("seed %d: Dot of %d at offset %d is %v, want %v", seed, n, off, got, want)
			}
		}
	}
}

func TestDotCarriesNaN(t *testing.T) {
	for n := 1; n < 68; n++ {
		a, b := make([]float32, n), make([]float32, n)
		a[n-1] = float32(math.NaN())
		if got := Dot(a, b); got == got {
			t.Errorf("a NaN at the end of %d values vanished: %v", n, got)
		}
	}
}

func TestNorm(t *testing.T) {
	for _, c := range []struct {
		x    []float32
		want float64
	}{{nil, 0}, {[]float32{3, 4}, 5}, {[]float32{3e30, 4e30}, 5e30}, {[]float32{-2}, 2}} {
		if got := Norm(c.x); math.Abs(got-c.want) > 1e-6*c.want {
			t.Errorf("Norm(%v) = %v, want %v", c.x, got, c.want)
		}
	}
}

func TestProductAgreesWithTheFormula(t *testing.T) {
	const seed = 3
	r := rand.New(rand.NewPCG(seed, 0))
	for _, n := range []int{0, 1, 2, 3, 5, 8} {
		for _, m := range []int{0, 1, 3, 4, 5, 9, 16} {
			for _, d := range []int{1, 2, 7, 64, 127, 128, 129, 300} {
				x, w := numbers(r, n*d), numbers(r, m*d)
				got := numbers(r, n*m) // what was there before does not matter
				Product(got, x, w, d)
				for i, want := range productReference(x, w, d) {
					if !near(got[i], want, 1e-6*float64(d+1)) {
						t.Fatalf("seed %d: (%d,%d)x(%d,%d) entry %d is %v, want %v", seed, n, d, m, d, i, got[i], want)
					}
				}
			}
		}
	}
}

func TestProductOfABatchHasTheBitsOfItsRows(t *testing.T) {
	const seed, n, m, d = 4, 7, 13, 200
	r := rand.New(rand.NewPCG(seed, 0))
	x, w := numbers(r, n*d), numbers(r, m*d)
	batch, row, cell := make([]float32, n*m), make([]float32, m), make([]float32, 1)
	Product(batch, x, w, d)
	for i := range n {
		Product(row, x[i*d:(i+1)*d], w, d)
		if !slices.Equal(row, batch[i*m:(i+1)*m]) {
			t.Errorf("seed %d: row %d alone differs from the same row in a batch", seed, i)
		}
		for j := range m {
			Product(cell, x[i*d:(i+1)*d], w[j*d:(j+1)*d], d)
			if cell[0] != row[j] {
				t.Errorf("seed %d: entry %d,%d alone differs from the same entry in a row", seed, i, j)
			}
		}
	}
}

func TestParallelCoversEveryIndexOnce(t *testing.T) {
	for _, threads := range []int{0, 1, 2, 3, 9} {
		for _, n := range []int{0, 1, 2, 10, 101} {
			for _, grain := range []int{0, 1, 7, 200} {
				seen := make([]int, n)
				Parallel(threads, n, grain, func(worker, lo, hi int) {
					if worker < 0 || worker >= max(threads, 1) {
						t.Errorf("worker %d of %d", worker, threads)
					}
					for i := lo; i < hi; i++ {
						seen[i]++
					}
				})
				for i, c := range seen {
					if c != 1 {
						t.Errorf("threads %d, n %d, grain %d: index %d visited %d times", threads, n, grain, i, c)
					}
				}
			}
		}
	}
}

func TestTopK(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		name     string
		h        []float32
		k        int
		all, pos []uint32
	}{
		{"nothing asked", []float32{1, 2}, 0, nil, nil},
		{"nothing there", nil, 3, nil, nil},
		{"the two largest, by index", []float32{5, 1, 7, 3}, 2, []uint32{0, 2}, []uint32{0, 2}},
		{"more asked than there", []float32{-1, 2}, 5, []uint32{0, 1}, []uint32{1}},
		{"ties go to the left", []float32{1, 2, 2, 2}, 2, []uint32{1, 2}, []uint32{1, 2}},
		{"ties beside a winner", []float32{4, 4, 9, 4}, 3, []uint32{0, 1, 2}, []uint32{0, 1, 2}},
		{"both zeros are equal and not positive", []float32{float32(math.Copysign(0, -1)), 0}, 1, []uint32{0}, nil},
		{"NaN is never chosen", []float32{nan, 1, -nan, -2}, 3, []uint32{1, 3}, []uint32{1}},
		{"infinities", []float32{-inf, inf, 0}, 3, []uint32{1, 2}, []uint32{1}},
		{"smallest positive number", []float32{math.SmallestNonzeroFloat32, -1}, 1, []uint32{0}, []uint32{0}},
	} {
		var s Selector
		if got := s.TopK(nil, c.h, c.k); !slices.Equal(got, c.all) {
			t.Errorf("%s: TopK(%v, %d) = %v, want %v", c.name, c.h, c.k, got, c.all)
		}
		if got := s.TopPositive(nil, c.h, c.k); !slices.Equal(got, c.pos) {
			t.Errorf("%s: TopPositive(%v, %d) = %v, want %v", c.name, c.h, c.k, got, c.pos)
		}
	}
}

func TestTopKAgreesWithSorting(t *testing.T) {
	var s Selector
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 5))
		n := r.IntN(70)
		if seed%10 == 0 {
			n = 3000
		}
		h := make([]float32, n)
		for i := range h {
			switch r.IntN(4) {
			case 0:
				h[i] = float32(r.IntN(5) - 2) // many ties
			case 1:
				h[i] = math.Float32frombits(r.Uint32()) // anything, NaN too
			default:
				h[i] = float32(r.NormFloat64())
			}
		}
		k := r.IntN(n + 2)
		if got, want := s.TopK(nil, h, k), topKReference(h, k); !slices.Equal(got, want) {
			t.Fatalf("seed %d: top %d of %d: %v, want %v", seed, k, n, got, want)
		}
		var want []uint32
		for _, i := range topKReference(h, k) {
			if h[i] > 0 {
				want = append(want, i)
			}
		}
		if got := s.TopPositive(nil, h, k); !slices.Equal(got, want) {
			t.Fatalf("seed %d: top %d positive of %d: %v, want %v", seed, k, n, got, want)
		}
	}
}

func BenchmarkDot(b *testing.B) {
	for _, d := range []int{64, 512} {
		b.Run(fmt.Sprintf("d=%d", d), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 0))
			x, y := numbers(r, d), numbers(r, d)
			for b.Loop() {
				Dot(x, y)
			}
			b.ReportMetric(2*float64(d)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}

func BenchmarkProduct(b *testing.B) {
	for _, n := range []int{1, 32, 128} {
		b.Run(fmt.Sprintf("n=%d/m=4096/d=512", n), func(b *testing.B) {
			const m, d = 4096, 512
			r := rand.New(rand.NewPCG(1, 0))
			x, w, o := numbers(r, n*d), numbers(r, m*d), make([]float32, n*m)
			for b.Loop() {
				Product(o, x, w, d)
			}
			b.ReportMetric(2*float64(n)*m*d*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}
