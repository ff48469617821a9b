//go:build linux && (amd64 || arm64) && !nogpu

package cuda

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/saedb/saedb/internal/cudadrv"
	"github.com/saedb/saedb/internal/vec"
)

// precisions are all of them.
var precisions = []Precision{F32, TF32, BF16}

// denseShapes are at odds with every size that products work in: more and less than a block's square and a share, rows that cannot be read in fours.
var denseShapes = []shape{{n: 1, m: 1, d: 1, k: 1}, {n: 70, m: 150, d: 20, k: 9}, {n: 33, m: 531, d: 7, k: 40}, {n: 130, m: 36, d: 132, k: 5}}

// dense are random codes as a matrix.
func (c *codes) dense() []float32 {
	z := make([]float32, c.n*c.m)
	for i := range c.n {
		latents, acts, _ := c.row(i)
		for t, l := range latents {
			z[i*c.m+int(l)] = acts[t]
		}
	}
	return z
}

func TestKernelScatter(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		for _, s := range denseShapes {
			c := randomCodes(rand.New(rand.NewPCG(1, 2)), s)
			z := normal(rand.New(rand.NewPCG(1, 3)), s.n*s.m)
			r.run("scatter", cudadrv.Grid{BlocksX: s.n, ThreadsX: 256}, c.index, c.act, c.count, z, s.m, s.k)
			equal(t, "z", z, c.dense())
		}
	})
}

// product runs a kernel of products, as the backend does.
func (r *rig) product(name string, s shape, wide, high int, args ...any) {
	r.t.Helper()
	var nothing memory
	l := nothing.product(name, s, wide, high)
	r.run(l.name, l.grid, args...)
}

func TestKernelBlend(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		for _, s := range denseShapes {
			for _, s.precision = range precisions {
				random := rand.New(rand.NewPCG(2, 2))
				c := randomCodes(random, s)
				z, w := c.dense(), normal(random, s.m*s.d)
				parts := make([]float32, s.shares()*s.n*s.d)
				r.product("blend", s, ceil(s.d, s.precision.side()), ceil(s.n, s.precision.side())*s.shares(), z, w, parts, s.n, s.m, s.d, s.share())
				for i := range s.n {
					for j := range s.d {
						for share := range s.shares() {
							from := share * s.share()
							e := productOf(s.precision, min(s.share(), s.m-from), func(k int) float32 { return z[i*s.m+from+k] }, func(k int) float32 { return w[(from+k)*s.d+j] })
							e.check(t, string(s.precision)+" parts"+dims(share, i, j), parts[(share*s.n+i)*s.d+j])
						}
					}
				}
			}
		}
	})
}

// TestSharesAreAll has every latent in one share, and no share empty.
func TestSharesAreAll(t *testing.T) {
	for _, p := range precisions {
		for _, m := range []int{1, 255, 256, 257, 512, 513, 4096, 65536} {
			for _, n := range []int{1, 128, 8192} {
				s := shape{n: n, m: m, d: 512, precision: p}
				if share, shares := s.share(), s.shares(); share%16 != 0 || share*shares < m || share*(shares-1) >= m || shares > 256 {
					t.Errorf("%s: %d rows, %d latents: %d shares of %d", p, n, m, shares, share)
				}
			}
		}
	}
}

func TestKernelResidual(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		s := shape{n: 5, m: 30, d: 200, k: 6}
		const shares, scale = 3, float32(0.037)
		for _, l1 := range []float64{0, 0.5} {
			random := rand.New(rand.NewPCG(3, 2))
			c := randomCodes(random, s)
			parts, x := normal(random, shares*s.n*s.d), normal(random, s.n*s.d)
			e, loss, own := make([]float32, s.n*s.d), make([]float64, s.n), make([]float64, s.n)
			r.run("residual", cudadrv.Grid{BlocksX: s.n, ThreadsX: 128}, parts, x, c.act, c.count, []stepValues{{scale: scale, l1: l1}}, e, loss, own, s.n, s.d, shares, s.k)
			wantE, wantLoss, wantOwn := make([]float64, s.n*s.d), make([]float64, s.n), make([]float64, s.n)
			for i := range s.n {
				for j := range s.d {
					y := -float64(x[i*s.d+j])
					for p := range shares {
						y += float64(parts[(p*s.n+i)*s.d+j])
					}
					wantE[i*s.d+j] = float64(scale) * y
					wantOwn[i] += y * y
				}
				wantLoss[i] = wantOwn[i]
				_, acts, _ := c.row(i)
				for _, a := range acts {
					wantLoss[i] += l1 * float64(a)
				}
			}
			near(t, "e", e, wantE, 8)
			near(t, "loss", loss, wantLoss, 8)
			near(t, "loss without penalty", own, wantOwn, 8)
		}
	})
}

