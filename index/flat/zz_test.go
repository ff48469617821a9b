package flat

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/saedb/saedb/internal/npy"
)

func BenchmarkZZ(b *testing.B) {
	dir := os.Getenv("ZZ")
	base, _ := npy.ReadFile(dir + "/base.npy")
	x := NewRounded(base.Cols, 1)
	for i := range base.Rows {
		if err := x.Put(uint32(i), base.Row(i)); err != nil {
			b.Fatal(err)
		}
	}
	for _, kind := range []string{"pictures", "texts"} {
		m, _ := npy.ReadFile(dir + "/" + kind + ".npy")
		qs := slices.Collect(slices.Chunk(m.Data, m.Cols))[:1000]
		for _, batch := range []int{1, 8, 16, 1000} {
			b.Run(fmt.Sprintf("%s/%d", kind, batch), func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					at := i * batch % len(qs)
					if _, err := x.SearchBatch(b.Context(), qs[at:min(at+batch, len(qs))], 10, nil); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(batch*b.N)/b.Elapsed().Seconds(), "queries/s")
			})
		}
	}
}
