//go:build linux && (amd64 || arm64) && !nogpu

package cuda

import (
	"math"
	"testing"

	"github.com/saedb/saedb/internal/cudadrv/fake"
	"github.com/saedb/saedb/sae/train"
)

// TestStepsAreThoseOfTheCPU compares ten steps, and the models after them, in each order of warps.
func TestStepsAreThoseOfTheCPU(t *testing.T) {
	f, o := pretend(t)
	for name, cfg := range variants() {
		t.Run(name, func(t *testing.T) {
			f.Schedule(fake.Order(len(name)%3), 1)
			data, m, b := begin(t, cfg, o)
			cpu, err := train.CPU(cfg, m)
			if err != nil {
				t.Fatal(err)
			}
			n, revived, dead := cfg.Batch, 0, 0
			for s := range 10 {
				at := s * n % (300 - n)
				x := m.Standardise(nil, data.X[at*40:(at+n)*40])
				got, err := b.Step(x, cfg.LR)
				if err != nil {
					t.Fatal(err, f.Fault())
				}
				want, err := cpu.Step(x, cfg.LR)
				if err != nil {
					t.Fatal(err)
				}
				if math.Abs(got.Loss-want.Loss) > 1e-5*want.Loss || math.Abs(got.FVU-want.FVU) > 1e-5*want.FVU {
					t.Fatalf("step %d: loss and FVU are %v and %v, on the CPU %v and %v", s, got.Loss, got.FVU, want.Loss, want.FVU)
				}
				if got.Active != want.Active || got.Dead != want.Dead || got.Revived != want.Revived {
					t.Fatalf("step %d: %+v, on the CPU %+v", s, got, want)
				}
				revived += got.Revived
				if s < 9 {
					dead += got.Dead
				}
			}
			if cfg.Revive > 0 && revived == 0 {
				t.Error("nothing was revived")
			}
			if cfg.AuxK > 0 && dead == 0 {
				t.Error("nothing was silent")
			}
			tolerance := 1e-4
			if !fused(t) { // AdamW's first steps have the length of the rate, however small a gradient is, and make much of its rounding
				tolerance = 1e-3
			}
			compareStates(t, b, cpu, tolerance)
			if f.Damaged() {
				t.Error("something was written behind a buffer")
			}
		})
	}
}

// compareStates compares everything that two backends keep, relative to each tensor's root mean square.
func compareStates(t *testing.T, b, cpu train.Backend, tolerance float64) {
	t.Helper()
	got, err := b.State()
	if err != nil {
		t.Fatal(err)
	}
	want, err := cpu.State()
	if err != nil {
		t.Fatal(err)
	}
	for name := range tensors {
		w, err := want.F32(name)
		if err != nil {
			t.Fatal(err)
		}
		g, err := got.F32(name)
		if err != nil || len(g) != len(w) {
			t.Fatalf("%s: %d numbers for %d, %v", name, len(g), len(w), err)
		}
		squares, worst := 0.0, 0.0
		for i, v := range w {
			squares += float64(v) * float64(v)
			worst = max(worst, math.Abs(float64(v)-float64(g[i])))
		}
		if scale := math.Sqrt(squares / float64(len(w))); worst > tolerance*scale {
			t.Errorf("%s differs by %v, its numbers are about %v", name, worst, scale)
		}
	}
	gi, _ := got.I64("idle", len(got.Tensors["idle"].Data)/8)
	wi, _ := want.I64("idle", len(want.Tensors["idle"].Data)/8)
	if len(gi) == 0 || len(gi) != len(wi) {
		t.Fatalf("%d counters of silence for %d", len(gi), len(wi))
	}
	for l := range wi {
		if gi[l] != wi[l] {
			t.Fatalf("latent %d has been silent for %d steps, on the CPU for %d", l, gi[l], wi[l])
		}
	}
}
