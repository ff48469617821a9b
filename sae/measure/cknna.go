package measure

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/saedb/saedb/internal/vec"
	"github.com/saedb/saedb/sae"
)

// The parameters of CKNNA as it is usually given.
const (
	Neighbours = 10     // of a row that count
	CKNNARows  = 10_000 // of a batch at most
)

// neighbours is a matrix of inner products of n rows with all but the largest of each row struck out: for each row its
// neighbours, ascending, and the products with them. A row is no neighbour of itself.
type neighbours struct {
	at  [][]uint32
	dot [][]float64
}

// CKNNA compares the neighbourhoods of rows in two spaces: the kernel alignment of their inner products, counted only where
// two rows are among each other's k nearest in both. 1 says that the neighbours are the same, 0 that they agree no more than
// by chance. x and y are (n,dx) and (n,dy) row-major; n above CKNNARows is cut into equal batches, whose mean is returned.
// Fewer than 4 rows have none: NaN. The only error is the context's.
func CKNNA(ctx context.Context, x, y []float32, dx, dy, k, threads int) (float64, error) {
	return inBatches(len(x)/dx, func(lo, hi int) (float64, error) {
		a, err := denseNeighbours(ctx, x[lo*dx:hi*dx], dx, k, threads)
		if err != nil {
			return 0, err
		}
		b, err := denseNeighbours(ctx, y[lo*dy:hi*dy], dy, k, threads)
		if err != nil {
			return 0, err
		}
		return alignment(a, b), nil
	})
}

// CodeCKNNA is CKNNA between vectors and two things made of them: their codes, and their reconstructions, (n,d) as x is.
func CodeCKNNA(ctx context.Context, x []float32, d int, codes []sae.Code, latents int, recon []float32, k, threads int) (byCode, byRecon float64, err error) {
	byCode, err = inBatches(len(codes), func(lo, hi int) (float64, error) {
		a, err := denseNeighbours(ctx, x[lo*d:hi*d], d, k, threads)
		if err != nil {
			return 0, err
		}
		b, err := denseNeighbours(ctx, recon[lo*d:hi*d], d, k, threads)
		if err != nil {
			return 0, err
		}
		byRecon += alignment(a, b) * float64(hi-lo) / float64(len(codes))
		return alignment(a, codeNeighbours(codes[lo:hi], latents, k, threads)), ctx.Err()
	})
	if len(codes) < 4 {
		byRecon = math.NaN()
	}
	return byCode, byRecon, err
}

// inBatches cuts n rows into equal batches and returns the mean of f over the rows.
func inBatches(n int, f func(lo, hi int) (float64, error)) (float64, error) {
	if n < 4 {
		return math.NaN(), nil
	}
	batches := (n + CKNNARows - 1) / CKNNARows
	mean := 0.0
	for b := range batches {
		lo, hi := b*n/batches, (b+1)*n/batches
		v, err := f(lo, hi)
		if err != nil {
			return 0, err
		}
		mean += v * float64(hi-lo) / float64(n)
	}
	return mean, nil
}

// denseNeighbours finds the k nearest of each row of x by inner product. Rows go by in runs, so memory stays at O(n·k).
func denseNeighbours(ctx context.Context, x []float32, d, k, threads int) (*neighbours, error) {
	n := len(x) / d
	found := &neighbours{make([][]uint32, n), make([][]float64, n)}
	const run = 32
	type scratch struct {
		dots []float32
		sel  vec.Selector
	}
	workers := make([]scratch, max(threads, 1))
	vec.Parallel(threads, n, run, func(worker, lo, hi int) {
		if ctx.Err() != nil {
			return
		}
		w := &workers[worker]
		if w.dots == nil {
			w.dots = make([]float32, run*n)
		}
		dots := w.dots[:(hi-lo)*n]
		vec.Product(dots, x[lo*d:hi*d], x, d)
		for i := lo; i < hi; i++ {
			row := dots[(i-lo)*n : (i-lo+1)*n]
			row[i] = float32(math.Inf(-1))
			at := w.sel.TopK(nil, row, k)
			products := make([]float64, len(at))
			for e, j := range at {
				products[e] = dot64(x[i*d:(i+1)*d], x[int(j)*d:(int(j)+1)*d])
			}
			found.at[i], found.dot[i] = at, products
		}
	})
	return found, ctx.Err()
}

// posting is one row in which a latent fires.
type posting struct {
	row int
	act float32
}

