package vec

import (
	"math"
	"math/rand/v2"
	"slices"
)

const (
	// principalSpare is how many directions Principal carries beyond those asked for: they take up the variance next in
	// size, and the asked ones settle in fewer rounds.
	principalSpare = 6
	// principalRounds bounds the rounds; vectors of pictures need some ten.
	principalRounds = 200
	// principalRun is how many rows a goroutine adds up at a time. The sums of the runs are added in order.
	principalRun = 512
)

// Principal returns the k directions in which the rows of x (n,d) vary most about their mean: orthonormal rows (k,d),
// the largest variance first, each with its largest component positive; the variance along each; and the mean. k is at
// most d. It iterates X'X on a random block of directions from a fixed seed and takes the eigenvectors within the
// block, until the variances hold to a relative 1e-9: with random starts a direction whose variance equals the next
// one's is any of those that share it. The result does not depend on threads.
func Principal(x []float32, d, k, threads int) (axes []float64, variance []float64, mean []float64) {
	n := len(x) / d
	mean = columnMeans(x, d)
	b := min(k+principalSpare, d)
	r := rand.New(rand.NewPCG(1, uint64(d)))
	q := make([]float64, b*d)
	for i := range q {
		q[i] = r.NormFloat64()
	}
	orthonormalise(q, d)
	var last []float64
	for range principalRounds {
		y := covariance(x, mean, q, d, threads) // rows are C·q
		small := make([]float64, b*b)           // q C q'
		for i := range b {
			for j := range b {
				small[i*b+j] = dot64(y[i*d:(i+1)*d], q[j*d:(j+1)*d])
			}
		}
		values, vectors := symmetricEigen(small, b)
		turned := make([]float64, b*d) // the block's own eigenvectors, multiplied by C once more
		for i := range b {
			for j := range b {
				add64(turned[i*d:(i+1)*d], vectors[i*b+j], y[j*d:(j+1)*d])
			}
		}
		orthonormalise(turned, d)
		q, variance = turned, values
		if last != nil && settled(last[:k], variance[:k]) {
			break
		}
		last = values
	}
	for i := range k {
		axis := q[i*d : (i+1)*d]
		largest := slices.MaxFunc(axis, func(a, b float64) int {
			switch {
			case math.Abs(a) < math.Abs(b):
				return -1
			case math.Abs(a) > math.Abs(b):
				return 1
			}
			return 0
		})
		if largest < 0 {
			for j := range axis {
				axis[j] = -axis[j]
			}
		}
	}
	for i := range variance {
		variance[i] = max(0, variance[i]/float64(max(n, 1)))
	}
	return q[:k*d], variance[:k], mean
}

func settled(last, now []float64) bool {
	for i := range now {
		if math.Abs(now[i]-last[i]) > 1e-9*math.Abs(now[0]) {
			return false
		}
	}
	return true
}

func columnMeans(x []float32, d int) []float64 {
	mean := make([]float64, d)
	n := len(x) / d
	for i := range n {
		for j, f := range x[i*d : (i+1)*d] {
			mean[j] += float64(f)
		}
	}
	for j := range mean {
		mean[j] /= float64(max(n, 1))
	}
	return mean
}

// covariance returns, for each row v of q, Σ (x-mean)((x-mean)·v) over the rows of x.
func covariance(x []float32, mean, q []float64, d, threads int) []float64 {
	n, b := len(x)/d, len(q)/d
	parts := make([][]float64, (n+principalRun-1)/principalRun)
	Parallel(threads, n, principalRun, func(_, lo, hi int) {
		part := make([]float64, b*d)
		c := make([]float64, d)
		for i := lo; i < hi; i++ {
			for j, f := range x[i*d : (i+1)*d] {
				c[j] = float64(f) - mean[j]
			}
			for v := range b {
				add64(part[v*d:(v+1)*d], dot64(c, q[v*d:(v+1)*d]), c)
			}
		}
		parts[lo/principalRun] = part
	})
	sum := make([]float64, b*d)
	for _, part := range parts {
		add64(sum, 1, part)
	}
	return sum
}

// orthonormalise makes the rows of q (…,d) orthonormal, each from those before it; twice, because once leaves what
// rounding left. A row that depends on those before it becomes zero.
func orthonormalise(q []float64, d int) {
	for i := 0; i < len(q); i += d {
		row := q[i : i+d]
		before := math.Sqrt(dot64(row, row))
		for range 2 {
			for j := 0; j < i; j += d {
				add64(row, -dot64(row, q[j:j+d]), q[j:j+d])
			}
		}
		norm := math.Sqrt(dot64(row, row))
		if norm <= 1e-12*before {
			clear(row)
			continue
		}
		for j := range row {
			row[j] /= norm
		}
	}
}

// symmetricEigen returns the eigenvalues of the symmetric matrix a (n,n), the largest first, and its eigenvectors as
// rows, by Jacobi's rotations. It overwrites a.
func symmetricEigen(a []float64, n int) (values, vectors []float64) {
	v := make([]float64, n*n)
	for i := range n {
		v[i*n+i] = 1
	}
	for range 60 {
		off, all := 0.0, 0.0
		for i := range n {
			for j := range n {
				all += a[i*n+j] * a[i*n+j]
				if i != j {
					off += a[i*n+j] * a[i*n+j]
				}
			}
		}
		if off <= 1e-30*all {
			break
		}
		for p := range n {
			for q := p + 1; q < n; q++ {
				rotate(a, v, n, p, q)
			}
		}
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch {
		case a[i*n+i] > a[j*n+j]:
			return -1
		case a[i*n+i] < a[j*n+j]:
			return 1
		}
		return 0
	})
	for _, i := range order {
		values = append(values, a[i*n+i])
		vectors = append(vectors, v[i*n:(i+1)*n]...)
	}
	return values, vectors
}

// rotate makes a[p][q] zero by a rotation in the plane of p and q, and turns the rows of v with it.
func rotate(a, v []float64, n, p, q int) {
	if a[p*n+q] == 0 {
		return
	}
	theta := (a[q*n+q] - a[p*n+p]) / (2 * a[p*n+q])
	t := 1 / (math.Abs(theta) + math.Sqrt(theta*theta+1))
	if theta < 0 {
		t = -t
	}
	c := 1 / math.Sqrt(t*t+1)
	s := t * c
	for i := range n { // columns
		x, y := a[i*n+p], a[i*n+q]
		a[i*n+p], a[i*n+q] = c*x-s*y, s*x+c*y
	}
	for i := range n { // rows
		x, y := a[p*n+i], a[q*n+i]
		a[p*n+i], a[q*n+i] = c*x-s*y, s*x+c*y
		x, y = v[p*n+i], v[q*n+i]
		v[p*n+i], v[q*n+i] = c*x-s*y, s*x+c*y
	}
}

func dot64(a, b []float64) float64 {
	s := 0.0
	for i, f := range a {
		s += f * b[i]
	}
	return s
}

func add64(y []float64, a float64, x []float64) {
	for i, f := range x {
		y[i] += a * f
	}
}

// principalReference is Principal by the whole covariance matrix.
func principalReference(x []float32, d, k int) (axes, variance []float64) {
	n := len(x) / d
	mean := columnMeans(x, d)
	c := make([]float64, d*d)
	for i := range n {
		for p := range d {
			for q := range d {
				c[p*d+q] += (float64(x[i*d+p]) - mean[p]) * (float64(x[i*d+q]) - mean[q]) / float64(n)
			}
		}
	}
	variance, axes = symmetricEigen(c, d)
	return axes[:k*d], variance[:k]
}
