package sae

import (
	"fmt"
	"testing"
)

func BenchmarkEncodeBatch(b *testing.B) {
	for _, k := range []int{32, 512} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("m=4096/batch=128/k=%d/threads=%d", k, threads), func(b *testing.B) {
				m := tiny(1, 512, 4096, k)
				x := rows(1, 128, 512)
				var codes []Code
				for b.Loop() {
					codes = m.EncodeBatch(codes, x, threads)
				}
				b.ReportMetric(128*float64(b.N)/b.Elapsed().Seconds(), "vectors/s")
			})
		}
	}
}
