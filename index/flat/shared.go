package flat

import "math"

// Queries of a kind lie together, texts far from the rows: they share a direction, or two if there are two kinds. Where a row's remainder has nothing
// along these, it meets only that part of a query that is its own, which is half of a text. So remainders are bounded more tightly the more a
// query is like those before it, and no less for one that is not.
const (
	sharedMost  = 2
	sharedLeast = .02 // of the queries' squares: less along a direction is not worth it
	sharedTurns = 50  // of the power iteration: any orthonormal directions will do
)

// sharedOf returns the orthonormal directions, (m,dim), along which the squares of queries, (n,dim), are largest; m is at most sharedMost.
func sharedOf(queries []float32, dim int) []float32 {
	left := make([]float64, len(queries))
	for i, v := range queries {
		left[i] = float64(v)
	}
	all := dot64(left, left)
	var shared []float32
	for range sharedMost {
		d, square := along(left, dim)
		if square <= sharedLeast*all {
			break
		}
		for _, v := range d {
			shared = append(shared, float32(v))
		}
		for lo := 0; lo < len(left); lo += dim {
			row := left[lo : lo+dim]
			take(row, d, dot64(row, d))
		}
	}
	return shared
}

// along returns the direction along which the squares of rows are largest, and their sum; no squares if there is no telling.
func along(rows []float64, dim int) (d []float64, square float64) {
	d = make([]float64, dim)
	for lo := 0; lo < len(rows); lo += dim {
		take(d, rows[lo:lo+dim], -1)
	}
	for range sharedTurns {
		norm := math.Sqrt(dot64(d, d))
		if !(norm > 1e-9) {
			return d, 0
		}
		next := make([]float64, dim)
		square = 0
		for j := range d {
			d[j] /= norm
		}
		for lo := 0; lo < len(rows); lo += dim {
			row := rows[lo : lo+dim]
			a := dot64(row, d)
			take(next, row, -a)
			square += a * a
		}
		d, next = next, d
		if math.Sqrt(dot64(d, d)) < 1e-9 {
			return next, 0
		}
	}
	norm := math.Sqrt(dot64(d, d))
	for j := range d {
		d[j] /= norm
	}
	return d, square
}

func dot64(a, b []float64) (sum float64) {
	for j, v := range a {
		sum += v * b[j]
	}
	return sum
}

// take subtracts a·d from v.
func take(v, d []float64, a float64) {
	for j := range v {
		v[j] -= a * d[j]
	}
}

// apart splits a query into what it has along the shared directions and the rest: it returns a bound for Σ |part along d|·reach of d, and
// the length of the rest. Both hold for the directions as they are stored.
func apart(unit, shared, reach []float32) (along, rest float64) {
	dim := len(unit)
	left := make([]float64, dim)
	for j, v := range unit {
		left[j] = float64(v)
	}
	for m, r := range reach {
		d := shared[m*dim : (m+1)*dim]
		a := 0.0
		for j, v := range d {
			a += float64(unit[j]) * float64(v)
		}
		along += math.Abs(a) * float64(r)
		for j, v := range d {
			left[j] -= a * float64(v)
		}
	}
	return along, math.Sqrt(dot64(left, left))
}
