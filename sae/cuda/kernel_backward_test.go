//go:build linux && (amd64 || arm64) && !nogpu

package cuda

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/saedb/saedb/internal/cudadrv"
	"github.com/saedb/saedb/internal/vec"
)

func TestKernelPull(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		for _, s := range []shape{{n: 100, m: 70, d: 150, k: 20}, {n: 3, m: 5, d: 7, k: 2}} {
			random := rand.New(rand.NewPCG(6, 6))
			c := randomCodes(random, s)
			w := normal(random, s.m*s.d)
			gradient, pulls := make([]float32, s.m), make([]float32, s.pulls()*s.d)
			r.run("pull", cudadrv.Grid{BlocksX: s.pulls(), ThreadsX: 128}, c.fired, c.place, c.delta, nil, nil, nil, nil, nil, w, gradient, pulls, s.m, s.d, s.words(), s.k, 0)
			want, wantPulls := make([]float64, s.m), make([]float64, len(pulls))
			for i := range s.n {
				latents, _, deltas := c.row(i)
				for t, l := range latents {
					want[l] += float64(deltas[t])
				}
			}
			for l, g := range want {
				for j := range s.d {
					wantPulls[l/32*s.d+j] += g * float64(w[l*s.d+j])
				}
			}
			near(t, "gradient", gradient, want, 20)
			near(t, "pulls", pulls, wantPulls, 40)
		}
	})
}

// tensor is one of the model's, with its moments.
type tensor struct{ w, m, v []float32 }

func newTensor(r *rand.Rand, n int) tensor {
	t := tensor{normal(r, n), normal(r, n), normal(r, n)}
	for i, v := range t.v {
		t.v[i] = v * v
	}
	return t
}

func (t tensor) clone() tensor {
	return tensor{slices.Clone(t.w), slices.Clone(t.m), slices.Clone(t.v)}
}

// optimisers are those of a step of small.
func optimisers() (dec, enc *vec.AdamW) {
	cfg := small()
	return cfg.Optimiser(0.01, 0.01, 3), cfg.Optimiser(0.01, 1, 3)
}

func TestKernelLatent(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		for _, s := range []shape{{n: 70, m: 30, d: 40, k: 9}, {n: 300, m: 4, d: 300, k: 3}, {n: 2, m: 9, d: 1, k: 2}, {n: 20, m: 2, d: maxWidth, k: 1}} {
			for _, unit := range []int{0, 1} {
				testLatent(t, r, s, unit)
			}
		}
	})
}

