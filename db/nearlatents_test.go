package db

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/saedb/saedb/index/flat"
	"github.com/saedb/saedb/sae"
)

// latents returns an autoencoder of m decoder rows that lie around some centres, with copies, rows that differ in their last bits, and dead ones.
func latents(m, d int, seed uint64) *sae.Model {
	r := rand.New(rand.NewPCG(seed, 6))
	centres := make([]float32, 20*d)
	for i := range centres {
		centres[i] = float32(r.NormFloat64())
	}
	w := make([]float32, m*d)
	for j := range m {
		row, from := w[j*d:(j+1)*d], centres[r.IntN(20)*d:]
		for i := range row {
			row[i] = from[i] + float32(r.NormFloat64())
		}
		switch {
		case j > 0 && j%17 == 0:
			copy(row, w[(j-1)*d:j*d])
		case j > 0 && j%19 == 0:
			copy(row, w[(j-1)*d:j*d])
			row[r.IntN(d)] *= 1 + 1e-7
		case j%23 == 0:
			clear(row)
		}
	}
	return &sae.Model{M: m, D: d, Wdec: w}
}

// TestFewLatentsAreThoseOfAll compares the look-up with its slow twin, for directions near the latents, far from them, and opposite to most.
func TestFewLatentsAreThoseOfAll(t *testing.T) {
	const d = 48
	told := 0
	for seed := range uint64(6) {
		m := latents(2000, d, seed)
		x, err := flat.NewDirections(d, 1+int(seed%2), m.Wdec)
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(seed, 7))
		for i := range 30 {
			v := make([]float32, d)
			for j := range v {
				v[j] = float32(r.NormFloat64())
			}
			if i%3 > 0 {
				copy(v, m.Wdec[r.IntN(m.M)*d:])
			}
			if i%3 == 2 {
				for j := range v {
					v[j] = -v[j]
				}
			}
			k := []int{1, 7, 40, 120}[i%4]
			want, err := allLatents(t.Context(), m, v, k)
			if err != nil {
				t.Fatal(err)
			}
			got, ok, err := fewLatents(t.Context(), x, m, v, k)
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				continue
			}
			if told++; !slices.Equal(got, want) {
				t.Fatalf("seed %d, direction %d, k %d: %v, want %v", seed, i, k, got, want)
			}
		}
	}
	if told < 90 {
		t.Errorf("%d of 180 look-ups could tell the best, want half at least", told)
	}
}

// TestFewLatentsCannotTell: where more rows are equal than are looked up, and where the best cosine is that of a row without a direction.
func TestFewLatentsCannotTell(t *testing.T) {
	const d = 8
	m := &sae.Model{M: 100, D: d, Wdec: make([]float32, 100*d)}
	for j := range 90 {
		m.Wdec[j*d+1] = 1
	}
	x, err := flat.NewDirections(d, 1, m.Wdec)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range [][]float32{{0, 1, 0, 0, 0, 0, 0, 0}, {0, -1, 0, 0, 0, 0, 0, 0}, make([]float32, d)} {
		if hits, ok, err := fewLatents(t.Context(), x, m, v, 3); ok || err != nil {
			t.Errorf("%v: %v, %v, %v", v, hits, ok, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := fewLatents(ctx, x, m, []float32{0, 1, 0, 0, 0, 0, 0, 0}, 3); err == nil {
		t.Error("a search that was called off has no error")
	}
}

func BenchmarkNearLatents(b *testing.B) {
	for _, n := range []int{4096, 65536} {
		m := latents(n, 512, 1)
		x, err := flat.NewDirections(m.D, 1, m.Wdec)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("latents=%d/by=all", n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if _, err := allLatents(b.Context(), m, m.Wdec[(i%n|1)*m.D:][:m.D], 10); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("latents=%d/by=few", n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if _, _, err := fewLatents(b.Context(), x, m, m.Wdec[(i%n|1)*m.D:][:m.D], 10); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
