//go:build linux && (amd64 || arm64) && !nogpu

package cuda

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/saedb/saedb/internal/cudadrv"
	"github.com/saedb/saedb/internal/vec"
)

func sizeOf[T any]() int64 { var v T; return int64(unsafe.Sizeof(v)) }

// normal returns numbers of a Gaussian.
func normal(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// fused says whether the CPU's path computes fused products, as the kernels do: then sums have the same bits.
func fused(t *testing.T) bool {
	t.Helper()
	path, err := vec.Path()
	if err != nil {
		t.Fatal(err)
	}
	return path != "go"
}

func TestTwinsHaveOneLayout(t *testing.T) {
	if sizeOf[stepValues]() != stepSize || sizeOf[statValues]() != statsSize || sizeOf[placeValues]() != placeSize {
		t.Errorf("the sizes are %d, %d and %d", sizeOf[stepValues](), sizeOf[statValues](), sizeOf[placeValues]())
	}
}

func TestKernelCenter(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		const n, d = 5, 131
		random := rand.New(rand.NewPCG(1, 1))
		all, noise, bias := normal(random, 9*d), normal(random, n*d), normal(random, d)
		rows := []uint32{8, 0, 3, 3, 7}
		c, in, squares := make([]float32, n*d), make([]float32, n*d), make([]float64, n)
		r.run("center", cudadrv.Grid{BlocksX: n, ThreadsX: 128}, all, rows, noise, bias, c, in, squares, d)
		wantC, wantIn, want := make([]float32, n*d), make([]float32, n*d), make([]float64, n)
		for i, row := range rows {
			for j := range d {
				v := all[int(row)*d+j] - bias[j]
				wantC[i*d+j], wantIn[i*d+j] = v, v+noise[i*d+j]
				want[i] += float64(v) * float64(v)
			}
		}
		equal(t, "c", c, wantC)
		equal(t, "in", in, wantIn)
		near(t, "squares", squares, want, 1e-6)
	})
}

func TestKernelEncode(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		for _, s := range []shape{{n: 1, m: 1, d: 1}, {n: 70, m: 70, d: 19}, {n: 3, m: 130, d: 300}, {n: 65, m: 64, d: 128}} {
			random := rand.New(rand.NewPCG(2, uint64(s.n)))
			in, w, bias := normal(random, s.n*s.d), normal(random, s.m*s.d), normal(random, s.m)
			h, peak := make([]float32, s.n*s.m), make([]float32, s.n*s.groups())
			r.run("encode", cudadrv.Grid{BlocksX: s.groups(), BlocksY: ceil(s.n, 64), ThreadsX: 256}, in, w, bias, h, peak, s.n, s.m, s.d, s.groups())
			want, tops := make([]float64, s.n*s.m), make([]float32, s.n*s.groups())
			for i := range s.n {
				for l := range s.m {
					sum := float64(bias[l])
					for j := range s.d {
						sum += float64(in[i*s.d+j]) * float64(w[l*s.d+j])
					}
					want[i*s.m+l] = sum
					top := &tops[i*s.groups()+l/64]
					*top = max(*top, h[i*s.m+l])
				}
			}
			near(t, "h", h, want, 40)
			equal(t, "peak", peak, tops)
			if fused(t) {
				cpu := make([]float32, s.n*s.m)
				vec.ProductBias(cpu, in, w, bias, s.d)
				equal(t, "h", h, cpu)
			}
		}
	})
}

// stable is the code of a row by a stable sort: the k largest above zero, of equal ones the lower latents, ascending.
func stable(row []float32, k int) []uint32 {
	var all []uint32
	for l, v := range row {
		if v > 0 {
			all = append(all, uint32(l))
		}
	}
	slices.SortStableFunc(all, func(a, b uint32) int { return cmp.Compare(row[b], row[a]) })
	all = all[:min(k, len(all))]
	slices.Sort(all)
	return all
}

// topKInputs are rows that selection goes wrong on.
func topKInputs(m int) map[string]func(r *rand.Rand) float32 {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	return map[string]func(r *rand.Rand) float32{
		"normal":       func(r *rand.Rand) float32 { return float32(r.NormFloat64()) },
		"few values":   func(r *rand.Rand) float32 { return float32(r.IntN(3)) - 1 },
		"one value":    func(*rand.Rand) float32 { return 2 },
		"none":         func(r *rand.Rand) float32 { return -float32(r.ExpFloat64()) },
		"seldom":       func(r *rand.Rand) float32 { return float32(max(0, r.IntN(m)-m+4)) },
		"close":        func(r *rand.Rand) float32 { return math.Float32frombits(0x40000000 + uint32(r.IntN(300))) },
		"tiny":         func(r *rand.Rand) float32 { return math.Float32frombits(uint32(r.IntN(5))) },
		"no numbers":   func(r *rand.Rand) float32 { return []float32{nan, inf, -inf, 1, 0}[r.IntN(5)] },
		"all sizes":    func(r *rand.Rand) float32 { return math.Float32frombits(r.Uint32() & 0x7f7fffff) },
		"mostly equal": func(r *rand.Rand) float32 { return []float32{1, 1, 1, 1, 1, 1, 1, 2}[r.IntN(8)] },
	}
}

