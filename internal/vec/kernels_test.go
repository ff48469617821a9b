package vec

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestEveryPathOfProductAgreesWithTheFormula tries each path of this processor on matrices that fill tiles, panels and chunks, and
// on those that leave one row over. A row alone has the bits that it has in its batch, on every path.
func TestEveryPathOfProductAgreesWithTheFormula(t *testing.T) {
	const seed = 5
	for _, k := range available() {
		r := rand.New(rand.NewPCG(seed, 0))
		for _, s := range []struct{ n, m, d int }{
			{1, 1, 1}, {1, 12, 4}, {1, 13, 5}, {15, 25, 7}, {16, 48, 128}, {17, 49, 129}, {63, 6, 130}, {64, 7, 3}, {65, 53, 131},
			{80, 12, 64}, {81, 97, 33}, {256, 5, 9}, {257, 61, 6}, {340, 50, 300}, {0, 3, 2}, {3, 0, 2},
		} {
			x, w, got := numbers(r, s.n*s.d), numbers(r, s.m*s.d), make([]float32, s.n*s.m)
			k.product(got, x, w, s.d)
			for i, want := range productReference(x, w, s.d) {
				if !near(got[i], want, 1e-6*float64(s.d+1)) {
					t.Fatalf("%s, seed %d: %+v: entry %d is %v, want %v", k.path, seed, s, i, got[i], want)
				}
			}
			for i := range s.n {
				row := make([]float32, s.m)
				k.product(row, x[i*s.d:(i+1)*s.d], w, s.d)
				if !slices.Equal(row, got[i*s.m:(i+1)*s.m]) {
					t.Fatalf("%s, seed %d: %+v: row %d alone differs from the same row in the batch", k.path, seed, s, i)
				}
			}
		}
	}
}

func TestForcedPath(t *testing.T) {
	all := []kernels{{path: "best"}, {path: "good"}, goKernels}
	for _, c := range []struct{ forced, want, says string }{
		{"", "best", ""},
		{"good", "good", ""},
		{"go", "go", ""},
		{"sparc", "go", "SAEDB_KERNELS=sparc: this processor has the paths best, good, go; unset it to take the best"},
	} {
		got, err := choose(all, c.forced)
		if got.path != c.want || (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("forced %q: path %q, error %v; want %q, %q", c.forced, got.path, err, c.want, c.says)
		}
	}
}
