package flat_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/flat"
	"github.com/saedb/saedb/internal/bench"
)

func TestDirections(t *testing.T) {
	const n, dim = 900, 48
	r := rand.New(rand.NewPCG(4, 4))
	rows := make([]float32, n*dim)
	for i := range rows {
		rows[i] = float32(r.NormFloat64() * math.Exp(float64(i/dim%9-4))) // lengths from 1/50 to 50 times that of noise
	}
	dead, broken := rows[5*dim:6*dim], rows[7*dim:8*dim]
	clear(dead)
	broken[3] = float32(math.NaN())
	copy(rows[11*dim:12*dim], rows[10*dim:11*dim])
	x, err := flat.NewDirections(dim, 2, rows)
	if err != nil {
		t.Fatal(err)
	}
	if x.Len() != n-2 || x.Dim() != dim {
		t.Fatalf("%d directions of %d, want %d of %d", x.Len(), x.Dim(), n-2, dim)
	}
	twin := &table{dim: dim, rows: map[uint32][]float32{}}
	for i := range uint32(n) {
		if v, err := index.Unit(rows[int(i)*dim:][:dim], dim); err == nil {
			twin.rows[i] = v
		}
	}
	for i := range 50 {
		q := rows[(10+i)*dim : (11+i)*dim]
		want, err := flat.Scan(t.Context(), twin.all(), q, 6, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := x.Search(t.Context(), q, 6, nil)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("latents nearest to latent %d: %v, %v\nwant %v", 10+i, got, err, want)
		}
	}
	hits, err := x.Search(t.Context(), rows[10*dim:11*dim], 1, nil)
	if err != nil || len(hits) != 2 || hits[0].Ord != 10 || hits[1].Ord != 11 {
		t.Errorf("two latents of one direction: %v, %v", hits, err)
	}
	if hits, err := x.Search(t.Context(), rows[10*dim:11*dim], n, nil); err != nil || len(hits) != n-2 {
		t.Errorf("all latents: %d, %v", len(hits), err)
	}
}

func TestDirectionsOfNothing(t *testing.T) {
	for _, rows := range [][]float32{nil, make([]float32, 12)} {
		x, err := flat.NewDirections(4, 1, rows)
		if err != nil {
			t.Fatal(err)
		}
		if hits, err := x.Search(t.Context(), []float32{1, 0, 0, 0}, 3, nil); err != nil || len(hits) != 0 {
			t.Errorf("%d values: %v, %v", len(rows), hits, err)
		}
	}
	if _, err := flat.NewDirections(4, 1, make([]float32, 5)); err == nil {
		t.Error("5 values were taken as rows of 4")
	}
}

func BenchmarkDirections(b *testing.B) {
	for _, n := range []int{4096, 65536} {
		d := bench.NewDense(n, 500, 1)
		x, err := flat.NewDirections(bench.Width, 1, d.Base)
		if err != nil {
			b.Fatal(err)
		}
		qs := slices.Collect(slices.Chunk(slices.Concat(d.Pictures, d.Texts), bench.Width))
		b.Run(fmt.Sprintf("latents=%d", n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if _, err := x.Search(b.Context(), qs[i%len(qs)], 10, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(1, "recall@10")
		})
	}
}