func testLatent(t *testing.T, r *rig, s shape, unit int) {
	t.Helper()
	random := rand.New(rand.NewPCG(7, uint64(s.d)))
	c := randomCodes(random, s)
	for i := range s.n { // latent 0 is idle
		c.fired[i/32] = 0
	}
	e, in, gradient := normal(random, s.n*s.d), normal(random, s.n*s.d), normal(random, s.m)
	gradient[0] = 0
	dec, enc, bias := newTensor(random, s.m*s.d), newTensor(random, s.m*s.d), newTensor(random, s.m)
	if unit == 1 {
		for l := range s.m {
			row := dec.w[l*s.d:][:s.d]
			vec.Scale(row, float32(1/vec.Norm(row)))
		}
	}
	idle := make([]int64, s.m)
	for l := range idle {
		idle[l] = int64(l)
	}
	idle[0] = 9
	opt, encOpt := optimisers()
	values := newStep(opt, encOpt, s, s.k, 9, 10)
	run := func(ok uint32) (dec2, enc2, bias2 tensor, idle2 []int64, stats []statValues) {
		dec2, enc2, bias2, idle2, stats = dec.clone(), enc.clone(), bias.clone(), slices.Clone(idle), []statValues{{okay: ok, clip: 1}}
		r.run("latent", cudadrv.Grid{BlocksX: s.m, ThreadsX: 256}, c.fired, c.place, c.act, c.delta, nil, e, in, gradient, nil, nil, nil, nil, nil, nil, nil,
			dec2.w, dec2.m, dec2.v, enc2.w, enc2.m, enc2.v, bias2.w, bias2.m, bias2.v, idle2, []stepValues{values}, stats, nil, s.m, s.d, s.words(), s.k, 0, 1, 0, unit)
		return dec2, enc2, bias2, idle2, stats
	}

	same, _, _, _, _ := run(0)
	equal(t, "decoder rows after a loss that is none", same.w, dec.w)
	gotDec, gotEnc, gotBias, gotIdle, stats := run(1)

	// The CPU's own steps, latent by latent.
	wantDec, wantEnc, wantBias := dec.clone(), enc.clone(), bias.clone()
	dead, late := 0, 0
	for l := range s.m {
		at := func(x tensor) tensor { return tensor{x.w[l*s.d:][:s.d], x.m[l*s.d:][:s.d], x.v[l*s.d:][:s.d]} }
		var rows []uint32
		var acts, deltas []float32
		for i := range s.n {
			if c.fired[l*s.words()+i/32]>>(i%32)&1 == 1 {
				rows = append(rows, uint32(i))
				acts, deltas = append(acts, c.act[i*s.k+int(c.place[i*s.m+l])]), append(deltas, c.delta[i*s.k+int(c.place[i*s.m+l])])
			}
		}
		gDec, gEnc := make([]float32, s.d), make([]float32, s.d)
		vec.AxpyRows(gDec, e, rows, acts)
		vec.AxpyRows(gEnc, in, rows, deltas)
		if unit == 1 {
			vec.Axpy(gDec, -vec.Dot(gDec, at(dec).w), at(dec).w)
		}
		opt.Step(at(wantDec).w, at(wantDec).m, at(wantDec).v, gDec)
		if unit == 1 {
			vec.Scale(at(wantDec).w, float32(1/vec.Norm(at(wantDec).w)))
		}
		encOpt.Step(at(wantEnc).w, at(wantEnc).m, at(wantEnc).v, gEnc)
		want := idle[l] + 1
		if len(rows) > 0 {
			want = 0
		}
		if gotIdle[l] != want {
			t.Fatalf("latent %d is silent for %d steps, it should be %d", l, gotIdle[l], want)
		}
		if want >= 10 {
			dead++
		}
		if want > 9 {
			late++
		}
	}
	opt.Step(wantBias.w, wantBias.m, wantBias.v, gradient)
	if int(stats[0].dead) != dead || int(stats[0].late) != late || dead == 0 {
		t.Fatalf("%d latents are dead and %d overdue, it should be %d and %d", stats[0].dead, stats[0].late, dead, late)
	}
	for _, v := range []struct {
		what      string
		got, want tensor
		exact     bool
	}{{"decoder", gotDec, wantDec, unit == 0}, {"encoder", gotEnc, wantEnc, true}, {"bias", gotBias, wantBias, true}} {
		if v.exact && (fused(t) || v.what == "bias") {
			equal(t, v.what, v.got.w, v.want.w)
			equal(t, v.what+" m", v.got.m, v.want.m)
			equal(t, v.what+" v", v.got.v, v.want.v)
		} else {
			near(t, v.what, v.got.w, widen(v.want.w), 200)
			near(t, v.what+" m", v.got.m, widen(v.want.m), 40)
			near(t, v.what+" v", v.got.v, widen(v.want.v), 40)
		}
	}
	if unit == 1 {
		for l := range s.m {
			if norm := vec.Norm(gotDec.w[l*s.d:][:s.d]); math.Abs(norm-1) > 1e-6 {
				t.Fatalf("decoder row %d has norm %v", l, norm)
			}
		}
	}
}

func widen(x []float32) []float64 {
	w := make([]float64, len(x))
	for i, v := range x {
		w[i] = float64(v)
	}
	return w
}

// TestKernelLatentAgainstFloat64 is the update of one latent as the equations say it.
func TestKernelLatentAgainstFloat64(t *testing.T) {
	r := newRig(t)
	s := shape{n: 50, m: 1, d: 60, k: 1}
	random := rand.New(rand.NewPCG(8, 8))
	c := randomCodes(random, s)
	e, in := normal(random, s.n*s.d), normal(random, s.n*s.d)
	dec, enc, bias := newTensor(random, s.d), newTensor(random, s.d), newTensor(random, 1)
	vec.Scale(dec.w, float32(1/vec.Norm(dec.w)))
	g, gEnc := make([]float64, s.d), make([]float64, s.d)
	along := 0.0
	for j := range s.d {
		for i := range s.n {
			if c.count[i] > 0 {
				g[j] += float64(c.act[i]) * float64(e[i*s.d+j])
				gEnc[j] += float64(c.delta[i]) * float64(in[i*s.d+j])
			}
		}
		along += g[j] * float64(dec.w[j])
	}
	adam := func(x tensor, decay float64, j int, g float64) float64 {
		const lr, b1, b2, t = 0.01, 0.9, 0.999, 3
		m, v := b1*float64(x.m[j])+(1-b1)*g, b2*float64(x.v[j])+(1-b2)*g*g
		return float64(x.w[j])*(1-lr*decay) - lr/(1-math.Pow(b1, t))*m/(math.Sqrt(v)/math.Sqrt(1-math.Pow(b2, t))+1e-8)
	}
	want, wantEnc, norm := make([]float64, s.d), make([]float64, s.d), 0.0
	for j := range s.d {
		want[j] = adam(dec, 0.01, j, g[j]-along*float64(dec.w[j]))
		wantEnc[j] = adam(enc, 1, j, gEnc[j])
		norm += want[j] * want[j]
	}
	for j := range want {
		want[j] /= math.Sqrt(norm)
	}
	wantBias := adam(bias, 0.01, 0, 0.25)
	opt, encOpt := optimisers()
	r.run("latent", cudadrv.Grid{BlocksX: 1, ThreadsX: 256}, c.fired, c.place, c.act, c.delta, nil, e, in, []float32{0.25}, nil, nil, nil, nil, nil, nil, nil,
		dec.w, dec.m, dec.v, enc.w, enc.m, enc.v, bias.w, bias.m, bias.v, []int64{0}, []stepValues{newStep(opt, encOpt, s, 1, 9, 10)}, []statValues{{okay: 1, clip: 1}}, nil, 1, s.d, s.words(), 1, 0, 1, 0, 1)
	near(t, "decoder", dec.w, want, 40)
	near(t, "encoder", enc.w, wantEnc, 40)
	near(t, "bias", bias.w, []float64{wantBias}, 10)
}

