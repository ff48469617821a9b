package vec

// spare is how many places behind what they keep survivors and partition may write.
const spare = 8

// survivorsGo writes to index and value the numbers, from base on, and the values of those of h that are at least cut, and returns how
// many there are. NaN never is. index and value are at least as long as h.
func survivorsGo(index []uint32, value, h []float32, base uint32, cut float32) int {
	n := 0
	index, value = index[:len(h)], value[:len(h)]
	for i, v := range h {
		index[n], value[n] = base+uint32(i), v
		if v >= cut {
			n++
		}
	}
	return n
}

// partitionGo writes to above what in src is larger than pivot and to below what is less, in order, and returns how many each. One of the
// two may be src itself. Both have as many places as src, and spare ones.
func partitionGo(above, below, src []float32, pivot float32) (more, less int) {
	for _, v := range src {
		above[more] = v
		if v > pivot {
			more++
		} else if v < pivot {
			below[less] = v
			less++
		}
	}
	return more, less
}
