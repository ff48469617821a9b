package vec

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestEveryPathOfPanelsAgreesWithTheFormula compares all bits of the products of a panel and of the masks that follow from them.
func TestEveryPathOfPanelsAgreesWithTheFormula(t *testing.T) {
	const seed = 8
	for _, k := range available() {
		r := rand.New(rand.NewPCG(seed, 0))
		for _, d := range []int{1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 64, 65, 127, 512, 513} {
			for _, m := range []int{1, 5, 6, 7, 12, 13, 48} {
				bytes, _ := bytesAndQuery(r, m, d)
				n := 1 + r.IntN(PanelWidth)
				qs := make([]int16, 0, n*d)
				for range n {
					_, q := bytesAndQuery(r, 1, d)
					qs = append(qs, q...)
				}
				stride := PanelStride(d)
				rows := make([]int16, m*stride)
				for i := range m {
					k.widen(rows[i*stride:][:d], bytes[i*d:(i+1)*d])
				}
				got := make([]int32, m*PanelWidth)
				k.panel(got, PackPanel(nil, qs, d), rows)
				for i := range m {
					for q := range PanelWidth {
						want := int32(0)
						if q < n {
							want = dotInt8Reference(qs[q*d:(q+1)*d], bytes[i*d:(i+1)*d])
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

func TestEveryPathOfReachAgreesWithGo(t *testing.T) {
	const seed = 9
	for _, k := range available() {
		r := rand.New(rand.NewPCG(seed, 0))
		for n := 1; n < 70; n++ {
			sums := make([]int32, n*PanelWidth)
			for i := range sums {
				sums[i] = int32(r.Uint32()) >> r.IntN(20)
			}
			scale, rest := numbers(r, n), numbers(r, n)
			var w, least [PanelWidth]float32
			for q := range w {
				w[q] = 1 << 20
				least[q] = []float32{0, 1e5, -1e6, float32(math.Inf(-1)), float32(math.Inf(1)), float32(math.NaN())}[r.IntN(6)]
			}
			i := r.IntN(n) // a row that lies exactly at the border of query 0, and one of the plain form
			least[0] = float32(scale[i]*float32(sums[i*PanelWidth])) + float32(rest[i]*w[0])
			want, got := make([]uint16, n), make([]uint16, n)
			reachPanelGo(want, sums, scale, rest, &w, &least)
			k.reachPanel(got, sums, scale, rest, &w, &least)
			if !slices.Equal(got, want) || want[i]&1 == 0 {
				t.Fatalf("%s, seed %d: %d rows with a panel: %x, want %x", k.path, seed, n, got, want)
			}
			along := numbers(r, n)
			var a [PanelWidth]float32
			for q := range a {
				a[q] = float32(r.NormFloat64())
			}
			least[0] = float32(least[0] + float32(along[i]*a[0]))
			reachAlongGo(want, sums, scale, rest, along, &w, &a, &least)
			k.reachAlong(got, sums, scale, rest, along, &w, &a, &least)
			if !slices.Equal(got, want) || want[i]&1 == 0 {
				t.Fatalf("%s, seed %d: %d rows with a panel, and along: %x, want %x", k.path, seed, n, got, want)
			}
			for q := range w {
				plain, mask := make([]byte, (n+7)/8), make([]byte, (n+7)/8)
				for i := range mask {
					mask[i] = 0xff
				}
				reachGo(plain, sums[:n], scale, rest, w[q], least[q])
				k.reach(mask, sums[:n], scale, rest, w[q], least[q])
				if !slices.Equal(mask, plain) {
					t.Fatalf("%s, seed %d: %d rows, query %d: %x, want %x", k.path, seed, n, q, mask, plain)
				}
			}
		}
	}
}

func TestWiden(t *testing.T) {
	for _, k := range available() {
		for n := 1; n < 70; n++ {
			src, got := make([]int8, n), make([]int16, n)
			for i := range src {
				src[i] = int8(37 * i)
			}
			k.widen(got, src)
			for i := range src {
				if got[i] != int16(src[i]) {
					t.Fatalf("%s: value %d of %d became %d, want %d", k.path, i, n, got[i], src[i])
				}
			}
		}
	}
}

// BenchmarkMultiplyPanel reports products of two values per nanosecond.
func BenchmarkMultiplyPanel(b *testing.B) {
	const d, m = 512, 48
	r := rand.New(rand.NewPCG(1, 1))
	bytes, q := bytesAndQuery(r, m, d)
	rows, packed, sums := make([]int16, m*d), PackPanel(nil, slices.Repeat(q, PanelWidth), d), make([]int32, m*PanelWidth)
	scale, rest, mask := numbers(r, m), numbers(r, m), make([]uint16, m)
	var w, least [PanelWidth]float32
	for _, k := range available() {
		report := func(b *testing.B) {
			b.ReportMetric(float64(b.N)*d*m*PanelWidth/float64(b.Elapsed().Nanoseconds()), "products/ns")
		}
		b.Run("path="+k.path+"/what=product", func(b *testing.B) {
			for b.Loop() {
				k.panel(sums, packed, rows)
			}
			report(b)
		})
		b.Run("path="+k.path+"/what=everything", func(b *testing.B) {
			for b.Loop() {
				k.widen(rows, bytes)
				k.panel(sums, packed, rows)
				k.reachPanel(mask, sums, scale, rest, &w, &least)
			}
			report(b)
		})
	}
}
