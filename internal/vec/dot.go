package vec

import "math"

// Dot returns Σ a[i]·b[i]. b must be at least as long as a; the rest of b is ignored.
func Dot(a, b []float32) float32 { return kernel.dot(a, b[:len(a)]) }

func dotGo(a, b []float32) float32 {
	b = b[:len(a)]
	// Eight sums hide the latency of an addition; one sum would wait for itself.
	var s0, s1, s2, s3, s4, s5, s6, s7 float32
	i := 0
	for ; i+8 <= len(a); i += 8 {
		x, y := (*[8]float32)(a[i:]), (*[8]float32)(b[i:])
		s0 += x[0] * y[0]
		s1 += x[1] * y[1]
		s2 += x[2] * y[2]
		s3 += x[3] * y[3]
		s4 += x[4] * y[4]
		s5 += x[5] * y[5]
		s6 += x[6] * y[6]
		s7 += x[7] * y[7]
	}
	s := ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))
	for ; i < len(a); i++ {
		s += a[i] * b[i]
	}
	return s
}

// dotReference is Dot as the formula says it, summed in float64.
func dotReference(a, b []float32) float64 {
	s := 0.0
	for i := range a {
		s += float64(a[i]) * float64(b[i])
	}
	return s
}

// DotAxpyRows sets dots[t] to w·x[rows[t]] and adds a[t]·x[rows[t]] to y for each t, as Dot and AxpyRows do up to rounding, with one
// pass over the rows of x, which is (…, len(y)) row-major. w must be as long as y, a and dots as rows. It returns spare, which
// it needs as working space, or a longer one, for the next call.
func DotAxpyRows(dots, y, w, x []float32, rows []uint32, a, spare []float32) []float32 {
	dots, a, w = dots[:len(rows)], a[:len(rows)], w[:len(y)]
	if len(rows) == 0 {
		return spare
	}
	if len(y) == 0 {
		clear(dots)
		return spare
	}
	mustHold(x, len(y), rows)
	if len(spare) < 8*len(rows) {
		spare = make([]float32, 8*len(rows))
	}
	kernel.dotAxpyRows(dots, y, w, x, rows, a, spare[:8*len(rows)])
	return spare
}

func dotAxpyRowsGo(dots, y, w, x []float32, rows []uint32, a, _ []float32) {
	d := len(y)
	row := func(t int) []float32 { r := int(rows[t]); return x[r*d : (r+1)*d] }
	t := 0
	for ; t+6 <= len(rows); t += 6 {
		o := (*[6]float32)(dots[t:])
		o[0], o[1], o[2], o[3], o[4], o[5] = dot6(w, row(t), row(t+1), row(t+2), row(t+3), row(t+4), row(t+5))
	}
	for ; t < len(rows); t++ {
		dots[t] = dotGo(w, row(t))
	}
	axpyRowsGo(y, x, rows, a)
}

// dot6 returns the products of x with six rows at once, each of which must be at
// least as long as x. Each sum runs from the first element to the last, so it rounds
// a little worse than dotGo; x is loaded once for the six.
func dot6(x, r0, r1, r2, r3, r4, r5 []float32) (s0, s1, s2, s3, s4, s5 float32) {
	n := len(x)
	r0, r1, r2, r3, r4, r5 = r0[:n], r1[:n], r2[:n], r3[:n], r4[:n], r5[:n]
	for i, a := range x {
		s0 += a * r0[i]
		s1 += a * r1[i]
		s2 += a * r2[i]
		s3 += a * r3[i]
		s4 += a * r4[i]
		s5 += a * r5[i]
	}
	return
}

// Norm returns the Euclidean length of x, summed in float64 so that no square
// overflows and long vectors lose nothing.
func Norm(x []float32) float64 { return math.Sqrt(kernel.squares(x)) }

// Squares returns the sum of the squares of x, in float64.
func Squares(x []float32) float64 { return kernel.squares(x) }

func squaresGo(x []float32) float64 {
	s := 0.0
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return s
}

// Residual sets e to a·(y-c) and returns the sum of the squares of y-c, in float64. y and c must be as long as e.
func Residual(e, y, c []float32, a float32) float64 {
	return kernel.residual(e, y[:len(e)], c[:len(e)], a)
}

func residualGo(e, y, c []float32, a float32) float64 {
	s := 0.0
	for i, v := range y {
		r := v - c[i]
		s += float64(r) * float64(r)
		e[i] = a * r
	}
	return s
}
