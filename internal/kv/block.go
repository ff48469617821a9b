package kv

import (
	"encoding/binary"
	"math/bits"
)

// A block of vectors holds those of consecutive ordinals side by side, so that a scan steps over few long values. Which of its rows
// count, the items' records say: a row whose item is gone or has another vector since stays in the block, dead, until the block is
// written anew.

// Sizes of blocks. One is read from the file whole, for whatever row, and of one that is damaged the engine tries all bits, which takes four
// times as long for twice the size, a second for these: 16 vectors of 512 numbers are 32 kB.
const (
	mostRows  = 16
	blockSize = 32 << 10
)

// VectorRows is the number of consecutive ordinals whose vectors of dim numbers share a block: a power of two, so that BlockRows is a
// multiple of it.
func VectorRows(dim int) uint32 {
	rows := mostRows
	for rows > 1 && rows*4*dim > blockSize {
		rows /= 2
	}
	return uint32(rows)
}

// VectorBlock is a block that is read where it lies.
type VectorBlock struct {
	mask uint32 // of the rows it has, by their places
	rows []byte // one after the other
	size int    // of a row
}

// DecodeBlock reads what AppendBlock and as many vectors of dim numbers as the mask has bits make up. The rows are parts of v.
func DecodeBlock(v []byte, dim int) (VectorBlock, error) {
	if len(v) < 4 {
		return VectorBlock{}, Corruptf("block of vectors of %d bytes", len(v))
	}
	b := VectorBlock{mask: binary.LittleEndian.Uint32(v), rows: v[4:], size: 4 * dim}
	n := bits.OnesCount32(b.mask)
	if n == 0 || bits.Len32(b.mask) > int(VectorRows(dim)) || len(b.rows) != n*b.size {
		return VectorBlock{}, Corruptf("block of vectors with the rows %016b of %d numbers: %d bytes", b.mask, dim, len(v))
	}
	return b, nil
}

// AppendBlock appends the head of a block: the mask of its rows (u32), bit i for the row of the i-th ordinal. Their vectors follow,
// ascending, as AppendVector writes them.
func AppendBlock(dst []byte, mask uint32) []byte { return binary.LittleEndian.AppendUint32(dst, mask) }

// Mask has a bit for each row that is in the block.
func (b VectorBlock) Mask() uint32 { return b.mask }

// Row returns the bytes of the vector at a place, nil if it is not in the block.
func (b VectorBlock) Row(place uint32) []byte {
	if place >= mostRows || b.mask>>place&1 == 0 {
		return nil
	}
	at := bits.OnesCount32(b.mask&(1<<place-1)) * b.size
	return b.rows[at : at+b.size]
}
