//go:build linux && (amd64 || arm64) && !nogpu

package cuda

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/saedb/saedb/internal/cudadrv"
)

func TestKernelDead(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		for _, m := range []int{1, 150, 700} {
			for _, share := range []int{0, 3, 1} { // every third is silent, or every one, or none
				idle, list := make([]int64, m), make([]uint32, m)
				var want []uint32
				for l := range idle {
					idle[l] = int64(l % 3)
					if share > 0 && l%share == 0 {
						idle[l] = 10 + int64(l)
						want = append(want, uint32(l))
					}
				}
				dead := []deadValues{{}}
				r.run("dead", one, idle, []stepValues{{tooLong: 10}}, list, dead, m)
				if int(dead[0].many) != len(want) || !slices.Equal(list[:len(want)], want) {
					t.Fatalf("%d of %d latents are silent, %v; it should be %v", dead[0].many, m, list[:dead[0].many], want)
				}
			}
		}
	})
}

func TestKernelDeadTopKIsAStableSort(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		for _, s := range []shape{{n: 3, m: 150, auxK: 7}, {n: 2, m: 900, auxK: 9}, {n: 34, m: 300, auxK: 400}} {
			for name, value := range topKInputs(s.m) {
				for _, none := range []bool{false, true} {
					testDeadTopK(t, r, s, name, value, none)
				}
			}
		}
	})
}

// testDeadTopK chooses among every other latent, or among none.
func testDeadTopK(t *testing.T, r *rig, s shape, name string, value func(*rand.Rand) float32, none bool) {
	t.Helper()
	random := rand.New(rand.NewPCG(3, uint64(s.m)))
	h := make([]float32, s.n*s.m)
	for i := range h {
		h[i] = value(random)
	}
	list := make([]uint32, s.m)
	many := s.m / 2
	for i := range many {
		list[i] = uint32(2*i + 1)
	}
	index, act := make([]uint32, s.n*s.auxK), make([]float32, s.n*s.auxK)
	count, fired, bits := slices.Repeat([]uint32{77}, s.n), make([]uint32, s.m*s.words()), make([]uint32, s.m*s.words())
	if none {
		many = 0
	}
	r.run("topk_dead", cudadrv.Grid{BlocksX: s.n, ThreadsX: 256}, h, list, []deadValues{{many: uint32(many)}}, index, act, count, fired, s.m, s.words(), s.auxK)
	if none {
		if count[0] != 77 || !slices.Equal(fired, bits) {
			t.Fatal("something is chosen among none")
		}
		return
	}
	for i := range s.n {
		quiet := make([]float32, many)
		for at := range quiet {
			quiet[at] = h[i*s.m+int(list[at])]
		}
		want := stable(quiet, s.auxK)
		if int(count[i]) != len(want) {
			t.Fatalf("%s, m %d, row %d: %d latents, a stable sort says %d", name, s.m, i, count[i], len(want))
		}
		for at, from := range want {
			l := list[from]
			if index[i*s.auxK+at] != l || act[i*s.auxK+at] != quiet[from] {
				t.Fatalf("%s, m %d, row %d: latent %d fires with %v, a stable sort says %d with %v", name, s.m, i, index[i*s.auxK+at], act[i*s.auxK+at], l, quiet[from])
			}
			bits[int(l)*s.words()+i/32] |= 1 << (i % 32)
		}
	}
	if !slices.Equal(bits, fired) {
		t.Fatalf("%s, m %d: the bitmap is not that of the codes", name, s.m)
	}
}

func TestKernelDeadDecodes(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		for _, s := range []shape{{n: 5, m: 40, d: 200, k: 9}, {n: 2, m: 3, d: 1, k: 3}} {
			random := rand.New(rand.NewPCG(4, 4))
			c := randomCodes(random, s)
			w, rest := normal(random, s.m*s.d), normal(random, s.n*s.d)
			dead := []deadValues{{weight: 0.02, scale: 0.04, many: 3}}
			run := func(dead []deadValues) (e, delta []float32, loss []float64) {
				e, delta, loss = make([]float32, s.n*s.d), make([]float32, s.n*s.k), make([]float64, s.n)
				r.run("decode_dead", cudadrv.Grid{BlocksX: s.n, ThreadsX: 128}, c.index, c.act, c.count, w, rest, dead, e, delta, loss, s.d, s.k)
				return e, delta, loss
			}
			if e, _, _ := run([]deadValues{{many: 3}}); e[0] != 0 {
				t.Fatal("latents without a loss have a gradient")
			}
			e, delta, loss := run(dead)
			wantE, wantLoss := make([]float64, s.n*s.d), make([]float64, s.n)
			for i := range s.n {
				latents, acts, _ := c.row(i)
				for j := range s.d {
					y := -float64(rest[i*s.d+j])
					for t, l := range latents {
						y += float64(acts[t]) * float64(w[int(l)*s.d+j])
					}
					wantE[i*s.d+j] = 0.04 * y
					wantLoss[i] += y * y
				}
				for t2, l := range latents {
					want := 0.0
					for j := range s.d {
						want += float64(e[i*s.d+j]) * float64(w[int(l)*s.d+j])
					}
					if math.Abs(want-float64(delta[i*s.k+t2])) > 1e-5 {
						t.Fatalf("row %d, latent %d: delta %v, float64 says %v", i, l, delta[i*s.k+t2], want)
					}
				}
			}
			near(t, "e", e, wantE, 8)
			near(t, "loss", loss, wantLoss, 8)
			sum := 0.0
			for _, l := range wantLoss {
				sum += 0.02 * l
			}
			for _, broken := range []bool{false, true} {
				if broken {
					loss[0] = math.NaN()
				}
				stats := []statValues{{okay: 1}}
				r.run("measure_dead", one, loss, dead, stats, s.n)
				if broken != (stats[0].okay == 0) || !broken && math.Abs(stats[0].aux-sum) > 1e-6*sum {
					t.Fatalf("the loss of the silent is %v, okay %d; float64 says %v", stats[0].aux, stats[0].okay, sum)
				}
			}
		}
	})
}

