package vec

// sumRun is how many products an entry of Product adds up in registers before the
// sum joins the total. Short runs keep the rounding error of long rows small: for
// 512 columns about that of a sum of 132 numbers, not of 512.
const sumRun = 128

// Product writes dst = x·wᵀ: x is (n,d), w is (m,d), dst is (n,m), all row-major.
// n is len(x)/d and m is len(w)/d. Every entry is summed in the same order wherever
// it lies in the matrix and whatever n is, so a batch gives the bits of its rows one
// by one. It is safe for concurrent use on different dst.
func Product(dst, x, w []float32, d int) {
	n, m := len(x)/d, len(w)/d
	dst = dst[:n*m]
	clear(dst)
	j := 0
	for ; j+4 <= m; j += 4 { // four rows of w stay in L1 while x passes by
		q := w[j*d : (j+4)*d]
		i := 0
		for ; i+2 <= n; i += 2 {
			for p := 0; p < d; p += sumRun {
				e := min(p+sumRun, d)
				tile2x4(dst[i*m+j:][:4], dst[(i+1)*m+j:][:4], x[i*d:][p:e], x[(i+1)*d:][p:e],
					q[p:e], q[d:][p:e], q[2*d:][p:e], q[3*d:][p:e])
			}
		}
		if i < n {
			for p := 0; p < d; p += sumRun {
				e := min(p+sumRun, d)
				tile1x4(dst[i*m+j:][:4], x[i*d:][p:e], q[p:e], q[d:][p:e], q[2*d:][p:e], q[3*d:][p:e])
			}
		}
	}
	for ; j < m; j++ {
		for i := range n {
			for p := 0; p < d; p += sumRun {
				e := min(p+sumRun, d)
				dst[i*m+j] += run(x[i*d:][p:e], w[j*d:][p:e])
			}
		}
	}
}

// tile2x4 adds the products of two rows of x with four rows of w to o0 and o1. Eight
// sums, two values of x and one of w fill the registers that Go's compiler has;
// larger tiles spill and were measured a third slower.
func tile2x4(o0, o1, x0, x1, w0, w1, w2, w3 []float32) {
	n := len(x0)
	x1, w0, w1, w2, w3 = x1[:n], w0[:n], w1[:n], w2[:n], w3[:n]
	var s00, s01, s02, s03, s10, s11, s12, s13 float32
	for p, a := range x0 {
		b := x1[p]
		w := w0[p]
		s00 += a * w
		s10 += b * w
		w = w1[p]
		s01 += a * w
		s11 += b * w
		w = w2[p]
		s02 += a * w
		s12 += b * w
		w = w3[p]
		s03 += a * w
		s13 += b * w
	}
	r0, r1 := (*[4]float32)(o0), (*[4]float32)(o1)
	r0[0] += s00
	r0[1] += s01
	r0[2] += s02
	r0[3] += s03
	r1[0] += s10
	r1[1] += s11
	r1[2] += s12
	r1[3] += s13
}

// tile1x4 is tile2x4 for the last row of an odd batch, or a batch of one.
func tile1x4(o, x, w0, w1, w2, w3 []float32) {
	n := len(x)
	w0, w1, w2, w3 = w0[:n], w1[:n], w2[:n], w3[:n]
	var s0, s1, s2, s3 float32
	for p, a := range x {
		s0 += a * w0[p]
		s1 += a * w1[p]
		s2 += a * w2[p]
		s3 += a * w3[p]
	}
	r := (*[4]float32)(o)
	r[0] += s0
	r[1] += s1
	r[2] += s2
	r[3] += s3
}

// run is the sum of one entry over one run of columns.
func run(x, w []float32) float32 {
	w = w[:len(x)]
	s := float32(0)
	for p, a := range x {
		s += a * w[p]
	}
	return s
}

// productReference is Product as the formula says it, summed in float64.
func productReference(x, w []float32, d int) []float64 {
	n, m := len(x)/d, len(w)/d
	out := make([]float64, n*m)
	for i := range n {
		for j := range m {
			out[i*m+j] = dotReference(x[i*d:(i+1)*d], w[j*d:(j+1)*d])
		}
	}
	return out
}