func TestKernelBias(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		const runs, blocks, d = 9, 21, 77
		random := rand.New(rand.NewPCG(9, 9))
		eSums, pulls, before := normal(random, runs*d), normal(random, blocks*d), newTensor(random, d)
		opt, encOpt := optimisers()
		step := []stepValues{newStep(opt, encOpt, shape{n: 1, d: d}, 1, 9, 10)}
		grid := cudadrv.Grid{BlocksX: ceil(d, 32), ThreadsX: 32, ThreadsY: 8}
		still := before.clone()
		r.run("bias", grid, eSums, pulls, still.w, still.m, still.v, step, []statValues{{}}, nil, runs, blocks, d)
		equal(t, "b_dec after a loss that is none", still.w, before.w)
		got, want := before.clone(), before.clone()
		r.run("bias", grid, eSums, pulls, got.w, got.m, got.v, step, []statValues{{okay: 1, clip: 1}}, nil, runs, blocks, d)
		g := make([]float32, d)
		for j := range d {
			sum := 0.0
			for i := range runs {
				sum += float64(eSums[i*d+j])
			}
			for i := range blocks {
				sum -= float64(pulls[i*d+j])
			}
			g[j] = float32(sum)
		}
		opt.Step(want.w, want.m, want.v, g)
		near(t, "b_dec", got.w, widen(want.w), 40)
		near(t, "m", got.m, widen(want.m), 40)
		// With one row and nothing that pulls, the gradient is known to the bit, and so is the step.
		got, want = before.clone(), before.clone()
		r.run("bias", grid, eSums[:d], make([]float32, d), got.w, got.m, got.v, step, []statValues{{okay: 1, clip: 1}}, nil, 1, 1, d)
		opt.Step(want.w, want.m, want.v, eSums[:d])
		equal(t, "b_dec", got.w, want.w)
		equal(t, "v", got.v, want.v)
	})
}

func TestKernelPoint(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		const n, m, d = 4, 6, 150
		random := rand.New(rand.NewPCG(10, 10))
		e := normal(random, n*d)
		clear(e[3*d:])
		dec, enc, bias := newTensor(random, m*d), newTensor(random, m*d), newTensor(random, m)
		was, idle := dec.clone(), []int64{1, 2, 3, 4, 5, 6}
		r.run("point", cudadrv.Grid{BlocksX: 8, ThreadsX: 128}, []uint32{3, 4, 1, 2, 5, 5, 5, 5, 5, 0, 2, 3, 1, 1, 1, 1, 1}, e,
			dec.w, dec.m, dec.v, enc.w, enc.m, enc.v, bias.w, bias.m, bias.v, idle, d, 1, 0)
		for l := range m {
			row := map[int]int{4: 0, 1: 2}
			from, started := row[l]
			if !started {
				equal(t, "a row that has no new start", dec.w[l*d:][:d], was.w[l*d:][:d])
				continue
			}
			rest := e[from*d:][:d]
			want, norm := make([]float64, d), vec.Norm(rest)
			for j, v := range rest {
				want[j] = -float64(v) / norm
			}
			near(t, "decoder", dec.w[l*d:][:d], want, 1)
			equal(t, "encoder", enc.w[l*d:][:d], dec.w[l*d:][:d])
			nothing := make([]float32, d)
			for _, x := range [][]float32{dec.m, dec.v, enc.m, enc.v} {
				equal(t, "a moment", x[l*d:][:d], nothing)
			}
			equal(t, "bias", []float32{bias.w[l], bias.m[l], bias.v[l]}, nothing[:3])
		}
		if !slices.Equal(idle, []int64{1, 0, 3, 4, 0, 6}) {
			t.Errorf("the counters are %v", idle)
		}
	})
}
