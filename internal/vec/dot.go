package vec

import "math"

// Dot returns Σ a[i]·b[i]. b must be at least as long as a; the rest of b is ignored.
func Dot(a, b []float32) float32 {
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

// Dot6 returns the products of x with six rows at once, each of which must be at
// least as long as x. Each sum runs from the first element to the last, so it rounds
// a little worse than Dot; x is loaded once for the six.
func Dot6(x, r0, r1, r2, r3, r4, r5 []float32) (s0, s1, s2, s3, s4, s5 float32) {
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
func Norm(x []float32) float64 {
	s := 0.0
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return math.Sqrt(s)
}
