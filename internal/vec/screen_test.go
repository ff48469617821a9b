package vec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// matrices are kinds of rows that bounds may stumble over.
var matrices = []struct {
	name string
	at   func(r *rand.Rand, i, j int) float64
}{
	{"normal", func(r *rand.Rand, _, _ int) float64 { return r.NormFloat64() }},
	{"one column", func(r *rand.Rand, i, j int) float64 { return float64(max(0, 1-max(i-j, j-i))) * r.NormFloat64() }},
	{"all the same", func(_ *rand.Rand, _, _ int) float64 { return .37 }},
	{"signs", func(r *rand.Rand, _, _ int) float64 { return float64(2*r.IntN(2) - 1) }},
	{"rows of all lengths", func(r *rand.Rand, i, _ int) float64 { return r.NormFloat64() * math.Pow(10, float64(i%24-12)) }},
	{"columns of all sizes", func(r *rand.Rand, _, j int) float64 { return r.NormFloat64() * math.Pow(10, float64(j%16-8)) }},
	{"twice each row", func(_ *rand.Rand, i, j int) float64 { return math.Sin(float64(i/2*31 + j*j)) }},
	{"halves of the steps", func(r *rand.Rand, _, _ int) float64 { return (float64(r.IntN(9)) + .5) / 8 }},
	{"mostly zero", func(r *rand.Rand, _, _ int) float64 { return float64(r.IntN(8)/7) * r.NormFloat64() }},
	{"some rows too short", func(r *rand.Rand, i, _ int) float64 { return r.NormFloat64() * []float64{1, 0, 1e-18, 1e-40}[i%4] }},
}

func matrixOf(r *rand.Rand, n, d int, at func(r *rand.Rand, i, j int) float64) []float32 {
	x := make([]float32, n*d)
	for i := range n {
		for j := range d {
			x[i*d+j] = float32(at(r, i, j))
		}
	}
	return x
}

var screenShapes = []struct{ n, m, d, k int }{
	{1, 1, 1, 1}, {1, 17, 2, 3}, {3, 16, 3, 16}, {4, 33, 4, 5}, {5, 48, 5, 1}, {7, 70, 31, 8}, {9, 300, 64, 300}, {130, 90, 17, 4}, {6, 520, 127, 9},
	{6, 100, 128, 9}, {6, 100, 130, 9}, {5, 600, 300, 32}, {3, 290, 512, 16}, {2, 50, 515, 16}, {2, 40, 1030, 7},
}

// exact returns what Product and the bias give on the path.
func (k *kernels) exact(x, w, bias []float32, d int) []float32 {
	n, m := len(x)/d, len(w)/d
	h := make([]float32, n*m)
	k.product(h, x, w, nil, d)
	for i := range h {
		h[i] += bias[i%m]
	}
	return h
}

// TestBoundsOfScreenHold compares every bound of every path with what Product computes, below and above.
func TestBoundsOfScreenHold(t *testing.T) {
	const seed = 11
	for _, k := range available() {
		r := rand.New(rand.NewPCG(seed, 0))
		for _, rows := range matrices {
			for _, weights := range matrices {
				for range 4 {
					c := screenShapes[r.IntN(len(screenShapes))]
					x, w := matrixOf(r, c.n, c.d, rows.at), matrixOf(r, c.m, c.d, weights.at)
					bias := matrixOf(r, c.m, 1, matrices[r.IntN(len(matrices))].at)
					h := k.exact(x, w, bias, c.d)
					s := newScreen(&k, w, bias, c.d, 1)
					if s == nil {
						t.Fatalf("%s, seed %d: %s by %s, %+v: no screen", k.path, seed, rows.name, weights.name, c)
					}
					var a Screening
					a.begin(s, &k, x[:min(c.n, screenPanel)*c.d], c.k, 0)
					for at := 0; at < c.m; at += screenBlock {
						a.bound(s, &k, min(c.n, screenPanel), at)
						for i := range min(c.n, screenPanel) {
							for j := at; j < min(at+screenBlock, c.m) && !a.found[i].off; j++ {
								u, v := a.u[i*screenStride+j-at], h[i*c.m+j]
								b := bias[j]
								if low := u - twice(a.length[i]*s.norm[j]+max(b, -b)*screenBias); !(v <= u && v >= low) {
									t.Fatalf("%s, seed %d: %s by %s, %+v: entry %d,%d is %v, bounds %v and %v", k.path, seed, rows.name, weights.name, c, i, j, v, low, u)
								}
							}
						}
					}
				}
			}
		}
	}
}