func TestKernelTopKIsAStableSort(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		for _, s := range []shape{{n: 2, m: 1, k: 1}, {n: 3, m: 150, k: 7}, {n: 2, m: 700, k: 9}, {n: 2, m: 700, k: 700}, {n: 2, m: 1500, k: 3}, {n: 34, m: 257, k: 32}} {
			for name, value := range topKInputs(s.m) {
				random := rand.New(rand.NewPCG(3, uint64(s.m)))
				h, peak := make([]float32, s.n*s.m), make([]float32, s.n*s.groups())
				for i := range h {
					h[i] = value(random)
					top := &peak[i/s.m*s.groups()+i%s.m/64]
					if h[i] > *top {
						*top = h[i]
					}
				}
				index, act := make([]uint32, s.n*s.k), make([]float32, s.n*s.k)
				count, fired := make([]uint32, s.n), make([]uint32, s.m*s.words())
				r.run("topk", cudadrv.Grid{BlocksX: s.n, ThreadsX: 256}, h, peak, []stepValues{{k: int32(s.k)}}, index, act, count, fired, s.m, s.groups(), s.words(), s.k)
				bits := make([]uint32, len(fired))
				for i := range s.n {
					row := h[i*s.m : (i+1)*s.m]
					want := stable(row, s.k)
					if got := index[i*s.k:][:min(int(count[i]), s.k)]; int(count[i]) != len(want) || !slices.Equal(got, want) {
						t.Fatalf("%s, m %d, k %d, row %d: %d latents %v, a stable sort says %v", name, s.m, s.k, i, count[i], got, want)
					}
					for t2, l := range want {
						if act[i*s.k+t2] != row[l] {
							t.Fatalf("%s, m %d, k %d, row %d: latent %d fires with %v, it is %v", name, s.m, s.k, i, l, act[i*s.k+t2], row[l])
						}
						bits[int(l)*s.words()+i/32] |= 1 << (i % 32)
					}
				}
				if !slices.Equal(bits, fired) {
					t.Fatalf("%s, m %d, k %d: the bitmap is not that of the codes", name, s.m, s.k)
				}
			}
		}
	})
}

// codes are random ones, as topk leaves them: index and act have room for k latents of each row, count says how many there are. One row fires nothing.
type codes struct {
	shape
	index, count, fired, place []uint32
	act, delta                 []float32
}

func randomCodes(r *rand.Rand, s shape) codes {
	c := codes{
		shape: s, index: make([]uint32, s.n*s.k), count: make([]uint32, s.n), fired: make([]uint32, s.m*s.words()), place: make([]uint32, s.n*s.m),
		act: normal(r, s.n*s.k), delta: normal(r, s.n*s.k),
	}
	for i := range s.n {
		some := r.Perm(s.m)[:r.IntN(s.k+1)]
		if i == 0 {
			some = nil
		}
		slices.Sort(some)
		c.count[i] = uint32(len(some))
		for t, l := range some {
			c.index[i*s.k+t] = uint32(l)
			c.place[i*s.m+l] = uint32(t)
			c.fired[l*s.words()+i/32] |= 1 << (i % 32)
		}
	}
	return c
}

// row is the code of a row.
func (c *codes) row(i int) (latents []uint32, acts, deltas []float32) {
	n := int(c.count[i])
	return c.index[i*c.k:][:n], c.act[i*c.k:][:n], c.delta[i*c.k:][:n]
}

