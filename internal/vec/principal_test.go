package vec

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// cloud returns n rows of width d that vary by 8, 4, 2, 1, 0.5 … along axes turned at random, about a mean that is not zero.
func cloud(r *rand.Rand, n, d int) []float32 {
	turn := make([]float64, d*d)
	for i := range turn {
		turn[i] = r.NormFloat64()
	}
	orthonormalise(turn, d)
	x := make([]float32, 0, n*d)
	for range n {
		row := make([]float64, d)
		for j := range row {
			row[j] = 3
		}
		for a := range d {
			add64(row, 8*r.NormFloat64()/math.Pow(2, float64(a)), turn[a*d:(a+1)*d])
		}
		for _, f := range row {
			x = append(x, float32(f))
		}
	}
	return x
}

func TestPrincipalAgreesWithTheWholeCovariance(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 7))
		d := 1 + r.IntN(30)
		k := 1 + r.IntN(min(d, 4))
		x := cloud(r, 40+r.IntN(2000), d)
		axes, variance, _ := Principal(x, d, k, 3)
		wantAxes, want := principalReference(x, d, k)
		for a := range k {
			if math.Abs(variance[a]-want[a]) > 1e-6*want[0] {
				t.Errorf("seed %d: variance %d is %v, the formula says %v", seed, a, variance[a], want[a])
			}
			if c := dot64(axes[a*d:(a+1)*d], wantAxes[a*d:(a+1)*d]); math.Abs(c) < 1-1e-6 {
				t.Errorf("seed %d: axis %d has the cosine %v with the formula's", seed, a, c)
			}
			for b := range a {
				if c := dot64(axes[a*d:(a+1)*d], axes[b*d:(b+1)*d]); math.Abs(c) > 1e-9 {
					t.Errorf("seed %d: axes %d and %d have the product %v", seed, a, b, c)
				}
			}
		}
	}
}

func TestPrincipalIsTheSameOnAnyNumberOfThreads(t *testing.T) {
	x := cloud(rand.New(rand.NewPCG(1, 8)), 3000, 20)
	one, _, _ := Principal(x, 20, 2, 1)
	for _, threads := range []int{2, 5} {
		if many, _, _ := Principal(x, 20, 2, threads); !slices.Equal(one, many) {
			t.Errorf("%d threads give other axes than one", threads)
		}
	}
}

// Rows that do not vary, or along one line only, leave directions without variance and nothing that is not a number.
func TestPrincipalOfFlatRows(t *testing.T) {
	for name, x := range map[string][]float32{
		"none":      {},
		"one":       {1, 2, 3},
		"equal":     {1, 2, 3, 1, 2, 3, 1, 2, 3},
		"on a line": {0, 0, 0, 3, 4, 0, 6, 8, 0},
	} {
		axes, variance, mean := Principal(x, 3, 2, 2)
		for _, f := range slices.Concat(axes, variance, mean) {
			if f-f != 0 {
				t.Errorf("%s: axes %v, variance %v, mean %v", name, axes, variance, mean)
				break
			}
		}
		if name == "on a line" && (math.Abs(axes[0]-0.6) > 1e-9 || math.Abs(axes[1]-0.8) > 1e-9 || math.Abs(variance[0]-50./3) > 1e-9 || math.Abs(variance[1]) > 1e-9) {
			t.Errorf("%s: axes %v, variance %v", name, axes, variance)
		}
	}
}

func TestSymmetricEigen(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 9))
		n := 1 + r.IntN(12)
		a := make([]float64, n*n)
		for i := range n {
			for j := range i + 1 {
				a[i*n+j] = r.NormFloat64()
				a[j*n+i] = a[i*n+j]
			}
		}
		values, vectors := symmetricEigen(slices.Clone(a), n)
		for i := range n {
			v := vectors[i*n : (i+1)*n]
			for j := range n {
				if got := dot64(a[j*n:(j+1)*n], v); math.Abs(got-values[i]*v[j]) > 1e-9 {
					t.Errorf("seed %d: (A·v)[%d] is %v, λ·v[%d] is %v", seed, j, got, j, values[i]*v[j])
				}
			}
			if i > 0 && values[i] > values[i-1] {
				t.Errorf("seed %d: the values %v do not descend", seed, values)
			}
		}
	}
}
