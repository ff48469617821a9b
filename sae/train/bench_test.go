package train

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
)

// clusters returns n unit-length-ish rows around 256 centres.
func clusters(seed uint64, n, d int) Rows {
	r := rand.New(rand.NewPCG(seed, 0))
	centres := make([]float32, 256*d)
	for i := range centres {
		centres[i] = float32(r.NormFloat64())
	}
	x := make([]float32, n*d)
	for i := range n {
		c := r.IntN(256)
		for j := range d {
			x[i*d+j] = (centres[c*d+j] + 0.7*float32(r.NormFloat64())) / 27
		}
	}
	return Rows{D: d, X: x}
}

// BenchmarkStep measures the plain step, and that of the default preset.
func BenchmarkStep(b *testing.B) {
	data := clusters(1, 2048, 512)
	for _, c := range []struct {
		preset  string
		m, n, k int
	}{
		{"seed", 4096, 128, 32}, {"seed", 4096, 128, 512}, {"seed", 4096, 1024, 32}, {"seed", 16384, 128, 32},
		{"default", 4096, 128, 32},
	} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/m=%d/batch=%d/k=%d/threads=%d", c.preset, c.m, c.n, c.k, threads), func(b *testing.B) {
				if threads > runtime.NumCPU() {
					b.Skipf("%d threads on %d processors", threads, runtime.NumCPU())
				}
				cfg, err := Preset(c.preset)
				if err != nil {
					b.Fatal(err)
				}
				cfg.Latents, cfg.K, cfg.Threads = c.m, c.k, threads
				m, err := Init(cfg, data)
				if err != nil {
					b.Fatal(err)
				}
				t, err := CPU(cfg, m)
				if err != nil {
					b.Fatal(err)
				}
				defer t.Close()
				x := m.Standardise(nil, data.X)
				size, at := c.n*512, 0
				for b.Loop() {
					if _, err := t.Step(x[at:at+size], cfg.LR); err != nil {
						b.Fatal(err)
					}
					at = (at + size) % len(x)
				}
			})
		}
	}
}
