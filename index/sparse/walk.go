package sparse

import (
	"context"
	"iter"
	"math/bits"

	"github.com/saedb/saedb/index"
)

// Postings reads the postings of some latents side by side, from one block of ordinals to the next, each latent once however many ask for it. It holds one
// block of each. It serves one goroutine. Stop ends it.
type Postings struct {
	ctx   context.Context
	src   Source
	heads map[uint32]*head // by latent
	cells *cells           // of the sums of several terms, empty between two calls
	table table
}

// head is the block of one latent at which Postings is, or the next one.
type head struct {
	next  func() (index.Block, error, bool)
	stop  func()
	block index.Block
	there bool
}

// NewPostings begins before the first block.
func NewPostings(ctx context.Context, src Source) *Postings {
	return &Postings{ctx: ctx, src: src, heads: map[uint32]*head{}}
}

// Stop frees what is open. Later calls do nothing.
func (p *Postings) Stop() {
	for _, h := range p.heads {
		h.stop()
	}
}

// head returns the one of a latent.
func (p *Postings) head(latent uint32) (*head, error) {
	if h := p.heads[latent]; h != nil {
		return h, nil
	}
	h := &head{}
	if list, ok := p.held(latent); ok {
		h.next, h.stop = blocksOf(list), func() {}
	} else {
		h.next, h.stop = iter.Pull2(p.src.Blocks(p.ctx, latent))
	}
	p.heads[latent] = h
	return h, h.advance()
}

// held returns the blocks of a latent where the source holds them.
func (p *Postings) held(latent uint32) ([]index.Block, bool) {
	if src, ok := p.src.(Holder); ok {
		return src.Held(p.ctx, latent)
	}
	return nil, false
}

func blocksOf(list []index.Block) func() (index.Block, error, bool) {
	return func() (b index.Block, err error, there bool) {
		if there = len(list) > 0; there {
			b, list = list[0], list[1:]
		}
		return b, nil, there
	}
}

func (h *head) advance() (err error) {
	h.block, err, h.there = h.next()
	return err
}

// to goes on to the first block that begins at an ordinal or behind it.
func (h *head) to(first uint32) error {
	for h.there && h.block.First < first {
		if err := h.advance(); err != nil {
			return err
		}
	}
	return nil
}

// Walk goes through the rows in which some terms fire. Walks over the same postings go side by side: none asks for a block before one that another has
// asked for.
type Walk struct {
	p     *Postings
	terms []index.Term
	heads []*head
}

// Walk begins one, before the first block was asked for. Terms ascend by latent.
func (p *Postings) Walk(terms []index.Term) (*Walk, error) {
	w := &Walk{p: p, terms: terms, heads: make([]*head, len(terms))}
	for i, t := range terms {
		var err error
		if w.heads[i], err = p.head(t.Latent); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// Next returns at which ordinal the next block begins that has postings, of those that end behind from; more is false where none is left.
func (w *Walk) Next(from uint32) (first uint32, more bool, err error) {
	if err := w.p.ctx.Err(); err != nil {
		return 0, false, err
	}
	from -= from % index.BlockRows
	for _, h := range w.heads {
		if err := h.to(from); err != nil {
			return 0, false, err
		}
		if h.there && (!more || h.block.First < first) {
			first, more = h.block.First, true
		}
	}
	return first, more, nil
}

// Bounds appends to dst bounds of the scores of the rows of a block that may score above zero, by ascending ordinal. first is where a block begins.
func (w *Walk) Bounds(dst []Bound, first uint32) ([]Bound, error) {
	if at, more, err := w.Next(first); err != nil || !more || at != first {
		return dst, err
	}
	if len(w.terms) == 1 {
		return w.ofOne(dst, &w.heads[0].block), nil
	}
	c := w.add(first)
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
func (w *Walk) ofOne(dst []Bound, b *index.Block) []Bound {
	low, high := w.p.table.of(b, w.terms[0].W)
	weights := b.Weights[:len(b.Rows)]
	for i, row := range b.Rows {
		if hi := high[weights[i]]; hi > 0 {
			dst = append(dst, Bound{b.First + uint32(row), low[weights[i]], hi})
		}
	}
	return dst
}

// add adds up, by ascending latent, the blocks that begin at an ordinal. Whoever takes the cells empties them.
func (w *Walk) add(first uint32) *cells {
	if w.p.cells == nil {
		w.p.cells = new(cells)
	}
	for i, h := range w.heads {
		if h.there && h.block.First == first {
			w.p.cells.add(&h.block, w.terms[i].W)
		}
	}
	return w.p.cells
}