func TestKernelDecode(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		for _, s := range []shape{{n: 5, m: 40, d: 200, k: 9}, {n: 2, m: 3, d: 1, k: 3}} {
			random := rand.New(rand.NewPCG(4, 4))
			c := randomCodes(random, s)
			w, x := normal(random, s.m*s.d), normal(random, s.n*s.d)
			const scale = float32(0.037)
			e, delta, place, loss := make([]float32, s.n*s.d), make([]float32, s.n*s.k), make([]uint32, s.n*s.m), make([]float64, s.n)
			own, rest := make([]float64, s.n), make([]float32, s.n*s.d)
			r.run("decode", cudadrv.Grid{BlocksX: s.n, ThreadsX: 128}, c.index, c.act, c.count, nil, nil, nil, nil, w, x, []stepValues{{scale: scale, l1: 0.5, penalty: 0.25}},
				e, delta, place, loss, own, rest, s.m, s.d, s.k, 1, 0)
			wantE, wantLoss, wantRest := make([]float64, s.n*s.d), make([]float64, s.n), make([]float64, s.n*s.d)
			wantOwn := make([]float64, s.n)
			for i := range s.n {
				latents, acts, _ := c.row(i)
				for j := range s.d {
					y := -float64(x[i*s.d+j])
					for t, l := range latents {
						y += float64(acts[t]) * float64(w[int(l)*s.d+j])
					}
					wantE[i*s.d+j], wantRest[i*s.d+j] = float64(scale)*y, -y
					wantOwn[i] += y * y
				}
				wantLoss[i] = wantOwn[i]
				for _, a := range acts {
					wantLoss[i] += 0.5 * float64(a)
				}
				for t2, l := range latents {
					want := 0.25
					for j := range s.d {
						want += float64(e[i*s.d+j]) * float64(w[int(l)*s.d+j])
					}
					if math.Abs(want-float64(delta[i*s.k+t2])) > 1e-5 || place[i*s.m+int(l)] != uint32(t2) {
						t.Fatalf("row %d, latent %d: delta %v, float64 says %v; place %d, it is %d", i, l, delta[i*s.k+t2], want, place[i*s.m+int(l)], t2)
					}
				}
				if fused(t) {
					y, cpu := make([]float32, s.d), make([]float32, s.d)
					vec.AxpyRows(y, w, latents, acts)
					vec.Residual(cpu, y, x[i*s.d:(i+1)*s.d], scale)
					equal(t, "e", e[i*s.d:(i+1)*s.d], cpu)
				}
			}
			near(t, "e", e, wantE, 8)
			near(t, "rest", rest, wantRest, 8)
			near(t, "loss", loss, wantLoss, 8)
			near(t, "loss without penalty", own, wantOwn, 8)
		}
	})
}

func TestKernelsColumnsAndMeasure(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		s := shape{n: 37, d: 300}
		random := rand.New(rand.NewPCG(5, 5))
		c, e := normal(random, s.n*s.d), normal(random, s.n*s.d)
		cSums, eSums := make([]float32, s.runs()*s.d), make([]float32, s.runs()*s.d)
		r.run("columns", cudadrv.Grid{BlocksX: ceil(s.d, 128), BlocksY: s.runs(), ThreadsX: 128}, c, e, cSums, eSums, s.n, s.d, 1)
		wantC, wantE := make([]float32, len(cSums)), make([]float32, len(eSums))
		loss, own, squares, count := make([]float64, s.n), make([]float64, s.n), make([]float64, s.n), make([]uint32, s.n)
		want := statValues{okay: 1}
		for i := range s.n {
			vec.Axpy(wantC[i/16*s.d:][:s.d], 1, c[i*s.d:])
			vec.Axpy(wantE[i/16*s.d:][:s.d], 1, e[i*s.d:])
			loss[i], own[i], squares[i], count[i] = random.Float64(), random.Float64(), vec.Squares(c[i*s.d:][:s.d]), uint32(i)
			want.loss += loss[i]
			want.own += own[i]
			want.spread += squares[i]
			want.active += min(count[i], 30)
		}
		equal(t, "sums of c", cSums, wantC)
		equal(t, "sums of e", eSums, wantE)
		for j := range s.d {
			sum := 0.0
			for run := range s.runs() {
				sum += float64(cSums[run*s.d+j])
			}
			want.spread -= sum * sum / float64(s.n)
		}
		for _, broken := range []bool{false, true} {
			if broken {
				loss[20] = math.Inf(1)
			}
			got, dead := []statValues{{}}, []deadValues{{many: 5}}
			r.run("measure", one, loss, own, squares, count, cSums, []stepValues{{aux: 0.5}}, got, dead, s.n, s.d, s.runs(), 30, 10)
			if broken {
				if got[0].okay != 0 {
					t.Fatal("an infinite loss passes for a finite one")
				}
				continue
			}
			near(t, "loss and spread", []float64{got[0].loss, got[0].own, got[0].spread}, []float64{want.loss, want.own, want.spread}, 1e-4)
			weight := 0.5 * 5 / 10 / want.own
			near(t, "weight of the silent", []float64{dead[0].weight, float64(dead[0].scale)}, []float64{weight, 2 * weight}, 1)
			if got[0].active != want.active || got[0].okay != 1 || got[0].clip != 1 {
				t.Fatalf("the statistics are %+v, they should be %+v", got[0], want)
			}
			halted := []statValues{{halt: 1}}
			r.run("measure", one, loss, own, squares, count, cSums, []stepValues{{aux: 0.5}}, halted, dead, s.n, s.d, s.runs(), 30, 10)
			if halted[0].okay != 0 {
				t.Fatal("after a loss that was none a step moves weights")
			}
		}
	})
}
