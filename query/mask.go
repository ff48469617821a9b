package query

import (
	"math/bits"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
)

// A mask is a set of rows of one block of ordinals.
type mask [index.BlockRows / 64]uint64

func (m *mask) add(row uint32) { m[row/64] |= 1 << (row % 64) }

func (m *mask) has(row uint32) bool { return m[row/64]>>(row%64)&1 != 0 }

func (m *mask) empty() bool { return *m == mask{} }

func (m *mask) setAll() {
	for i := range m {
		m[i] = ^uint64(0)
	}
}

// and leaves the rows of both.
func (m *mask) and(other *mask) {
	for i, word := range other {
		m[i] &= word
	}
}

// or adds the rows of another.
func (m *mask) or(other *mask) {
	for i, word := range other {
		m[i] |= word
	}
}

// without takes out the rows of another.
func (m *mask) without(other *mask) {
	for i, word := range other {
		m[i] &^= word
	}
}

// len returns the number of rows.
func (m *mask) len() (n int) {
	for _, word := range m {
		n += bits.OnesCount64(word)
	}
	return n
}

// appendTo appends the ordinals of the rows of the block at first.
func (m *mask) appendTo(ords []uint32, first uint32) []uint32 {
	for i, word := range m {
		for ; word != 0; word &= word - 1 {
			ords = append(ords, first+uint32(i*64+bits.TrailingZeros64(word)))
		}
	}
	return ords
}

// masks are the blocks of a set of ordinals, for whoever asks about many of them.
type masks map[uint32]*mask

func masksOf(set *roaring.Bitmap) masks {
	all := masks{}
	for it := set.Iterator(); it.HasNext(); {
		ord := it.Next()
		first := ord - ord%index.BlockRows
		if all[first] == nil {
			all[first] = new(mask)
		}
		all[first].add(ord - first)
	}
	return all
}

// at returns the block at an ordinal.
func (all masks) at(first uint32) *mask {
	if m := all[first]; m != nil {
		return m
	}
	return &mask{}
}
