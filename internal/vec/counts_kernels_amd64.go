package vec

var countsAVX2 = countKernels{addCountsWide, largestCountsWide, reachCountsWide}

func addCountsWide(sums *[CountRows]uint16, rows []uint16, weights []byte, m uint32) {
	n := len(rows) &^ 3
	if n > 0 {
		addCountsAsm(&sums[0], &rows[0], &weights[0], m, n)
	}
	addCountsGo(sums, rows[n:], weights[n:], m)
}

func largestCountsWide(dst, sums []uint16) {
	if len(dst) > 0 {
		largestCountsAsm(&dst[0], &sums[0], len(dst))
	}
}

func reachCountsWide(sums, parts *[CountGroup]uint16, m, least uint16) uint64 {
	return reachCountsAsm(&sums[0], &parts[0], uint64(m), uint64(least))
}