// TestScreenFindsTheTop compares the choice among what a screen finds with the choice among all.
func TestScreenFindsTheTop(t *testing.T) {
	const seed = 12
	for _, k := range available() {
		r := rand.New(rand.NewPCG(seed, 0))
		var a Screening // one for all shapes
		for _, rows := range matrices {
			for _, weights := range matrices {
				for range 4 {
					c := screenShapes[r.IntN(len(screenShapes))]
					x, w := matrixOf(r, c.n, c.d, rows.at), matrixOf(r, c.m, c.d, weights.at)
					bias := matrixOf(r, c.m, 1, matrices[r.IntN(len(matrices))].at)
					least := []float32{0, .5, float32(math.Inf(-1))}[r.IntN(3)]
					h := k.exact(x, w, bias, c.d)
					row := 0
					newScreen(&k, w, bias, c.d, 2).top(&k, &a, x, c.k, least, func(i int, index []uint32, value []float32, ok bool) {
						if i != row {
							t.Fatalf("%s: row %d after %d rows", k.path, i, row)
						}
						row++
						all := h[i*c.m : (i+1)*c.m]
						if !ok {
							if c.m <= tooMany(c.k) && Norm(x[i*c.d:(i+1)*c.d]) > 1e-14 {
								t.Fatalf("%s, seed %d: %s by %s, %+v: row %d is not screened", k.path, seed, rows.name, weights.name, c, i)
							}
							return
						}
						for j, l := range index {
							if j > 0 && l <= index[j-1] || math.Float32bits(value[j]) != math.Float32bits(all[l]) {
								t.Fatalf("%s, seed %d: %s by %s, %+v: row %d, entry %d found as %v, is %v", k.path, seed, rows.name, weights.name, c, i, l, value[j], all[l])
							}
						}
						var s Selector
						want := s.top(&k, nil, all, c.k, least)
						got := s.top(&k, nil, value, c.k, least)
						for j := range got {
							got[j] = index[got[j]]
						}
						if !slices.Equal(got, want) {
							t.Fatalf("%s, seed %d: %s by %s, %+v: row %d: top %v, want %v", k.path, seed, rows.name, weights.name, c, i, got, want)
						}
					})
					if row != c.n {
						t.Fatalf("%s: %d rows of %d", k.path, row, c.n)
					}
				}
			}
		}
	}
}

// TestScreenLeavesWhatItCannotBound gives rows that are not finite, near zero or huge, and matrices such.
func TestScreenLeavesWhatItCannotBound(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	const n, m, d = 9, 40, 24
	for _, k := range available() {
		r := rand.New(rand.NewPCG(13, 0))
		w, bias := numbers(r, m*d), numbers(r, m)
		x := numbers(r, n*d)
		odd := map[int]float32{1: nan, 3: inf, 4: -inf, 6: 1e30, 7: 3e38}
		for i, v := range odd {
			x[i*d+5] = v
		}
		clear(x[8*d:])
		odd[8] = 0
		var a Screening
		newScreen(&k, w, bias, d, 1).top(&k, &a, x, 4, 0, func(i int, index []uint32, _ []float32, ok bool) {
			if _, is := odd[i]; is == ok || !ok && len(index) > 0 {
				t.Errorf("%s: row %d with %v: %v, %d found", k.path, i, odd[i], ok, len(index))
			}
		})
		for _, v := range []float32{nan, inf, -inf, 1e20} {
			broken := slices.Clone(w)
			broken[d+1] = v
			if newScreen(&k, broken, bias, d, 1) != nil {
				t.Errorf("%s: a screen of a matrix with %v", k.path, v)
			}
			broken = slices.Clone(bias)
			broken[m-1] = v
			if newScreen(&k, w, broken, d, 1) != nil {
				t.Errorf("%s: a screen of a bias with %v", k.path, v)
			}
		}
		same := slices.Repeat(numbers(r, d), 2000)
		newScreen(&k, same, make([]float32, 2000), d, 1).top(&k, &a, same[:d], 4, float32(math.Inf(-1)), func(_ int, _ []uint32, _ []float32, ok bool) {
			if ok {
				t.Errorf("%s: of 2000 rows that are the same, some are candidates", k.path)
			}
		})
	}
}

