package vec

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestEveryPathOfCountsAgreesWithTheFormula compares all bits: few and many postings, at odd addresses, and numbers at the ends of their ranges.
func TestEveryPathOfCountsAgreesWithTheFormula(t *testing.T) {
	for _, k := range available() {
		for seed := range uint64(60) {
			r := rand.New(rand.NewPCG(seed, 11))
			rows, weights := make([]uint16, 1+r.IntN(40))[1:], make([]byte, 1)
			for i, row := range r.Perm(CountRows)[:len(rows)] {
				rows[i], weights = uint16(row), append(weights, byte(1+r.IntN(255)))
			}
			weights = weights[1:]
			m := r.Uint32N((30_000 << 16) / 255)
			got, want := new([CountRows]uint16), new([CountRows]uint16)
			for i := range got {
				got[i] = uint16(r.IntN(30_000))
			}
			*want = *got
			for i, row := range rows {
				want[row] += uint16(math.Ceil(float64(weights[i]) * float64(m) / (1 << 16)))
			}
			k.addCounts(got, rows, weights, m)
			if *got != *want {
				t.Fatalf("%s, seed %d: sums of %d postings differ", k.path, seed, len(rows))
			}

			groups := 1 + r.IntN(5)
			sums, parts := make([]uint16, groups*CountGroup+1)[1:], make([]uint16, groups*CountGroup)
			for i := range sums {
				sums[i], parts[i] = uint16(r.IntN(1<<16)), uint16(r.IntN(1<<16))
			}
			largest := make([]uint16, groups+1)
			k.largestCounts(largest[:groups], sums)
			for g := range groups {
				if want := slices.Max(sums[g*CountGroup : (g+1)*CountGroup]); largest[g] != want {
					t.Fatalf("%s, seed %d: the largest of group %d is %d, want %d", k.path, seed, g, largest[g], want)
				}
			}
			for _, least := range []uint16{0, 1, uint16(r.IntN(1 << 16)), math.MaxUint16} {
				for _, m := range []uint16{0, 1, uint16(r.IntN(1 << 16)), math.MaxUint16} {
					reach := make([]uint64, groups+1)
					k.reachCounts(reach[:groups], sums, parts, m, least)
					for i, sum := range sums {
						want := math.Floor(float64(parts[i])*float64(m)/(1<<16)) >= float64(least)-float64(sum)
						if got := reach[i/CountGroup]>>(i%CountGroup)&1 == 1; got != want {
							t.Fatalf("%s, seed %d: %d and %d of %d reach %d: %v, want %v", k.path, seed, sum, m, parts[i], least, got, want)
						}
					}
					if reach[groups] != 0 || largest[groups] != 0 {
						t.Fatalf("%s, seed %d: wrote behind the end", k.path, seed)
					}
				}
			}
		}
	}
}

func TestCountsOfNothing(t *testing.T) {
	for _, k := range available() {
		var sums [CountRows]uint16
		k.addCounts(&sums, nil, nil, 1)
		k.largestCounts(nil, nil)
		k.reachCounts(nil, nil, nil, 1, 1)
		if sums != [CountRows]uint16{} {
			t.Errorf("%s: nothing was added up to something", k.path)
		}
	}
}
