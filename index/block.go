package index

import (
	"slices"

	"github.com/saedb/saedb/internal/vec"
	"github.com/saedb/saedb/sae"
)

// BlockRows is the number of consecutive ordinals whose postings form one block.
const BlockRows = 1 << 15

// Block is some of the rows in whose code a latent is active, with bounds of how strongly: each activation is one byte, in steps of the
// block's own. (w-1)·Step < activation <= w·Step, and all activations lie from Min to Max.
type Block struct {
	First    uint32   // ordinal of row 0, a multiple of BlockRows
	Rows     []uint16 // below BlockRows, ascending
	Weights  []byte   // of the rows; none is 0
	Max, Min float32  // bounds; they need not be reached
	Step     float32  // vec.Step(Max)
}

// Weigh returns the block of some rows, ascending, with activations above zero.
func Weigh(first uint32, rows []uint16, acts []float32) Block {
	b := Block{First: first, Rows: rows}
	b.Weights, b.Max, b.Min = vec.Weigh(nil, acts)
	b.Step = vec.Step(b.Max)
	return b
}

// Low returns a number that no activation of weight w is below.
func (b *Block) Low(w byte) float32 {
	if low := float32(w-1) * b.Step; low > b.Min { // exact: 8 bits times a power of two
		return low
	}
	return b.Min
}

// High returns a number that no activation of weight w is above.
func (b *Block) High(w byte) float32 {
	if high := float32(w) * b.Step; high < b.Max { // exact, or infinite
		return high
	}
	return b.Max
}

// Put adds a row that is not in the block, or gives one another activation.
func (b *Block) Put(row uint16, act float32) {
	if act > b.Max {
		step := vec.Step(act)
		if len(b.Weights) > 0 {
			vec.Coarsen(b.Weights, b.Step, step)
		}
		b.Max, b.Step = act, step
	}
	if b.Min == 0 || act < b.Min {
		b.Min = act
	}
	i, found := slices.BinarySearch(b.Rows, row)
	if !found {
		b.Rows, b.Weights = slices.Insert(b.Rows, i, row), slices.Insert(b.Weights, i, 0)
	}
	b.Weights[i] = vec.Weight(act, b.Step)
}

// Remove takes a row out, if it is there. The bounds stay.
func (b *Block) Remove(row uint16) {
	if i, found := slices.BinarySearch(b.Rows, row); found {
		b.Rows, b.Weights = slices.Delete(b.Rows, i, i+1), slices.Delete(b.Weights, i, i+1)
	}
}

// Coded is a row with its code.
type Coded struct {
	Ord  uint32
	Code sae.Code
}
