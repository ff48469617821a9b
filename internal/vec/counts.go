package vec

// CountRows is how many sums one call of AddCounts may reach.
const CountRows = 1 << 15

// AddCounts adds to the sums of some rows their weights times m, in steps of 2^16 and rounded up: (weight·m + 2^16-1) / 2^16. Each row is below
// CountRows, and named once. weight·m is below 2^32-2^16, and no sum passes 65,535: the caller chooses m so.
func AddCounts(sums *[CountRows]uint16, rows []uint16, weights []byte, m uint32) {
	kernel.addCounts(sums, rows, weights[:len(rows)], m)
}

func addCountsGo(sums *[CountRows]uint16, rows []uint16, weights []byte, m uint32) {
	weights = weights[:len(rows)]
	for i, row := range rows {
		sums[row%CountRows] += uint16((uint32(weights[i])*m + 1<<16 - 1) >> 16)
	}
}

// CountGroup is how many sums LargestCounts takes together.
const CountGroup = 64

// LargestCounts writes the largest of each CountGroup sums to dst; len(sums) is len(dst) of those.
func LargestCounts(dst, sums []uint16) { kernel.largestCounts(dst, sums[:len(dst)*CountGroup]) }

func largestCountsGo(dst, sums []uint16) {
	for g := range dst {
		largest := uint16(0)
		for _, s := range sums[g*CountGroup : (g+1)*CountGroup] {
			largest = max(largest, s)
		}
		dst[g] = largest
	}
}

// ReachCounts sets for each group of sums a bit for each sum that reaches least once parts·m/2^16, rounded down, is added to it. sums and parts are
// len(reach) groups.
func ReachCounts(reach []uint64, sums, parts []uint16, m, least uint16) {
	kernel.reachCounts(reach, sums[:len(reach)*CountGroup], parts[:len(reach)*CountGroup], m, least)
}

func reachCountsGo(reach []uint64, sums, parts []uint16, m, least uint16) {
	clear(reach)
	for i, s := range sums {
		if uint32(s)+uint32(parts[i])*uint32(m)>>16 >= uint32(least) {
			reach[i/CountGroup] |= 1 << (i % CountGroup)
		}
	}
}

// countKernels are for sums of weights.
type countKernels struct {
	addCounts     func(sums *[CountRows]uint16, rows []uint16, weights []byte, m uint32)
	largestCounts func(dst, sums []uint16)
	reachCounts   func(reach []uint64, sums, parts []uint16, m, least uint16)
}

var countsGo = countKernels{addCountsGo, largestCountsGo, reachCountsGo}
