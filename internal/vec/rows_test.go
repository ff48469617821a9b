package vec

import (
	"math/rand/v2"
	"testing"
)

func TestEveryPathOfProductRowsHasTheBitsOfProduct(t *testing.T) {
	const seed = 11
	for _, k := range available() {
		r := rand.New(rand.NewPCG(seed, 0))
		for _, d := range []int{1, 3, 4, 7, 8, 100, 128, 132, 257, 260, 512, 768} {
			x := numbers(r, d)
			for _, n := range []int{1, 2, 7, 8, 9, 16, 23} {
				all := numbers(r, n*d)
				rows := make([][]float32, n)
				for i := range rows {
					rows[i] = all[i*d : (i+1)*d]
				}
				got, want := make([]float32, n), make([]float32, n)
				k.rows(got, x, rows)
				k.product(want, x, all, nil, d)
				for i := range want {
					if got[i] != want[i] {
						t.Fatalf("%s, seed %d: row %d of %d, %d columns: %v, want %v", k.path, seed, i, n, d, got[i], want[i])
					}
				}
			}
		}
	}
}

func BenchmarkProductRows(b *testing.B) {
	const n, d = 24, 512
	all, x, dst := make([]float32, 1000*n*d), make([]float32, d), make([]float32, n)
	rows := make([][]float32, n)
	turn := 0
	for b.Loop() {
		for i := range rows {
			at := (turn*7919 + i*104729) % (1000 * n) * d
			rows[i] = all[at : at+d]
		}
		turn++
		ProductRows(dst, x, rows)
	}
}
