package sparse

import (
	"cmp"
	"context"
	"slices"

	"github.com/saedb/saedb/index"
)

// A Settle is asked where bounds leave more rows than some multiple of k among the k best: of a list by ascending ordinal it returns those that are, in the
// same order, with their scores known.
type Settle func(ctx context.Context, list []Bound) ([]Bound, error)

// Best returns bounds of the scores of the rows of f, of all where it is nil, that may be among the k best or tie with the last of them, by
// ascending ordinal: what Contenders leaves of Bounds, or less where it knows some scores. It goes through the blocks of all terms side by side and holds one range of ordinals and the
// contenders so far. They are as many as tie, unless settle breaks ties; where it is nil, scores are only made known. Terms ascend by latent. The slice
// is the accumulator's, until it is used again.
func (a *Accumulator) Best(ctx context.Context, src Source, terms []index.Term, k int, f index.Filter, settle Settle) ([]Bound, error) {
	if settle == nil {
		settle = func(ctx context.Context, list []Bound) ([]Bound, error) {
			return list, Resolve(ctx, src, terms, list, Unknown(list))
		}
	}
	return a.bestBy(ctx, src, terms, k, f, settle, nil)
}

// few is how many contenders more than a multiple of k may gather before they are settled.
const few = 4096

// bestBy is Best for another score, of which by makes bounds from those of the sum; nil is the sum itself.
func (a *Accumulator) bestBy(ctx context.Context, src Source, terms []index.Term, k int, f index.Filter, settle Settle, by func(Bound) (Bound, error)) ([]Bound, error) {
	best := contenders{ctx: ctx, k: k, floor: index.NewFloor(k), list: a.out[:0], cutAt: 4*k + few, filter: f, settle: settle, by: by}
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
		if err = cmp.Or(err, c.err); err == nil {
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
	p := NewPostings(ctx, src)
	defer p.Stop()
	w, err := p.Walk(terms)
	counts := c.newCounts(terms)
	for from := uint32(0); err == nil; {
		first, more, failed := w.Next(from)
		if err = cmp.Or(failed, c.err); err != nil || !more {
			break
		}
		counted := false
		if counts != nil {
			if counted, err = c.count(ctx, src, w, first, counts); err != nil {
				break
			}
		}
		if !counted {
			counts = nil
			w.add(first).drain(first, c)
		}
		if from = first + index.BlockRows; from < first {
			break
		}
	}
	return err
}

// drain offers the rows of a block and forgets them.
func (c *cells) drain(first uint32, best *contenders) {
	if f := best.filter; f != nil {
		if f.CardinalityInRange(uint64(first), uint64(first)+index.BlockRows) < selective {
			c.drainFrom(f, first, best)
			return
		}
	}
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

// selective is up to how many rows of a block a filter is asked for, rather than asked about each row.
const selective = index.BlockRows / 16

// drainFrom is drain for the rows of a filter.
func (c *cells) drainFrom(f index.Filter, first uint32, best *contenders) {
	it := f.Iterator()
	for it.AdvanceIfNeeded(first); it.HasNext(); {
		row := it.Next() - first
		if row >= index.BlockRows {
			break
		}
		if c.touched[row/64]>>(row%64)&1 != 0 {
			best.offer(Bound{first + row, c.bounds[row][0], c.bounds[row][1]})
		}
	}
	c.clear()
}

// contenders are the bounds of rows that may be among the k best of all that were offered, and some more.
type contenders struct {
	ctx    context.Context
	k      int
	floor  *index.Floor
	least  float32 // the k-th largest lower bound; 0 while there are fewer, or where it is lower, for no answer is
	list   []Bound
	cutAt  int // so many are reduced to those that still may
	filter index.Filter
	settle Settle
	by     func(Bound) (Bound, error)
	err    error // the first
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
	if b.Hi < c.least || c.filter != nil && !c.filter.Contains(b.Ord) {
		return
	}
	c.raise(b)
	if c.list = append(c.list, b); len(c.list) >= c.cutAt {
		c.reduce()
	}
}

// raise lets a lower bound raise the floor.
func (c *contenders) raise(b Bound) {
	if b.Lo > c.least || c.least == 0 {
		c.floor.Offer(float64(b.Lo))
		c.least = max(0, float32(c.floor.Least()))
	}
}

// reduce leaves out those that are no contenders any more. Where that leaves many, their scores decide.
func (c *contenders) reduce() {
	c.cut()
	if len(c.list) > c.cutAt/2 && c.err == nil {
		if c.list, c.err = c.settle(c.ctx, c.list); c.err == nil {
			c.floor = index.NewFloor(c.k)
			for _, b := range c.list {
				c.raise(b)
			}
			c.cut()
		}
	}
	c.cutAt = max(4*c.k+few, 2*len(c.list))
}

// cut leaves out those whose score cannot reach the k-th largest lower bound any more.
func (c *contenders) cut() {
	c.list = slices.DeleteFunc(c.list, func(b Bound) bool { return b.Hi < c.least })
}
