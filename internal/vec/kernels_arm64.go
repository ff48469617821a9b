package vec

// assembled returns the kernels in assembly that this processor can run: every arm64 has NEON.
func assembled() []kernels {
	k := goKernels
	k.path = "neon"
	k.product = func(dst, x, w, bias []float32, d int) { productTiled(dst, x, w, bias, d, &neon, &neon) }
	k.trainNEON()
	return []kernels{k}
}

// trainNEON gives k the kernels of training in NEON. They check nothing: slices are as long as they must be, and not empty lists.
func (k *kernels) trainNEON() {
	k.dot = func(a, b []float32) float32 {
		if len(a) == 0 {
			return 0
		}
		return dotNEON(&a[0], &b[0], len(a))
	}
	k.axpy = func(y []float32, a float32, x []float32) {
		if len(y) > 0 {
			axpyNEON(&y[0], &x[0], a, len(y))
		}
	}
	k.axpyRows = func(y, x []float32, rows []uint32, a []float32) {
		axpyRowsNEON(&y[0], &x[0], &rows[0], &a[0], len(rows), len(y), len(y))
	}
	k.dotAxpyRows = func(dots, y, w, x []float32, rows []uint32, a, _ []float32) {
		for t, row := range rows {
			dots[t] = dotNEON(&w[0], &x[int(row)*len(y)], len(y))
		}
		axpyRowsNEON(&y[0], &x[0], &rows[0], &a[0], len(rows), len(y), len(y))
	}
	k.scale = func(x []float32, a float32) {
		if len(x) > 0 {
			scaleNEON(&x[0], a, len(x))
		}
	}
	k.squares = func(x []float32) float64 {
		if len(x) == 0 {
			return 0
		}
		return squaresNEON(&x[0], len(x))
	}
	k.residual = func(e, y, c []float32, a float32) float64 {
		if len(e) == 0 {
			return 0
		}
		return residualNEON(&e[0], &y[0], &c[0], a, len(e))
	}
	k.adamW = func(a *AdamW, p, m, v, g []float32) {
		if len(p) > 0 {
			adamWNEON(&p[0], &m[0], &v[0], &g[0], &a.Keep, len(p))
		}
	}
}

// dotNEON is the product of two rows.
//
//go:noescape
func dotNEON(a, b *float32, columns int) float32

// axpyNEON adds a·x to y.
//
//go:noescape
func axpyNEON(y, x *float32, a float32, columns int)

// axpyRowsNEON adds a[t]·x[rows[t]] to y for each t.
//
//go:noescape
func axpyRowsNEON(y, x *float32, rows *uint32, a *float32, count, stride, columns int)

// scaleNEON multiplies x by a.
//
//go:noescape
func scaleNEON(x *float32, a float32, columns int)

// squaresNEON is the sum of the squares of x.
//
//go:noescape
func squaresNEON(x *float32, columns int) float64

// residualNEON sets e to a·(y-c) and returns the sum of the squares of y-c.
//
//go:noescape
func residualNEON(e, y, c *float32, a float32, columns int) float64

// adamWNEON moves p, with the moments m and v, along the gradient: by are the numbers of an AdamW.
//
//go:noescape
func adamWNEON(p, m, v, gradient, by *float32, columns int)
