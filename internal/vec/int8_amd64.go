package vec

// stepInt8 is the number of columns that the kernels take at once, and the narrowest row that they take.
const stepInt8 = 16

func dotInt8Wide(dst []int32, q []int16, rows []int8) {
	if len(q) < stepInt8 {
		dotInt8Go(dst, q, rows)
		return
	}
	tail := tailOf(q)
	dotInt8AVX2(&dst[0], &q[0], &rows[0], len(q), len(dst), &tail[0])
}

func dotInt8AtWide(dst []int32, q []int16, rows []int8, ids []uint32) {
	if len(q) < stepInt8 {
		dotInt8AtGo(dst, q, rows, ids)
		return
	}
	tail := tailOf(q)
	dotInt8AtAVX2(&dst[0], &q[0], &rows[0], len(q), len(ids), &tail[0], &ids[0])
}

// tailOf returns the last columns of q, with zeros in place of those before the last multiple of stepInt8.
func tailOf(q []int16) (tail [stepInt8]int16) {
	over := len(q) % stepInt8
	copy(tail[stepInt8-over:], q[len(q)-over:])
	return tail
}
