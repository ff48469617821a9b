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
	kernel.product(dst[:n*m], x[:n*d], w[:m*d], nil, d)
}

// Roundings returns how often an entry of Product for rows of width d is rounded at most: with n for that and u = 2^-24, the entry is
// within n·u/(1-n·u)·Σ|x[j]·w[j]| of what the formula says.
func Roundings(d int) int { return min(d, sumRun) + 1 + (d+sumRun-1)/sumRun }

// ProductBias is Product with bias (m) added to every row of dst.
func ProductBias(dst, x, w, bias []float32, d int) {
	n, m := len(x)/d, len(w)/d
	kernel.product(dst[:n*m], x[:n*d], w[:m*d], bias[:m], d)
}

// productGo is the twin of every other way to fill dst. There may be no bias.
func productGo(dst, x, w, bias []float32, d int) {
	n, m := len(x)/d, len(w)/d
	clear(dst)
	j := 0
	for ; j+6 <= m; j += 6 { // six rows of w stay in L1 while all of x passes by
		q := w[j*d : (j+6)*d]
		for i := range n {
			tile((*[6]float32)(dst[i*m+j:]), x[i*d:(i+1)*d], q)
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
	for i := 0; i < len(dst) && bias != nil; i += m {
		for j, b := range bias {
			dst[i+j] += b
		}
	}
}

// tile adds the products of x with the six rows of q to o. Six sums keep both
// multipliers and adders busy; with eight, in any arrangement, Go's compiler spills a
// sum to memory and the loop is a third slower.
func tile(o *[6]float32, x, q []float32) {
	d := len(x)
	for p := 0; p < d; p += sumRun {
		xs := x[p:min(p+sumRun, d)]
		n := len(xs)
		w0, w1, w2 := q[p:][:n], q[d+p:][:n], q[2*d+p:][:n]
		w3, w4, w5 := q[3*d+p:][:n], q[4*d+p:][:n], q[5*d+p:][:n]
		var s0, s1, s2, s3, s4, s5 float32
		for i, a := range xs {
			s0 += a * w0[i]
			s1 += a * w1[i]
			s2 += a * w2[i]
			s3 += a * w3[i]
			s4 += a * w4[i]
			s5 += a * w5[i]
		}
		o[0] += s0
		o[1] += s1
		o[2] += s2
		o[3] += s3
		o[4] += s4
		o[5] += s5
	}
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
