package sparse

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"github.com/saedb/saedb/index"
)

// Best returns bounds of the scores of the rows that may be among the k best or tie with the last of them, by ascending ordinal: what
// Contenders leaves of Bounds. It takes the blocks of all terms side by side and holds those of one range of ordinals, and the contenders so
// far, so its memory does not grow with the number of rows. Terms ascend by latent. The slice is the accumulator's, until it is used again.
func (a *Accumulator) Best(ctx context.Context, src Source, terms []index.Term, k int) ([]Bound, error) {
	return a.bestBy(ctx, src, terms, k, nil)
}

// bestBy is Best for another score, of which by makes bounds from those of the sum; nil is the sum itself.
func (a *Accumulator) bestBy(ctx context.Context, src Source, terms []index.Term, k int, by func(Bound) (Bound, error)) ([]Bound, error) {
	best := contenders{floor: index.NewFloor(k), list: a.out[:0], cutAt: 4*k + 1024, by: by}
	var err error
	if len(terms) == 1 {
		err = best.one(ctx, src, terms[0])
	} else {
		err = best.sums(ctx, src, terms)
	}
	best.cut()
	a.out = best.list
	return a.out, cmp.Or(err, best.err)
}

// one offers the postings of one term.
func (c *contenders) one(ctx context.Context, src Source, term index.Term) error {
	var t table
	for b, err := range src.Blocks(ctx, term.Latent) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		low, high := t.of(&b, term.W)
		weights := b.Weights[:len(b.Rows)]
		for i, row := range b.Rows {
			c.offer(Bound{b.First + uint32(row), low[weights[i]], high[weights[i]]})
		}
	}
	return ctx.Err()
}

// sums offers what the postings of several terms add up to.
func (c *contenders) sums(ctx context.Context, src Source, terms []index.Term) error {
	w := &wave{terms: terms, heads: make([]head, len(terms))}
	defer w.stop()
	for i, t := range terms {
		w.heads[i].next, w.heads[i].stop = iter.Pull2(src.Blocks(ctx, t.Latent))
		if err := w.heads[i].advance(); err != nil {
			return err
		}
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		first, more, err := w.pass()
		if err != nil || !more {
			return err
		}
		w.cells.drain(first, c)
	}
}

// wave goes through the blocks of several latents at once, from one range of ordinals to the next.
type wave struct {
	terms []index.Term
	heads []head
	cells cells
}

// head is the next block of one latent.
type head struct {
	next  func() (index.Block, error, bool)
	stop  func()
	block index.Block
	there bool
}

func (h *head) advance() (err error) {
	h.block, err, h.there = h.next()
	return err
}

func (w *wave) stop() {
	for _, h := range w.heads {
		if h.stop != nil {
			h.stop()
		}
	}
}

// pass adds up, by ascending latent, the blocks at the lowest ordinal there is; more is false where none is left.
func (w *wave) pass() (first uint32, more bool, err error) {
	for i := range w.heads {
		if h := &w.heads[i]; h.there && (!more || h.block.First < first) {
			first, more = h.block.First, true
		}
	}
	for i := range w.heads {
		for h := &w.heads[i]; h.there && h.block.First == first; {
			w.cells.add(&h.block, w.terms[i].W)
			if err := h.advance(); err != nil {
				return 0, false, err
			}
		}
	}
	return first, more, nil
}

// drain offers the rows of a block and forgets them.
func (c *cells) drain(first uint32, best *contenders) {
	for i, word := range c.touched {
		for at := uint32(64 * i); word != 0; word >>= 1 {
			if word&1 != 0 {
				best.offer(Bound{first + at, c.bounds[at][0], c.bounds[at][1]})
				c.bounds[at] = [2]float32{}
			}
			at++
		}
		c.touched[i] = 0
	}
}

// contenders are the bounds of rows that may be among the k best of all that were offered, and some more.
type contenders struct {
	floor *index.Floor
	least float32 // the k-th largest lower bound; 0 while there are fewer, or where it is lower, for no answer is
	list  []Bound
	cutAt int // so many are reduced to those that still may
	by    func(Bound) (Bound, error)
	err   error // of by, the first
}

func (c *contenders) offer(b Bound) {
	if b.Hi <= 0 {
		return
	}
	if c.by != nil {
		var err error
		if b, err = c.by(b); err != nil {
			c.err = cmp.Or(c.err, err)
			return
		}
	}
	if b.Hi < c.least {
		return
	}
	if b.Lo > c.least || c.least == 0 {
		c.floor.Offer(float64(b.Lo))
		c.least = max(0, float32(c.floor.Least()))
	}
	if c.list = append(c.list, b); len(c.list) >= c.cutAt {
		c.cut()
		c.cutAt = max(c.cutAt, 2*len(c.list))
	}
}

// cut leaves out those whose score cannot reach the k-th largest lower bound any more.
func (c *contenders) cut() {
	c.list = slices.DeleteFunc(c.list, func(b Bound) bool { return b.Hi < c.least })
}
