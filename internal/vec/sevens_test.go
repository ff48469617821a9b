package vec

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestEveryPathOfSevensAgreesWithTheFormula for any width, for any number of rows and queries, and with the largest sums that fit.
func TestEveryPathOfSevensAgreesWithTheFormula(t *testing.T) {
	const seed = 12
	for _, k := range available() {
		r := rand.New(rand.NewPCG(seed, 0))
		for _, d := range []int{1, 2, 3, 4, 31, 32, 33, 64, 65, 127, 512, 513} {
			for _, m := range []int{1, 5, 6, 7, 12, 13, 48} {
				n := 1 + r.IntN(PanelWidth)
				qs := make([]int8, n*d)
				for i := range n {
					smallQuery(r, qs[i*d:(i+1)*d])
				}
				stride := SevensStride(d)
				bytes, rows := make([]int8, m*d), make([]byte, m*stride)
				for i := range bytes {
					if bytes[i] = int8(r.IntN(256) - 128); i < d {
						bytes[i] = 127
					}
				}
				for i := range m {
					k.sevens(rows[i*stride:][:d], bytes[i*d:(i+1)*d])
				}
				var start [PanelWidth]int32
				for q := range start {
					start[q] = int32(r.Uint32()) >> 8
				}
				got := make([]int32, m*PanelWidth)
				k.panelSevens(got, PackSevens(nil, qs, d), rows, &start)
				for i := range m {
					for q := range PanelWidth {
						want := start[q]
						for j := 0; q < n && j < d; j++ {
							want += int32(qs[q*d+j]) * ((int32(bytes[i*d+j]) + 128) / 2)
						}
						if got[i*PanelWidth+q] != want {
							t.Fatalf("%s, seed %d: %d rows of %d: row %d with query %d of %d is %d, want %d", k.path, seed, m, d, i, q, n, got[i*PanelWidth+q], want)
						}
					}
				}
			}
		}
	}
}

// smallQuery fills q with values as large as SevensMost lets them be, of either sign, all of one sign now and then.
func smallQuery(r *rand.Rand, q []int8) {
	sign := r.IntN(3)
	var left [2]int
	for j := range q {
		if j%SevensTurn == 0 {
			left = [2]int{SevensMost, SevensMost}
		}
		v := min(left[j%4/2], r.IntN(128))
		left[j%4/2] -= v
		if q[j] = int8(v); sign == 0 || sign == 2 && r.IntN(2) == 0 {
			q[j] = int8(-v)
		}
	}
}

func TestEveryPathOfSevenBits(t *testing.T) {
	for _, k := range available() {
		for n := 1; n < 100; n++ {
			src, want := make([]int8, n), make([]byte, n)
			for i := range src {
				src[i] = int8(37*i + n)
				want[i] = byte((int(src[i]) + 128) / 2)
			}
			got := make([]byte, n)
			if k.sevens(got, src); !slices.Equal(got, want) {
				t.Fatalf("%s: of %v: %v, want %v", k.path, src, got, want)
			}
		}
	}
}

func BenchmarkSevens(b *testing.B) {
	const d, m = 512, 48
	packed, rows := make([]int8, d*PanelWidth), make([]byte, m*d)
	wide, pairs := make([]int16, m*d), make([]int16, d*PanelWidth)
	var sums [m * PanelWidth]int32
	var start [PanelWidth]int32
	b.Run("sevens", func(b *testing.B) {
		for b.Loop() {
			MultiplySevens(sums[:], packed, rows, &start)
		}
		b.ReportMetric(float64(d*m*PanelWidth*b.N)/b.Elapsed().Seconds()/1e9, "Gproducts/s")
	})
	b.Run("int16", func(b *testing.B) {
		for b.Loop() {
			MultiplyPanel(sums[:], pairs, wide)
		}
		b.ReportMetric(float64(d*m*PanelWidth*b.N)/b.Elapsed().Seconds()/1e9, "Gproducts/s")
	})
}
