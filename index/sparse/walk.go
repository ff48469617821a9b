package sparse

import (
	"context"
	"iter"
	"math/bits"

	"github.com/saedb/saedb/index"
)

// Walk goes through the rows in which some terms fire, from one block of ordinals to the next: the blocks of all terms side by side. It holds one block at a
// time, however many rows there are. It serves one goroutine. Stop ends it.
type Walk struct {
	ctx   context.Context
	terms []index.Term
	heads []head
	cells *cells // of the sums of several terms
	table table
}

// head is the next block of one latent.
type head struct {
	next  func() (index.Block, error, bool)
	stop  func()
	block index.Block
	there bool
}

// NewWalk begins a walk. Terms ascend by latent.
func NewWalk(ctx context.Context, src Source, terms []index.Term) (*Walk, error) {
	w := &Walk{ctx: ctx, terms: terms, heads: make([]head, len(terms))}
	if len(terms) > 1 {
		w.cells = new(cells)
	}
	for i, t := range terms {
		w.heads[i].next, w.heads[i].stop = iter.Pull2(src.Blocks(ctx, t.Latent))
		if err := w.heads[i].advance(); err != nil {
			w.Stop()
			return nil, err
		}
	}
	return w, nil
}

func (h *head) advance() (err error) {
	h.block, err, h.there = h.next()
	return err
}

// Stop ends the walk. Later calls do nothing.
func (w *Walk) Stop() {
	for _, h := range w.heads {
		if h.stop != nil {
			h.stop()
		}
	}
}

// Next returns at which ordinal the next block begins that has postings, of those that end behind from; more is false where none is left.
func (w *Walk) Next(from uint32) (first uint32, more bool, err error) {
	if err := w.ctx.Err(); err != nil {
		return 0, false, err
	}
	from -= from % index.BlockRows
	for i := range w.heads {
		h := &w.heads[i]
		for h.there && h.block.First < from {
			if err := h.advance(); err != nil {
				return 0, false, err
			}
		}
		if h.there && (!more || h.block.First < first) {
			first, more = h.block.First, true
		}
	}
	return first, more, nil
}

// Bounds appends to dst bounds of the scores of the rows of a block that may score above zero, by ascending ordinal. first is what Next
// returned, or anything behind it.
func (w *Walk) Bounds(dst []Bound, first uint32) ([]Bound, error) {
	if at, more, err := w.Next(first); err != nil || !more || at != first {
		return dst, err
	}
	if len(w.terms) == 1 {
		return w.ofOne(dst, first)
	}
	if err := w.add(first); err != nil {
		return dst, err
	}
	c := w.cells
	for i, word := range c.touched {
		for ; word != 0; word &= word - 1 {
			row := i*64 + bits.TrailingZeros64(word)
			if b := c.bounds[row]; b[1] > 0 {
				dst = append(dst, Bound{first + uint32(row), b[0], b[1]})
			}
		}
	}
	c.clear()
	return dst, nil
}

// ofOne is Bounds for one term: its postings are the answer.
func (w *Walk) ofOne(dst []Bound, first uint32) ([]Bound, error) {
	for h := &w.heads[0]; h.there && h.block.First == first; {
		low, high := w.table.of(&h.block, w.terms[0].W)
		weights := h.block.Weights[:len(h.block.Rows)]
		for i, row := range h.block.Rows {
			if hi := high[weights[i]]; hi > 0 {
				dst = append(dst, Bound{first + uint32(row), low[weights[i]], hi})
			}
		}
		if err := h.advance(); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// add adds up, by ascending latent, the blocks at an ordinal.
func (w *Walk) add(first uint32) error {
	for i := range w.heads {
		for h := &w.heads[i]; h.there && h.block.First == first; {
			w.cells.add(&h.block, w.terms[i].W)
			if err := h.advance(); err != nil {
				return err
			}
		}
	}
	return nil
}
