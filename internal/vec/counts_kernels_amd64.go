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

func reachCountsWide(reach []uint64, sums, parts []uint16, m, least uint16) {
	if len(reach) > 0 {
		reachCountsAsm(&reach[0], &sums[0], &parts[0], len(reach), uint64(m), uint64(least))
	}
}
