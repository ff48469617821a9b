//go:build linux && (amd64 || arm64) && !nogpu

package cuda

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/saedb/saedb/internal/cudadrv"
	"github.com/saedb/saedb/sae/train"
)

// formats are the precisions on tensor cores: how a number is rounded, and by how much at most, relative to itself.
var formats = map[Precision]struct {
	round func(float32) float32
	error float64
}{
	TF32: {func(v float32) float32 { // to ten bits, the middle away from zero
		return math.Float32frombits((math.Float32bits(v) + 1<<12) &^ (1<<13 - 1))
	}, 1. / (1 << 11)},
	BF16: {func(v float32) float32 { // to seven bits, the middle to the even one
		b := math.Float32bits(v)
		low, even := b&0xffff, b&^0xffff
		if low > 1<<15 || low == 1<<15 && b>>16&1 == 1 {
			even += 1 << 16
		}
		return math.Float32frombits(even)
	}, 1. / (1 << 8)},
}

// entry is a number of a product: of the factors, of the factors rounded, and by how much each may be missed.
type entry struct{ true, rounded, off, sum float64 }

// productOf is Σ a[k]·b[k] in float64. Each factor is off by error at most, and sums of float32 by less than a unit a place.
func productOf(p Precision, places int, a, b func(k int) float32) entry {
	var e entry
	size := 0.0
	for k := range places {
		x, y := a(k), b(k)
		e.true += float64(x) * float64(y)
		size += math.Abs(float64(x) * float64(y))
		if f, ok := formats[p]; ok {
			x, y = f.round(x), f.round(y)
		}
		e.rounded += float64(x) * float64(y)
	}
	off := formats[p].error
	e.sum = size*float64(places+2)/(1<<24) + 1e-6
	e.off = size*(2*off+off*off) + e.sum
	return e
}

// check compares a number that a kernel made with an entry.
func (e entry) check(t *testing.T, what string, got float32) {
	t.Helper()
	if !(math.Abs(float64(got)-e.true) <= e.off) {
		t.Fatalf("%s is %v, float64 says %v, it may be off by %v", what, got, e.true, e.off)
	}
	if !(math.Abs(float64(got)-e.rounded) <= e.sum) {
		t.Fatalf("%s is %v, of the rounded factors it is %v", what, got, e.rounded)
	}
}

func TestKernelEncodeOnTensorCores(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		for p := range formats {
			for _, s := range []shape{{n: 1, m: 1, d: 1}, {n: 140, m: 70, d: 19}, {n: 3, m: 260, d: 36}, {n: 129, m: 129, d: 64}} {
				s.precision = p
				testEncode(t, r, s)
			}
		}
	})
}

func testEncode(t *testing.T, r *rig, s shape) {
	t.Helper()
	random := rand.New(rand.NewPCG(2, uint64(s.n)))
	in, w, bias := normal(random, s.n*s.d), normal(random, s.m*s.d), normal(random, s.m)
	got, peak := make([]float32, s.n*s.m), make([]float32, s.n*s.groups())
	var nothing memory
	l := nothing.encode(s)
	r.run(l.name, l.grid, in, w, bias, got, peak, s.n, s.m, s.d, s.groups())
	tops := make([]float32, s.n*s.groups())
	for i := range s.n {
		for l := range s.m {
			e := productOf(s.precision, s.d, func(k int) float32 { return in[i*s.d+k] }, func(k int) float32 { return w[l*s.d+k] })
			e.true, e.rounded = e.true+float64(bias[l]), e.rounded+float64(bias[l])
			v := got[i*s.m+l]
			e.check(t, string(s.precision)+" h"+dims(i, l), v)
			top := &tops[i*s.groups()+l/64]
			*top = max(*top, v)
		}
	}
	equal(t, "peak", peak, tops)
}

// TestKernelEncodeRounds is the driver's own rounding, against numbers whose neighbours are known.
func TestKernelEncodeRounds(t *testing.T) {
	r := newRig(t)
	cases := map[Precision][][2]float32{
		TF32: {{1, 1}, {1 + 1./(1<<11), 1 + 1./(1<<10)}, {1 + 1./(1<<11) - 1./(1<<23), 1}, {-(1 + 1./(1<<11)), -(1 + 1./(1<<10))}, {1 + 3./(1<<11), 1 + 1./(1<<9)}},
		BF16: {{1, 1}, {1 + 1./(1<<8), 1}, {1 + 1./(1<<8) + 1./(1<<23), 1 + 1./(1<<7)}, {1 + 3./(1<<8), 1 + 1./(1<<6)}, {-(1 + 3./(1<<8)), -(1 + 1./(1<<6))}},
	}
	for p, all := range cases {
		for _, c := range all {
			h, peak := make([]float32, 1), make([]float32, 1)
			r.run(p.kernel("encode"), cudadrv.Grid{BlocksX: 1, BlocksY: 1, ThreadsX: 256}, []float32{c[0]}, []float32{1}, []float32{0}, h, peak, 1, 1, 1, 1)
			if h[0] != c[1] || formats[p].round(c[0]) != c[1] {
				t.Errorf("%s of %v is %v, here %v; it should be %v", p, c[0], h[0], formats[p].round(c[0]), c[1])
			}
		}
	}
}

// TestTensorCoresTrain runs whole steps in each precision: losses are near those of the CPU, and not theirs.
func TestTensorCoresTrain(t *testing.T) {
	_, o := pretend(t)
	for p, most := range map[Precision]float64{TF32: 5e-3, BF16: 3e-2} {
		o.Precision = p
		apart := differ(t, variants()["unit decoder"], o)
		if apart > most || apart < 1e-6 {
			t.Errorf("%s: losses differ by %v from the CPU's, it should be up to %v", p, apart, most)
		}
	}
}

// differ trains ten steps on both backends and returns the largest difference of losses, relative to themselves.
func differ(t *testing.T, cfg train.Config, o Options) (most float64) {
	t.Helper()
	data, m, b := begin(t, cfg, o)
	cpu, err := train.CPU(cfg, m)
	if err != nil {
		t.Fatal(err)
	}
	for s := range 10 {
		at := s * cfg.Batch % (300 - cfg.Batch)
		x := m.Standardise(nil, data.X[at*40:(at+cfg.Batch)*40])
		got, err := b.Step(x, cfg.LR)
		if err != nil {
			t.Fatal(err)
		}
		want, err := cpu.Step(x, cfg.LR)
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, math.Abs(got.Loss-want.Loss)/want.Loss)
	}
	return most
}

func TestPrecisionFollowsTheBatch(t *testing.T) {
	for _, c := range []struct {
		asked Precision
		rows  int
		want  Precision
	}{{AutoPrecision, 1023, F32}, {AutoPrecision, 1024, TF32}, {F32, 4096, F32}, {BF16, 1, BF16}} {
		if got := c.asked.of(c.rows); got != c.want {
			t.Errorf("%q for %d rows is %q, it should be %q", c.asked, c.rows, got, c.want)
		}
	}
	if err := Precision("f16").Check(); err == nil {
		t.Error("f16 passes")
	}
}