// codeNeighbours is denseNeighbours of codes written out as rows of that many latents: products are added up along the lists
// of rows in which a latent fires.
func codeNeighbours(codes []sae.Code, latents, k, threads int) *neighbours {
	n := len(codes)
	lists := make([][]posting, latents)
	for i, c := range codes {
		for e, l := range c.Latents {
			lists[l] = append(lists[l], posting{i, c.Acts[e]})
		}
	}
	found := &neighbours{make([][]uint32, n), make([][]float64, n)}
	type scratch struct {
		sums []float64
		dots []float32
		sel  vec.Selector
	}
	workers := make([]scratch, max(threads, 1))
	vec.Parallel(threads, n, 32, func(worker, lo, hi int) {
		w := &workers[worker]
		if w.sums == nil {
			w.sums, w.dots = make([]float64, n), make([]float32, n)
		}
		for i := lo; i < hi; i++ {
			clear(w.sums)
			for e, l := range codes[i].Latents {
				a := float64(codes[i].Acts[e])
				for _, p := range lists[l] {
					w.sums[p.row] += a * float64(p.act)
				}
			}
			for j, s := range w.sums {
				w.dots[j] = float32(s)
			}
			w.dots[i] = float32(math.Inf(-1))
			at := w.sel.TopK(nil, w.dots, k)
			products := make([]float64, len(at))
			for e, j := range at {
				products[e] = w.sums[j]
			}
			found.at[i], found.dot[i] = at, products
		}
	})
	return found
}

// alignment is CKNNA of one batch: a and b are its rows in two spaces.
func alignment(a, b *neighbours) float64 {
	both := common(a, b)
	return both.hsic(common(b, a)) / (math.Sqrt(a.hsic(a)*b.hsic(b)) + 1e-6)
}

// common leaves of a the neighbours that b has too.
func common(a, b *neighbours) *neighbours {
	left := &neighbours{make([][]uint32, len(a.at)), make([][]float64, len(a.at))}
	for i, at := range a.at {
		for e, j := range at {
			if _, ok := slices.BinarySearch(b.at[i], j); ok {
				left.at[i] = append(left.at[i], j)
				left.dot[i] = append(left.dot[i], a.dot[i][e])
			}
		}
	}
	return left
}

// hsic is the unbiased estimate of the Hilbert-Schmidt independence criterion of two matrices of n rows and columns with
// zero diagonals, neither of which need be symmetric:
//
//	( Σ A∘Bᵀ + ΣA·ΣB/((n-1)(n-2)) - 2·Σ(AB)/(n-2) ) / (n(n-3))
//
// Σ(AB) is the product of A's column sums with B's row sums, so nothing of size n² is needed.
func (a *neighbours) hsic(b *neighbours) float64 {
	n := len(a.at)
	columns, across := make([]float64, n), 0.0
	sumA, sumB := 0.0, 0.0
	for i, at := range a.at {
		for e, j := range at {
			v := a.dot[i][e]
			sumA += v
			columns[j] += v
			if f, ok := slices.BinarySearchFunc(b.at[j], uint32(i), cmp.Compare[uint32]); ok {
				across += v * b.dot[j][f]
			}
		}
	}
	product := 0.0
	for i, dots := range b.dot {
		row := 0.0
		for _, v := range dots {
			row += v
		}
		sumB += row
		product += columns[i] * row
	}
	m := float64(n)
	return (across + sumA*sumB/((m-1)*(m-2)) - 2*product/(m-2)) / (m * (m - 3))
}

// cknnaReference is CKNNA of one batch as the definition reads, with whole matrices.
func cknnaReference(x, y []float32, dx, dy, k int) float64 {
	n := len(x) / dx
	products := func(x []float32, d int) [][]float64 {
		p := make([][]float64, n)
		for i := range p {
			for j := range n {
				p[i] = append(p[i], dot64(x[i*d:(i+1)*d], x[j*d:(j+1)*d]))
			}
		}
		return p
	}
	mask := func(p [][]float64) [][]float64 {
		m := make([][]float64, n)
		for i := range m {
			m[i] = make([]float64, n)
			var order []int
			for j := range n {
				if j != i {
					order = append(order, j)
				}
			}
			slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[i][b], p[i][a]) })
			for _, j := range order[:min(k, len(order))] {
				m[i][j] = 1
			}
		}
		return m
	}
	times := func(a, b [][]float64) [][]float64 { // entry by entry
		c := make([][]float64, n)
		for i := range c {
			for j := range n {
				c[i] = append(c[i], a[i][j]*b[i][j])
			}
		}
		return c
	}
	hsic := func(a, b [][]float64) float64 {
		var across, sumA, sumB, product float64
		for i := range n {
			for j := range n {
				across += a[i][j] * b[j][i]
				sumA += a[i][j]
				sumB += b[i][j]
				for l := range n {
					product += a[i][l] * b[l][j]
				}
			}
		}
		m := float64(n)
		return (across + sumA*sumB/((m-1)*(m-2)) - 2*product/(m-2)) / (m * (m - 3))
	}
	k1, k2 := products(x, dx), products(y, dy)
	m1, m2 := mask(k1), mask(k2)
	both := times(m1, m2)
	similarity := func(m, a, b [][]float64) float64 { return hsic(times(m, a), times(m, b)) }
	return similarity(both, k1, k2) / (math.Sqrt(similarity(m1, k1, k1)*similarity(m2, k2, k2)) + 1e-6)
}
