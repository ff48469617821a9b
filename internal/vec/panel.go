package vec

// PanelWidth is the number of queries that PackPanel lays beside each other.
const PanelWidth = 16

// PanelStride returns how many int16 a row of width d takes in a product of panels: the next even number.
func PanelStride(d int) int { return d + d&1 }

// PackPanel appends to dst the first PanelWidth queries of q, (n,d), as MultiplyPanel reads them: two columns of one query, then the
// same two of the next. Queries that are missing, and a column that is missing to an even number, are zeros.
func PackPanel(dst, q []int16, d int) []int16 {
	n := min(len(q)/d, PanelWidth)
	at := len(dst)
	dst = append(dst, make([]int16, PanelStride(d)*PanelWidth)...)
	packed := dst[at:]
	for i := range n {
		for j, v := range q[i*d : (i+1)*d] {
			packed[(j/2*PanelWidth+i)*2+j%2] = v
		}
	}
	return dst
}

// MultiplyPanel writes to dst, (m,PanelWidth), the products of m rows with the queries of a panel. Rows are int16, each PanelStride
// wide; a column that was added for that is zero. The sums wrap around as those of DotInt8 do, and are the same on every path.
func MultiplyPanel(dst []int32, packed, rows []int16) {
	stride := len(packed) / PanelWidth
	if m := len(dst) / PanelWidth; m > 0 {
		kernel.panel(dst[:m*PanelWidth], packed[:stride*PanelWidth], rows[:m*stride])
	}
}

// panelGo is the twin of every other way to fill dst.
func panelGo(dst []int32, packed, rows []int16) {
	stride := len(packed) / PanelWidth
	for i := range len(dst) / PanelWidth {
		sums := (*[PanelWidth]int32)(dst[i*PanelWidth:])
		clear(sums[:])
		row := rows[i*stride : (i+1)*stride]
		for j := 0; j < stride; j += 2 {
			a, b := int32(row[j]), int32(row[j+1])
			pairs := (*[2 * PanelWidth]int16)(packed[j*PanelWidth:])
			for q := range sums {
				sums[q] += a*int32(pairs[2*q]) + b*int32(pairs[2*q+1])
			}
		}
	}
}

// Reach sets bit i of mask, the lowest of each byte first, if scale[i]·sums[i] + rest[i]·w is at least least, for each of the sums. The
// arithmetic is float32, rounded after each step, and so the same on every path. The last byte may have bits left over: they are zero.
func Reach(mask []byte, sums []int32, scale, rest []float32, w, least float32) {
	n := len(sums)
	if mask, scale, rest = mask[:(n+7)/8], scale[:n], rest[:n]; n > 0 {
		kernel.reach(mask, sums, scale, rest, w, least)
	}
}

// reachGo is the twin of every other way to fill mask.
func reachGo(mask []byte, sums []int32, scale, rest []float32, w, least float32) {
	clear(mask)
	for i, s := range sums {
		if reaches(s, scale[i], rest[i], w, least) {
			mask[i/8] |= 1 << (i % 8)
		}
	}
}

// reaches is the question of Reach. The conversions keep compilers from adding without rounding the product first.
func reaches(sum int32, scale, rest, w, least float32) bool {
	return float32(scale*float32(sum))+float32(rest*w) >= least
}

// ReachPanel is Reach for sums that MultiplyPanel made: bit q of mask[i] says whether row i reaches least[q] with w[q].
func ReachPanel(mask []uint16, sums []int32, scale, rest []float32, w, least *[PanelWidth]float32) {
	n := len(sums) / PanelWidth
	if mask, scale, rest = mask[:n], scale[:n], rest[:n]; n > 0 {
		kernel.reachPanel(mask, sums[:n*PanelWidth], scale, rest, w, least)
	}
}

// reachPanelGo is the twin of every other way to fill mask.
func reachPanelGo(mask []uint16, sums []int32, scale, rest []float32, w, least *[PanelWidth]float32) {
	for i := range mask {
		mask[i] = 0
		for q, s := range sums[i*PanelWidth : (i+1)*PanelWidth] {
			if reaches(s, scale[i], rest[i], w[q], least[q]) {
				mask[i] |= 1 << q
			}
		}
	}
}

// ReachPanelAlong is ReachPanel for sums to which along[i]·a[q] is to be added, after rest[i]·w[q].
func ReachPanelAlong(mask []uint16, sums []int32, scale, rest, along []float32, w, a, least *[PanelWidth]float32) {
	n := len(sums) / PanelWidth
	if mask, scale, rest, along = mask[:n], scale[:n], rest[:n], along[:n]; n > 0 {
		kernel.reachAlong(mask, sums[:n*PanelWidth], scale, rest, along, w, a, least)
	}
}

// reachAlongGo is the twin of every other way to fill mask.
func reachAlongGo(mask []uint16, sums []int32, scale, rest, along []float32, w, a, least *[PanelWidth]float32) {
	for i := range mask {
		mask[i] = 0
		for q, s := range sums[i*PanelWidth : (i+1)*PanelWidth] {
			if float32(float32(scale[i]*float32(s))+float32(rest[i]*w[q]))+float32(along[i]*a[q]) >= least[q] {
				mask[i] |= 1 << q
			}
		}
	}
}
