package vec

// bytesAVX2 serve processors with AVX-512 too: what such a processor adds, products of bytes that it need not widen, waits for one to
// test it on.
var bytesAVX2 = bytesKernels{dotInt8Wide, dotInt8AtWide, dotNibblesWide, widenWide, panelWide, reachWide, sevensWide, panelSevensWide, reachAlongWide, reachPanelWide}

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

func dotNibblesWide(dst []int32, q []int8, rows []byte, start int32) {
	turns, n := len(q)/NibbleTurn, len(dst)&^3
	if n > 0 {
		dotNibbles4AVX2(&dst[0], &q[0], &rows[0], turns, n/4, start)
	}
	if n < len(dst) {
		dotNibbles1AVX2(&dst[n], &q[0], &rows[n*len(q)/2], turns, len(dst)-n, start)
	}
}

// tailOf returns the last columns of q, with zeros in place of those before the last multiple of stepInt8.
func tailOf(q []int16) (tail [stepInt8]int16) {
	over := len(q) % stepInt8
	copy(tail[stepInt8-over:], q[len(q)-over:])
	return tail
}

func widenWide(dst []int16, src []int8) {
	n := len(src) &^ (stepInt8 - 1)
	if n > 0 {
		widenAVX2(&dst[0], &src[0], n)
	}
	widenGo(dst[n:], src[n:])
}

// panelGroup is the number of rows that the larger panel kernel takes.
const panelGroup = 6

func panelWide(dst []int32, packed, rows []int16) {
	stride, m := len(packed)/PanelWidth, len(dst)/PanelWidth
	if stride == 0 {
		clear(dst)
		return
	}
	i := 0
	for ; i+panelGroup <= m; i += panelGroup {
		panel6AVX2(&dst[i*PanelWidth], &packed[0], &rows[i*stride], stride, stride/2)
	}
	for ; i < m; i++ {
		panel1AVX2(&dst[i*PanelWidth], &packed[0], &rows[i*stride], stride, stride/2)
	}
}

func sevensWide(dst []byte, src []int8) {
	n := len(src) &^ (stepSevens - 1)
	if n > 0 {
		sevensAVX2(&dst[0], &src[0], n)
	}
	sevensGo(dst[n:], src[n:])
}

// stepSevens is the number of bytes that sevensAVX2 takes at once.
const stepSevens = 32

func panelSevensWide(dst []int32, packed []int8, rows []byte, start *[PanelWidth]int32) {
	stride, m := len(packed)/PanelWidth, len(dst)/PanelWidth
	if stride == 0 {
		panelSevensGo(dst, packed, rows, start)
		return
	}
	i := 0
	for ; i+panelGroup <= m; i += panelGroup {
		panelSevens6AVX2(&dst[i*PanelWidth], &packed[0], &rows[i*stride], &start[0], stride, stride/SevensTurn)
	}
	for ; i < m; i++ {
		panelSevens1AVX2(&dst[i*PanelWidth], &packed[0], &rows[i*stride], &start[0], stride, stride/SevensTurn)
	}
}

func reachWide(mask []byte, sums []int32, scale, rest []float32, w, least float32) {
	n := len(sums) &^ 7
	if n > 0 {
		reachAVX2(&mask[0], &sums[0], &scale[0], &rest[0], n, w, least)
	}
	reachGo(mask[n/8:], sums[n:], scale[n:], rest[n:], w, least)
}

func reachPanelWide(mask []uint16, sums []int32, scale, rest []float32, w, least *[PanelWidth]float32) {
	reachPanelAVX2(&mask[0], &sums[0], &scale[0], &rest[0], len(mask), &w[0], &least[0])
}

func reachAlongWide(mask []uint16, sums []int32, scale, rest, along []float32, w, a, least *[PanelWidth]float32) {
	reachAlongAVX2(&mask[0], &sums[0], &scale[0], &rest[0], &along[0], len(mask), &w[0], &a[0], &least[0])
}
