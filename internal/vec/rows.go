package vec

// ProductRows writes to dst[i] the entry of Product for x and rows[i], to the bit, for rows that lie anywhere. Each row is as long as x.
func ProductRows(dst, x []float32, rows [][]float32) {
	if len(rows) > 0 && len(x) > 0 {
		kernel.rows(dst[:len(rows)], x, rows)
		return
	}
	clear(dst[:len(rows)])
}

// rowsGo is the twin of every other way to fill dst.
func rowsGo(dst, x []float32, rows [][]float32) {
	for i, w := range rows {
		productGo(dst[i:i+1], x, w[:len(x)], nil, len(x))
	}
}
