package vec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// TestARenewedScreenIsANewOne: rows that changed, became tiny or came back from that; on each path, and beside that in Go to the bit.
func TestARenewedScreenIsANewOne(t *testing.T) {
	const seed = 12
	for _, k := range available() {
		r := rand.New(rand.NewPCG(seed, 0))
		for _, s := range []struct{ m, d int }{{1, 5}, {16, 8}, {35, 64}, {48, 67}, {129, 512}} {
			w, bias := numbers(r, s.m*s.d), numbers(r, s.m)
			clear(w[s.m/2*s.d : (s.m/2+1)*s.d])
			screen := newScreen(&k, w, bias, s.d, 2)
			for j := range w {
				w[j] += float32(r.NormFloat64())
			}
			for j := range bias {
				bias[j] *= 2
			}
			clear(w[:s.d])
			for lo := 0; lo < s.m; lo += 2 * screenGroup {
				if !screen.renew(&k, lo, min(lo+2*screenGroup, s.m)) {
					t.Fatalf("%s, seed %d, %+v: rows from %d have no bounds", k.path, seed, s, lo)
				}
			}
			screen.Renewed()
			if want := newScreen(&k, w, bias, s.d, 1); !reflect.DeepEqual(screen, want) {
				t.Errorf("%s, seed %d, %+v: renewed it differs from a new one", k.path, seed, s)
			}
			twin := goKernels
			twin.squares = k.squares // whose sum has an order of its own
			if want := newScreen(&twin, w, bias, s.d, 1); !slices.Equal(screen.packed, want.packed) || !slices.Equal(screen.cross, want.cross) || !slices.Equal(screen.step, want.step) {
				t.Errorf("%s, seed %d, %+v: the integers are not those of Go", k.path, seed, s)
			}
			w[s.m*s.d-1] = float32(math.NaN())
			if screen.renew(&k, s.m-1-(s.m-1)%screenGroup, s.m) {
				t.Errorf("%s, seed %d, %+v: a NaN has bounds", k.path, seed, s)
			}
		}
	}
}

func TestEveryPathOfLargestIsThatOfGo(t *testing.T) {
	eachPath(t, func(k kernels, r *rand.Rand, n, off int) error {
		x := unaligned(r, n, off)
		if got, want := k.largest(x), largestGo(x); got != want {
			return fmt.Errorf("largest is %v, in Go %v", got, want)
		}
		return nil
	})
}

func BenchmarkRenew(b *testing.B) {
	const m, d = 4096, 512
	r := rand.New(rand.NewPCG(1, 0))
	s := NewScreen(numbers(r, m*d), make([]float32, m), d, 1)
	for b.Loop() {
		s.Renew(0, m)
		s.Renewed()
	}
}