// TestKernelLatentWithLevels gives latents gradients of two kinds: of their own level's row of e, and of what they are to explain while they are silent.
func TestKernelLatentWithLevels(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		const levels, own = 3, 1
		s := shape{n: 70, m: 30, d: 40, k: 9}
		random := rand.New(rand.NewPCG(7, 7))
		c, quiet := randomCodes(random, s), randomCodes(random, shape{n: s.n, m: s.m, d: s.d, k: 5})
		for i := range s.n { // latent 0 is idle, but for what it is to explain
			c.fired[i/32] = 0
		}
		level := make([]uint32, s.n*s.k)
		for i := range level {
			level[i] = uint32(random.IntN(levels))
		}
		for i := range s.n { // latent 1 fires above the model's own level alone
			if latents, _, _ := c.row(i); slices.Contains(latents, 1) {
				level[i*s.k+slices.Index(latents, 1)] = 2
			}
		}
		e, quietE, in, gradient := normal(random, s.n*levels*s.d), normal(random, s.n*s.d), normal(random, s.n*s.d), normal(random, s.m)
		dec, enc, bias := newTensor(random, s.m*s.d), newTensor(random, s.m*s.d), newTensor(random, s.m)
		opt, encOpt := optimisers()
		for _, weight := range []float64{0, 1} {
			gotDec, gotEnc, gotBias, idle := dec.clone(), enc.clone(), bias.clone(), make([]int64, s.m)
			r.run("latent", cudadrv.Grid{BlocksX: s.m, ThreadsX: 256}, c.fired, c.place, c.act, c.delta, level, e, in, gradient,
				[]deadValues{{weight: weight}}, quiet.fired, quiet.index, quiet.act, quiet.count, quiet.delta, quietE,
				gotDec.w, gotDec.m, gotDec.v, gotEnc.w, gotEnc.m, gotEnc.v, gotBias.w, gotBias.m, gotBias.v, idle,
				[]stepValues{newStep(opt, encOpt, s, s.k, 9, 10)}, []statValues{{okay: 1, clip: 1}}, nil, s.m, s.d, s.words(), s.k, quiet.k, levels, own, 0)
			gDec, gEnc, silent := make([]float64, s.m*s.d), make([]float64, s.m*s.d), slices.Repeat([]int64{1}, s.m)
			for i := range s.n {
				latents, acts, deltas := c.row(i)
				for t, l := range latents {
					if c.fired[int(l)*s.words()+i/32]>>(i%32)&1 == 0 {
						continue
					}
					v := int(level[i*s.k+t])
					if v <= own {
						silent[l] = 0
					}
					for j := range s.d {
						gDec[int(l)*s.d+j] += float64(acts[t]) * float64(e[(i*levels+v)*s.d+j])
						gEnc[int(l)*s.d+j] += float64(deltas[t]) * float64(in[i*s.d+j])
					}
				}
				latents, acts, deltas = quiet.row(i)
				for t, l := range latents {
					for j := range s.d {
						gDec[int(l)*s.d+j] += weight * float64(acts[t]) * float64(quietE[i*s.d+j])
						gEnc[int(l)*s.d+j] += weight * float64(deltas[t]) * float64(in[i*s.d+j])
					}
				}
			}
			if !slices.Equal(idle, silent) || silent[0] != 1 || silent[1] != 1 {
				t.Fatalf("latents are silent for %v steps, it should be %v", idle, silent)
			}
			for _, v := range []struct {
				got, was tensor
				g        []float64
			}{{gotDec, dec, gDec}, {gotEnc, enc, gEnc}} {
				want := make([]float64, len(v.g))
				for i, g := range v.g {
					want[i] = 0.9*float64(v.was.m[i]) + (1-0.9)*g
				}
				near(t, "m", v.got.m, want, 40)
			}
		}
	})
}

// TestKernelPullOfTheSilent adds their gradients to those of the others.
func TestKernelPullOfTheSilent(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		s := shape{n: 100, m: 70, d: 15, k: 20}
		random := rand.New(rand.NewPCG(6, 6))
		c, quiet := randomCodes(random, s), randomCodes(random, shape{n: s.n, m: s.m, d: s.d, k: 5})
		for _, weight := range []float64{0, 1} {
			gradient, pulls := make([]float32, s.m), make([]float32, s.pulls()*s.d)
			r.run("pull", cudadrv.Grid{BlocksX: s.pulls(), ThreadsX: 128}, c.fired, c.place, c.delta, []deadValues{{weight: weight}}, quiet.fired, quiet.index, quiet.count, quiet.delta,
				normal(random, s.m*s.d), gradient, pulls, s.m, s.d, s.words(), s.k, quiet.k)
			want := make([]float64, s.m)
			for i := range s.n {
				latents, _, deltas := c.row(i)
				for t, l := range latents {
					want[l] += float64(deltas[t])
				}
				latents, _, deltas = quiet.row(i)
				for t, l := range latents {
					want[l] += weight * float64(deltas[t])
				}
			}
			near(t, "gradient", gradient, want, 20)
		}
	})
}
