package vec

// NibbleTurn is the number of values that DotNibbles takes at once: widths are multiples of it.
const NibbleTurn = 64

// PackNibbles writes values of 0 to 15 to dst, half a byte each, as DotNibbles reads them: of each NibbleTurn values the j-th lies in the low half
// of byte j, the j-th after those in its high half. len(values) is a multiple of NibbleTurn.
func PackNibbles(dst, values []byte) {
	const half = NibbleTurn / 2
	for at := 0; at < len(values); at += NibbleTurn {
		for j := range half {
			dst[at/2+j] = values[at+j] | values[at+half+j]<<4
		}
	}
}

// DotNibbles writes to dst[i] start and the product of q with row i of rows, which PackNibbles wrote one after the other. len(q) is a multiple of
// NibbleTurn, and no value of q is -128. The sums are exact, and the same on every path. It is safe for concurrent use on different dst.
func DotNibbles(dst []int32, q []int8, rows []byte, start int32) {
	rows = rows[:len(dst)*len(q)/2]
	if len(q)%NibbleTurn != 0 {
		panic("vec: rows of half bytes whose width is no multiple of NibbleTurn")
	}
	if len(dst) > 0 && len(q) > 0 {
		kernel.dotNibbles(dst, q, rows, start)
		return
	}
	for i := range dst {
		dst[i] = start
	}
}

// dotNibblesGo is the twin of every other way to fill dst.
func dotNibblesGo(dst []int32, q []int8, rows []byte, start int32) {
	const half = NibbleTurn / 2
	for i := range dst {
		row, sum := rows[i*len(q)/2:(i+1)*len(q)/2], start
		for at := 0; at < len(q); at += NibbleTurn {
			low, high, bytes := q[at:at+half], q[at+half:at+NibbleTurn], row[at/2:at/2+half]
			for j, b := range bytes {
				sum += int32(low[j])*int32(b&15) + int32(high[j])*int32(b>>4)
			}
		}
		dst[i] = sum
	}
}
