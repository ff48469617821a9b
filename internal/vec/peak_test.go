package vec

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/saedb/saedb/internal/vec/peak"
)

// BenchmarkPeak measures the product that a step of training does as a share of what the core can multiply and add at all, both in
// turns, on each path of this processor.
func BenchmarkPeak(b *testing.B) {
	for _, p := range peak.Paths() {
		at := slices.IndexFunc(available(), func(k kernels) bool { return k.path == p.Name })
		product := available()[at].product
		for _, s := range []struct{ n, m int }{{128, 4096}, {1024, 4096}, {128, 16384}} {
			b.Run(fmt.Sprintf("%s/%dx512x%d", p.Name, s.n, s.m), func(b *testing.B) {
				const d = 512
				r := rand.New(rand.NewPCG(1, 0))
				x, w, o := numbers(r, s.n*d), numbers(r, s.m*d), make([]float32, s.n*s.m)
				var peaks, shares []float64
				for b.Loop() {
					peaks = append(peaks, p.GFLOPs())
					begun := peak.CPUTime()
					product(o, x, w, nil, d)
					rate := 2 * float64(s.n*s.m) * d / float64((peak.CPUTime() - begun).Nanoseconds())
					shares = append(shares, 100*rate/peaks[len(peaks)-1])
				}
				b.ReportMetric(middle(peaks), "peak-GFLOP/s")
				b.ReportMetric(middle(shares), "%-of-peak")
				b.ReportMetric(slices.Max(shares), "best-%")
			})
		}
	}
}

func middle(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}
