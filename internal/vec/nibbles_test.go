package vec

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestEveryPathOfDotNibblesAgreesWithTheFormula for rows of any number of turns, the largest values among them.
func TestEveryPathOfDotNibblesAgreesWithTheFormula(t *testing.T) {
	for _, k := range available() {
		r := rand.New(rand.NewPCG(9, 0))
		for turns := 1; turns < 40; turns++ {
			d, n := turns*NibbleTurn, 1+r.IntN(9)
			q, values := make([]int8, d), make([]byte, n*d)
			for j := range q {
				if q[j] = int8(r.IntN(255) - 127); turns%3 == 0 {
					q[j] = int8(127 - 254*(turns%2))
				}
			}
			start := int32(r.Uint32()) >> 8
			want := make([]int32, n)
			for i := range want {
				want[i] = start
			}
			for i := range values {
				if values[i] = byte(r.IntN(16)); i < d {
					values[i] = 15
				}
				want[i/d] += int32(values[i]) * int32(q[i%d])
			}
			rows := make([]byte, 1+n*d/2)[1:] // an odd address
			PackNibbles(rows, values)
			got := make([]int32, n+1)
			k.dotNibbles(got[:n], q, rows, start)
			if !slices.Equal(got[:n], want) || got[n] != 0 {
				t.Fatalf("%s: %d rows of %d: %v, want %v", k.path, n, d, got, want)
			}
		}
	}
}

func TestDotNibblesOfNothing(t *testing.T) {
	DotNibbles(nil, make([]int8, NibbleTurn), nil, 0)
	dst := []int32{5}
	if DotNibbles(dst, nil, nil, 7); dst[0] != 7 {
		t.Errorf("a row without columns has the product %d", dst[0])
	}
	defer func() {
		if recover() == nil {
			t.Error("rows of 10 values were taken")
		}
	}()
	DotNibbles(dst, make([]int8, 10), make([]byte, 5), 0)
}
