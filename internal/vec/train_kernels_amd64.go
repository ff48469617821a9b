package vec

// trainAVX2 gives k the kernels of training in AVX2. They check nothing: slices are as long as they must be, and not empty lists.
func (k *kernels) trainAVX2() {
	k.dot = func(a, b []float32) float32 {
		if len(a) == 0 {
			return 0
		}
		return dotAVX2(&a[0], &b[0], len(a))
	}
	k.axpy = func(y []float32, a float32, x []float32) {
		if len(y) > 0 {
			axpyAVX2(&y[0], &x[0], a, len(y))
		}
	}
	k.axpyRows = func(y, x []float32, rows []uint32, a []float32) {
		axpyRowsAVX2(&y[0], &x[0], &rows[0], &a[0], len(rows), len(y), len(y))
	}
	k.dotAxpyRows = func(dots, y, w, x []float32, rows []uint32, a, sums []float32) {
		clear(sums)
		dotAxpyRowsAVX2(&y[0], &w[0], &x[0], &rows[0], &dots[0], &a[0], &sums[0], len(rows), len(y), len(y))
	}
	k.scale = func(x []float32, a float32) {
		if len(x) > 0 {
			scaleAVX2(&x[0], a, len(x))
		}
	}
	k.squares = func(x []float32) float64 {
		if len(x) == 0 {
			return 0
		}
		return squaresAVX2(&x[0], len(x))
	}
	k.largest = func(x []float32) float32 {
		if len(x) == 0 {
			return 0
		}
		return largestAVX2(&x[0], len(x))
	}
	k.screenRows = screenRowsAsm
	k.residual = func(e, y, c []float32, a float32) float64 {
		if len(e) == 0 {
			return 0
		}
		return residualAVX2(&e[0], &y[0], &c[0], a, len(e))
	}
	k.adamW = func(a *AdamW, p, m, v, g []float32) {
		if len(p) > 0 {
			adamWAVX2(&p[0], &m[0], &v[0], &g[0], &a.Keep, len(p))
		}
	}
}
