package vec

// Axpy adds a·x to y. x must be at least as long as y.
func Axpy(y []float32, a float32, x []float32) { kernel.axpy(y, a, x[:len(y)]) }

func axpyGo(y []float32, a float32, x []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] += a * x[i]
	}
}

// AxpyRows adds a[t]·x[rows[t]] to y for each t, one after the other: the result is that of as many calls of Axpy, but y is loaded and
// stored rarely. x is (…, len(y)) row-major; a must be at least as long as rows.
func AxpyRows(y, x []float32, rows []uint32, a []float32) {
	a = a[:len(rows)]
	if len(y) == 0 || len(rows) == 0 {
		return
	}
	mustHold(x, len(y), rows)
	kernel.axpyRows(y, x, rows, a)
}

func axpyRowsGo(y, x []float32, rows []uint32, a []float32) {
	d := len(y)
	row := func(t int) []float32 { r := int(rows[t]); return x[r*d : (r+1)*d] }
	t := 0
	for ; t+4 <= len(rows); t += 4 {
		a0, a1, a2, a3 := a[t], a[t+1], a[t+2], a[t+3]
		x0, x1, x2, x3 := row(t)[:d], row(t + 1)[:d], row(t + 2)[:d], row(t + 3)[:d]
		for i, s := range y {
			s += a0 * x0[i]
			s += a1 * x1[i]
			s += a2 * x2[i]
			s += a3 * x3[i]
			y[i] = s
		}
	}
	for ; t < len(rows); t++ {
		axpyGo(y, a[t], row(t))
	}
}

// mustHold panics if x, of rows of d numbers, has not all the rows of a list: assembly would read whatever lies there.
func mustHold(x []float32, d int, rows []uint32) {
	last := uint32(0)
	for _, r := range rows {
		last = max(last, r)
	}
	_ = x[int(last)*d : (int(last)+1)*d]
}

// Scale multiplies x by a in place.
func Scale(x []float32, a float32) { kernel.scale(x, a) }

func scaleGo(x []float32, a float32) {
	for i := range x {
		x[i] *= a
	}
}