func TestKernelDelta(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		for _, s := range denseShapes {
			for _, s.precision = range precisions {
				random := rand.New(rand.NewPCG(4, 2))
				c := randomCodes(random, s)
				z, w, e := c.dense(), normal(random, s.m*s.d), normal(random, s.n*s.d)
				got := make([]float32, s.n*s.m)
				r.product("delta", s, ceil(s.m, s.precision.side()), ceil(s.n, s.precision.side()), e, w, z, []stepValues{{penalty: 0.25}}, got, s.n, s.m, s.d)
				for i := range s.n {
					for l := range s.m {
						if z[i*s.m+l] <= 0 {
							if got[i*s.m+l] != 0 {
								t.Fatalf("delta%s is %v of a latent that does not fire", dims(i, l), got[i*s.m+l])
							}
							continue
						}
						want := productOf(s.precision, s.d, func(k int) float32 { return e[i*s.d+k] }, func(k int) float32 { return w[l*s.d+k] })
						want.true, want.rounded = want.true+0.25, want.rounded+0.25
						want.check(t, string(s.precision)+" delta"+dims(i, l), got[i*s.m+l])
					}
				}
			}
		}
	})
}

func TestKernelCollect(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		for _, s := range denseShapes {
			for _, s.precision = range precisions {
				random := rand.New(rand.NewPCG(5, 2))
				z, e := normal(random, s.n*s.m), normal(random, s.n*s.d)
				g := make([]float32, s.m*s.d)
				r.product("collect", s, ceil(s.d, s.precision.side()), ceil(s.m, s.precision.side()), z, e, g, s.n, s.m, s.d)
				for l := range s.m {
					for j := range s.d {
						want := productOf(s.precision, s.n, func(k int) float32 { return z[k*s.m+l] }, func(k int) float32 { return e[k*s.d+j] })
						want.check(t, string(s.precision)+" g"+dims(l, j), g[l*s.d+j])
					}
				}
			}
		}
	})
}

// TestKernelSettle compares what gradients in memory do to a latent with what latent makes of the codes that they come from.
func TestKernelSettle(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		for _, s := range []shape{{n: 70, m: 30, d: 40, k: 9}, {n: 300, m: 4, d: 300, k: 3}, {n: 9, m: 2, d: maxWidth, k: 1}} {
			for unit := range 2 {
				for _, asked := range []bool{false, true} {
					testSettle(t, r, s, unit, asked)
				}
			}
		}
	})
}

// testSettle runs both kernels on the same gradients; asked: for their squares.
func testSettle(t *testing.T, r *rig, s shape, unit int, asked bool) {
	t.Helper()
	random := rand.New(rand.NewPCG(6, uint64(s.d)))
	c := randomCodes(random, s)
	e, in, gradient := normal(random, s.n*s.d), normal(random, s.n*s.d), normal(random, s.m)
	gDec, gEnc := make([]float32, s.m*s.d), make([]float32, s.m*s.d)
	for i := range s.n {
		latents, acts, deltas := c.row(i)
		for t, l := range latents {
			for j := range s.d {
				at, from := int(l)*s.d+j, i*s.d+j
				gDec[at] = float32(math.FMA(float64(acts[t]), float64(e[from]), float64(gDec[at])))
				gEnc[at] = float32(math.FMA(float64(deltas[t]), float64(in[from]), float64(gEnc[at])))
			}
		}
	}
	opt, encOpt := optimisers()
	step := []stepValues{newStep(opt, encOpt, s, s.k, 9, 10)}
	dec, enc, bias := newTensor(random, s.m*s.d), newTensor(random, s.m*s.d), newTensor(random, s.m)
	type result struct {
		dec, enc, bias tensor
		idle           []int64
		squares        []float64
	}
	run := func(name string, gradients []any, sizes []any) result {
		v := result{dec.clone(), enc.clone(), bias.clone(), make([]int64, s.m), make([]float64, s.m)}
		instead := any(nil)
		if asked {
			instead = v.squares
		}
		args := append(gradients, v.dec.w, v.dec.m, v.dec.v, v.enc.w, v.enc.m, v.enc.v, v.bias.w, v.bias.m, v.bias.v, v.idle, step, []statValues{{okay: 1, clip: 0.5}}, instead)
		r.run(name, cudadrv.Grid{BlocksX: s.m, ThreadsX: 256}, append(args, sizes...)...)
		return v
	}
	got := run("settle", []any{c.fired, gDec, gEnc, gradient}, []any{s.d, s.words(), unit})
	want := run("latent", []any{c.fired, c.place, c.act, c.delta, nil, e, in, gradient, nil, nil, nil, nil, nil, nil, nil}, []any{s.m, s.d, s.words(), s.k, 0, 1, 0, unit})
	for _, v := range [][2]tensor{{got.dec, want.dec}, {got.enc, want.enc}, {got.bias, want.bias}} {
		near(t, "w", v[0].w, widen(v[1].w), 4)
		near(t, "m", v[0].m, widen(v[1].m), 4)
		near(t, "v", v[0].v, widen(v[1].v), 4)
	}
	near(t, "squares", got.squares, want.squares, 4)
	if !asked {
		for l, silent := range want.idle {
			if got.idle[l] != silent {
				t.Fatalf("latent %d is silent for %d steps, it should be %d", l, got.idle[l], silent)
			}
		}
		return
	}
	equal(t, "decoder rows where only squares are asked for", got.dec.w, dec.w)
	for l, square := range got.squares {
		g, row := gDec[l*s.d:][:s.d], dec.w[l*s.d:][:s.d]
		own := float64(gradient[l]) * float64(gradient[l])
		if unit == 1 && vec.Squares(g) > 0 {
			along := float64(vec.Dot(g, row))
			for j, v := range g {
				v := float64(v) - along*float64(row[j])
				own += v * v
			}
		} else {
			own += vec.Squares(g)
		}
		if own += vec.Squares(gEnc[l*s.d:][:s.d]); math.Abs(own-square) > 1e-5*own {
			t.Fatalf("the squares of latent %d are %v, float64 says %v", l, square, own)
		}
	}
}

