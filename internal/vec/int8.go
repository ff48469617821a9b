package vec

// bytesKernels are the kernels for rows of bytes. Nothing that they are given is empty, nothing too short, and every id is a row.
type bytesKernels struct {
	dotInt8     func(dst []int32, q []int16, rows []int8)
	dotInt8At   func(dst []int32, q []int16, rows []int8, ids []uint32)
	dotNibbles  func(dst []int32, q []int8, rows []byte, start int32)
	widen       func(dst []int16, src []int8)
	panel       func(dst []int32, packed, rows []int16)
	reach       func(mask []byte, sums []int32, scale, rest []float32, w, least float32)
	sevens      func(dst []byte, src []int8)
	panelSevens func(dst []int32, packed []int8, rows []byte, start *[PanelWidth]int32)
	reachAlong  func(mask []uint16, sums []int32, scale, rest, along []float32, w, a, least *[PanelWidth]float32)
	reachPanel  func(mask []uint16, sums []int32, scale, rest []float32, w, least *[PanelWidth]float32)
}

var bytesGo = bytesKernels{dotInt8Go, dotInt8AtGo, dotNibblesGo, widenGo, panelGo, reachGo, sevensGo, panelSevensGo, reachAlongGo, reachPanelGo}

// DotInt8 writes to dst[i] the product Σ q[j]·row[j] of q with row i of rows, which lie one after the other, each as long as q.
// Sums are int32 and the same on every path: they wrap around where they overflow, which they do not as long as
// 128·Σ|q[j]| is below 1<<31. It is safe for concurrent use on different dst.
func DotInt8(dst []int32, q []int16, rows []int8) {
	rows = rows[:len(dst)*len(q)]
	if len(dst) > 0 && len(q) > 0 {
		kernel.dotInt8(dst, q, rows)
		return
	}
	clear(dst)
}

// DotInt8At is DotInt8 with the rows that ids names, in its order: dst[i] is the product with row ids[i]. It fetches rows ahead of
// their turn, so one call for a list is much faster than a call for each.
func DotInt8At(dst []int32, q []int16, rows []int8, ids []uint32) {
	dst = dst[:len(ids)]
	if len(ids) == 0 || len(q) == 0 {
		clear(dst)
		return
	}
	_ = rows[(int(maxOf(ids))+1)*len(q)-1]
	kernel.dotInt8At(dst, q, rows, ids)
}

// Widen writes the values of src to dst as the queries that DotInt8 takes.
func Widen(dst []int16, src []int8) {
	if dst = dst[:len(src)]; len(dst) > 0 {
		kernel.widen(dst, src)
	}
}

// widenGo is the twin of every other way to fill dst.
func widenGo(dst []int16, src []int8) {
	for i, v := range src {
		dst[i] = int16(v)
	}
}

func maxOf(ids []uint32) uint32 {
	most := uint32(0)
	for _, id := range ids {
		most = max(most, id)
	}
	return most
}

// dotInt8Go is the twin of every other way to fill dst.
func dotInt8Go(dst []int32, q []int16, rows []int8) {
	for i := range dst {
		dst[i] = dotBytes(q, rows[i*len(q):])
	}
}

// dotInt8AtGo is dotInt8Go for a list of rows.
func dotInt8AtGo(dst []int32, q []int16, rows []int8, ids []uint32) {
	for i, id := range ids {
		dst[i] = dotBytes(q, rows[int(id)*len(q):])
	}
}

// dotBytes is the product with one row. Two sums are enough: integers add in one cycle.
func dotBytes(q []int16, row []int8) int32 {
	row = row[:len(q)]
	var s0, s1 int32
	i := 0
	for ; i+4 <= len(q); i += 4 {
		a, b := (*[4]int16)(q[i:]), (*[4]int8)(row[i:])
		s0 += int32(a[0])*int32(b[0]) + int32(a[1])*int32(b[1])
		s1 += int32(a[2])*int32(b[2]) + int32(a[3])*int32(b[3])
	}
	for ; i < len(q); i++ {
		s0 += int32(q[i]) * int32(row[i])
	}
	return s0 + s1
}