// TestScreenKernelsAreTheirTwins compares the kernels of each path with Go's over all lengths up to 67 and more.
func TestScreenKernelsAreTheirTwins(t *testing.T) {
	const seed = 14
	for _, k := range available() {
		r := rand.New(rand.NewPCG(seed, 0))
		for _, d := range append(seventy(), 127, 128, 129, 511, 512, 513, 1100) {
			x := numbers(r, d+1)[1:]
			q, want := make([]int16, (d+3)/4*4+1), make([]int16, (d+3)/4*4+1)
			last := len(q) - 1
			q[last], want[last] = 77, 77
			sum, wantSum := k.quantise(q[:last], x, 1000), quantiseGo(want[:last], x, 1000)
			if !slices.Equal(q, want) || sum != wantSum {
				t.Fatalf("%s, seed %d: %d numbers times 1000 are %v (%d), want %v (%d)", k.path, seed, d, q, sum, want, wantSum)
			}

			m := 1 + r.IntN(40)
			w := numbers(r, m*d+1)[1:]
			h := make([]float32, m)
			k.product(h, x, w, nil, d)
			index := make([]uint32, r.IntN(30))
			for i := range index {
				index[i] = uint32(r.IntN(m))
			}
			next := index[:r.IntN(len(index)+1)]
			got := make([]float32, len(index)+1)
			got[len(index)] = 77
			k.rescore(got, x, w, index, next)
			for i, l := range index {
				if math.Float32bits(got[i]) != math.Float32bits(h[l]) {
					t.Fatalf("%s, seed %d: %d columns: product with row %d is %v, in the batch %v", k.path, seed, d, l, got[i], h[l])
				}
			}
			if got[len(index)] != 77 {
				t.Fatalf("%s: rescore of %d writes behind its slice", k.path, len(index))
			}
		}
		for quads := 1; quads < 68; quads++ {
			integers := func(n int) []int16 {
				q := make([]int16, n)
				for i := range q {
					q[i] = int16(r.IntN(2*screenMost+1) - screenMost)
				}
				return q
			}
			const stride = 21
			tiles := 1 + r.IntN(3)
			rows := tiles * screenRows
			x, w := integers(rows*4*quads+1), integers(screenGroup*4*quads)
			own, cross := make([]int32, rows), make([]int32, screenGroup)
			for i := range own {
				own[i], cross[i%screenGroup] = r.Int32(), -r.Int32()
			}
			step, length, scale, norm, upper := numbers(r, rows), numbers(r, rows), numbers(r, 16), numbers(r, 16), numbers(r, 16)
			cut := numbers(r, rows)
			with := func(screen func(*strip)) ([]float32, []uint16) {
				u, marks := make([]float32, rows*stride), make([]uint16, rows*screenGroups)
				screen(&strip{
					u: u, marks: marks[3:], stride: stride, quads: quads, x: x[1:], w: w, next: integers(tiles % 2 * len(w)),
					own: own, step: step, length: length, cut: cut, cross: cross, scale: scale, norm: norm, upper: upper,
				})
				return u, marks
			}
			got, marks := with(k.screen)
			want, _ := with(screenGo)
			for i, v := range want {
				if !near(got[i], float64(v), 1e-6*math.Abs(float64(v))+1e-6) {
					t.Fatalf("%s, seed %d: %d columns: bound %d is %v, want %v", k.path, seed, 4*quads, i, got[i], v)
				}
			}
			for i, m := range marks {
				want, row := uint16(0), i/screenGroups
				for j := range screenGroup {
					if i%screenGroups == 3 && got[row*stride+j] >= cut[row] { // the strip was the fourth group
						want |= 1 << j
					}
				}
				if m != want {
					t.Fatalf("%s, seed %d: %d columns: marks %d are %b, want %b", k.path, seed, 4*quads, i, m, want)
				}
			}
		}
	}
}

// seventy is the lengths that kernels are tried with.
func seventy() []int {
	n := make([]int, 68)
	for i := range n {
		n[i] = i
	}
	return n[1:]
}

func BenchmarkScreen(b *testing.B) {
	for _, c := range []struct{ n, m, k int }{{128, 4096, 32}, {128, 4096, 128}, {128, 32768, 32}} {
		b.Run(fmt.Sprintf("n=%d/m=%d/k=%d/d=512", c.n, c.m, c.k), func(b *testing.B) {
			const d = 512
			r := rand.New(rand.NewPCG(1, 0))
			x, w := numbers(r, c.n*d), numbers(r, c.m*d)
			s := NewScreen(w, make([]float32, c.m), d, 1)
			var a Screening
			candidates := 0
			for b.Loop() {
				candidates = 0
				s.Top(&a, x, c.k, 0, func(_ int, index []uint32, _ []float32, _ bool) { candidates += len(index) })
			}
			b.ReportMetric(float64(c.n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(candidates)/float64(c.n), "candidates")
		})
	}
}

// BenchmarkScreenKernel is the kernel alone, on numbers that stay in L1.
func BenchmarkScreenKernel(b *testing.B) {
	const quads = 128
	f, i := make([]float32, screenStride*screenRows), make([]int32, screenGroup)
	t := strip{
		u: f, marks: make([]uint16, screenRows*screenGroups), stride: screenStride, quads: quads, x: make([]int16, screenRows*4*quads), w: make([]int16, screenGroup*4*quads),
		own: i[:screenRows], step: f, length: f, cut: f, cross: i, scale: f, norm: f, upper: f,
	}
	for b.Loop() {
		kernel.screen(&t)
	}
	b.ReportMetric(screenRows*screenGroup*4*quads*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gproducts/s")
}