func TestKernelClip(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		const m, d = 700, 300
		random := rand.New(rand.NewPCG(7, 2))
		squares, whole := make([]float64, m), normal(random, d)
		sum := vec.Squares(whole)
		for l := range squares {
			squares[l] = random.Float64()
			sum += squares[l]
		}
		for _, limit := range []float64{math.Sqrt(sum) * 1.01, math.Sqrt(sum) * 0.99, 1e-3} {
			stats := []statValues{{okay: 1, clip: 1}}
			r.run("clip", cudadrv.Grid{BlocksX: 1, ThreadsX: 256}, squares, whole, []stepValues{{clip: limit}}, stats, m, d)
			if want := min(1, limit/math.Sqrt(sum)); math.Abs(float64(stats[0].clip)-want) > 1e-7 {
				t.Errorf("with a norm of %v and at most %v gradients are multiplied by %v, it should be %v", math.Sqrt(sum), limit, stats[0].clip, want)
			}
		}
	})
}

// TestDenseAndSparseAreOne trains the same steps both ways.
func TestDenseAndSparseAreOne(t *testing.T) {
	_, o := pretend(t)
	cfg := variants()["dense"]
	data, m, b := begin(t, cfg, o)
	_, _, other := begin(t, cfg, o)
	if !b.shape.dense {
		t.Fatal("the codes are not dense")
	}
	other.shape.dense = false
	other.redo(t)
	for s := range 4 {
		x := m.Standardise(nil, data.X[s*70*40:(s+1)*70*40])
		got, err := b.Step(x, cfg.LR)
		if err != nil {
			t.Fatal(err)
		}
		want, err := other.Step(x, cfg.LR)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got.Loss-want.Loss) > 1e-6*want.Loss || got.Active != want.Active {
			t.Errorf("step %d: %+v, sparse %+v", s, got, want)
		}
	}
	compareStates(t, b, other, 1e-4)
}

// redo makes the buffers and kernels of a backend anew, for a shape that was changed.
func (b *backend) redo(t *testing.T) {
	t.Helper()
	err := b.context.Do(func(th *cudadrv.Thread) error {
		if err := b.end(th); err != nil {
			return err
		}
		return b.begin(th)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestDensityDecides: what is gathered and what is multiplied follows from k, m and the precision.
func TestDensityDecides(t *testing.T) {
	for _, c := range []struct {
		p    Precision
		k, m int
		want bool
	}{{F32, 32, 4096, false}, {F32, 512, 4096, true}, {TF32, 32, 4096, true}, {TF32, 64, 65536, false}, {BF16, 512, 4096, true}, {F32, 1, 1, true}} {
		if c.p.pays(c.k, c.m) != c.want {
			t.Errorf("%s, %d of %d latents: dense is %v", c.p, c.k, c.m, !c.want)
		}
	}
}
