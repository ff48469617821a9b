package vec

import (
	"math"
	"slices"
)

func survivorsAsm(index []uint32, value, h []float32, base uint32, cut float32) int {
	whole, n := len(h)&^7, 0
	if whole > 0 {
		index, value = index[:len(h)], value[:len(h)]
		n = survivorsAVX2(&index[0], &value[0], &h[0], whole, base, cut)
	}
	return n + survivorsGo(index[n:], value[n:], h[whole:], base+uint32(whole), cut)
}

func partitionAsm(above, below, src []float32, pivot float32) (more, less int) {
	n := len(src)
	whole := n &^ 7
	if n == 0 {
		return 0, 0
	}
	_, _ = above[n+spare-1], below[n+spare-1]
	rest := nowhere
	copy(rest[:], src[whole:])
	if whole > 0 {
		more, less = partitionAVX2(&above[0], &below[0], &src[0], whole, pivot)
	}
	if n > whole {
		m, l := partitionAVX2(&above[more], &below[less], &rest[0], 8, pivot)
		more, less = more+m, less+l
	}
	return more, less
}

// nowhere is eight values, NaN, that are on neither side of a pivot.
var nowhere = [8]float32(slices.Repeat([]float32{float32(math.NaN())}, 8))
