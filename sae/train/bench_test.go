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

func BenchmarkStep(b *testing.B) {
	data := clusters(1, 1024, 512)
	for _, k := range []int{32, 512} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("m=4096/batch=128/k=%d/threads=%d", k, threads), func(b *testing.B) {
				if threads > runtime.NumCPU() {
					b.Skipf("%d threads on %d processors", threads, runtime.NumCPU())
				}
				cfg, err := Preset("default")
				if err != nil {
					b.Fatal(err)
				}
				cfg.Latents, cfg.K, cfg.Threads = 4096, k, threads
				m, err := Init(cfg, data)
				if err != nil {
					b.Fatal(err)
				}
				t, err := CPU(cfg, m)
				if err != nil {
					b.Fatal(err)
				}
				x := m.Standardise(nil, data.X)
				i := 0
				for b.Loop() {
					if _, err := t.Step(x[i*128*512:(i+1)*128*512], cfg.LR); err != nil {
						b.Fatal(err)
					}
					i = (i + 1) % 8
				}
			})
		}
	}
}
