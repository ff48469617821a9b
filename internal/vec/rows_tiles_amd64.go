package vec

import "unsafe"

// rowsEight multiplies eight rows at once. If the last are fewer, the first of them fills the places that are left.
func rowsEight(dst, x []float32, rows [][]float32) {
	if len(x)%4 != 0 {
		for i, w := range rows {
			productTiled(dst[i:i+1], x, w[:len(x)], nil, len(x), &narrow2, &narrow2)
		}
		return
	}
	var at [8]*float32
	var sums [8]float32
	for i := 0; i < len(rows); i += 8 {
		for lane := range at {
			w := rows[i]
			if i+lane < len(rows) {
				w = rows[i+lane]
			}
			at[lane] = unsafe.SliceData(w[:len(x)])
		}
		rowsAVX2(&sums[0], &x[0], &at[0], len(x), sumRun)
		copy(dst[i:], sums[:])
	}
}
