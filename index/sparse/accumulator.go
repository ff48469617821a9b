package sparse

import (
	"context"
	"math/bits"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/internal/vec"
)

// Bound says of a row's score that it lies from Lo to Hi. Where both are the same the score is known.
type Bound struct {
	Ord    uint32
	Lo, Hi float32
}

// Known reports whether the bounds say the score itself.
func (b Bound) Known() bool { return b.Lo == b.Hi }

// Accumulator adds up bounds of the scores of rows, by ascending latent. The zero value is empty and ready. It serves one goroutine at a time.
//
// The bounds hold for the score as Score computes it, rounding included, and need no margin for that. Score adds up the rounded
// products of the terms that the row has, in the order of the terms. The accumulator does the same with the lower and with the upper bound of
// each activation in its place. Rounding never turns an order around: of two numbers the smaller one's product with the same weight, rounded, is
// not the larger (for a weight below zero the other way round, so the bounds change places), and neither are rounded sums of the smaller.
type Accumulator struct {
	blocks []*cells // of Bounds
	out    []Bound
}

// cells are the bounds of the rows of one block, taken only where a posting falls, so that a few far ordinals do not cost memory for all between.
type cells struct {
	touched [index.BlockRows / 64]uint64 // a bit for each row to which something was added
	bounds  [index.BlockRows][2]float32  // lower and upper
}

// cells returns those of the block at ordinal first.
func (a *Accumulator) cells(first uint32) *cells {
	b := int(first / index.BlockRows)
	if b >= len(a.blocks) {
		a.blocks = append(a.blocks, make([]*cells, b+1-len(a.blocks))...)
	}
	if a.blocks[b] == nil {
		a.blocks[b] = new(cells)
	}
	return a.blocks[b]
}

// addTerm adds W·activation for every posting of the term's latent.
func (a *Accumulator) addTerm(ctx context.Context, src Source, t index.Term) error {
	for b, err := range src.Blocks(ctx, t.Latent) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		a.cells(b.First).add(&b, t.W)
	}
	return ctx.Err()
}

func (c *cells) add(b *index.Block, w float32) {
	var t table
	low, high := t.of(b, w)
	weights := b.Weights[:len(b.Rows)]
	for i, row := range b.Rows {
		row %= index.BlockRows
		cell := &c.bounds[row]
		cell[0] += low[weights[i]]
		cell[1] += high[weights[i]]
		c.touched[row/64] |= 1 << (row % 64)
	}
}

// table holds for each weight of a block the bounds of w·activation.
type table [2][256]float32

// of fills the table for the weights that are there, and returns lower and upper bounds.
func (t *table) of(b *index.Block, w float32) (low, high *[256]float32) {
	low, high = &t[0], &t[1]
	if w < 0 {
		low, high = high, low
	}
	top := 256
	if b.Step > 0 {
		top = int(vec.Weight(b.Max, b.Step)) + 1
	}
	for i := 1; i < top; i++ { // the conversion keeps compilers from fusing: same bits everywhere
		low[i], high[i] = float32(w*b.Low(byte(i))), float32(w*b.High(byte(i)))
	}
	return &t[0], &t[1]
}

// Bounds returns bounds of the scores of the rows that may score above zero, by ascending ordinal; with a filter only of those that it lets
// through. It takes one term after the other and holds all rows: the slow twin of Walk and Best. Terms ascend by latent. The slice is the
// accumulator's, until it is used again.
func (a *Accumulator) Bounds(ctx context.Context, src Source, terms []index.Term, f index.Filter) ([]Bound, error) {
	a.out = a.out[:0]
	a.reset()
	for _, t := range terms {
		if err := a.addTerm(ctx, src, t); err != nil {
			return nil, err
		}
	}
	a.collect(f)
	return a.out, nil
}

// offer keeps a bound unless it shows that the row does not score above zero, or f does not let the row through.
func (a *Accumulator) offer(b Bound, f index.Filter) {
	if b.Hi <= 0 || f != nil && !f.Contains(b.Ord) {
		return
	}
	a.out = append(a.out, b)
}

func (a *Accumulator) collect(f index.Filter) {
	for n, c := range a.blocks {
		if c == nil {
			continue
		}
		first := uint32(n * index.BlockRows)
		for i, word := range c.touched {
			for ; word != 0; word &= word - 1 {
				row := uint32(i*64 + bits.TrailingZeros64(word))
				a.offer(Bound{first + row, c.bounds[row][0], c.bounds[row][1]}, f)
			}
		}
	}
}

// reset forgets all bounds and keeps the memory for the next query.
func (a *Accumulator) reset() {
	for _, c := range a.blocks {
		if c != nil {
			c.clear()
		}
	}
}

// clear forgets the bounds of the rows that were touched.
func (c *cells) clear() {
	for i, word := range c.touched {
		for ; word != 0; word &= word - 1 {
			c.bounds[i*64+bits.TrailingZeros64(word)] = [2]float32{}
		}
		c.touched[i] = 0
	}
}

// Contenders leaves of bounds, in place, those of rows whose score may be among the k largest, or tie with the last of them.
func Contenders(bounds []Bound, k int) []Bound {
	if len(bounds) <= k {
		return bounds
	}
	floor := index.NewFloor(k)
	for i := range bounds {
		floor.Offer(float64(bounds[i].Lo))
	}
	least := float32(floor.Least())
	kept := bounds[:0]
	for _, b := range bounds {
		if !(b.Hi < least) {
			kept = append(kept, b)
		}
	}
	return kept
}
