package sparse

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/internal/vec"
)

// Where few rows are asked for, most rows of a block are ruled out by one number: what their weights add up to, rounded up, in 16 bits. The others are
// scored from their codes at once, which raises the floor for the blocks behind. Cells take eight bytes a row, and two sums a posting.
const (
	countTerms = 3   // from how many terms on: of two, cells add up about as fast
	countBest  = 128 // up to how many rows that are asked for: to read a code takes as long as to add up many postings
	countRows  = 512 // rows of one block that may be scored, beside some for each that is asked for; where more are left, cells tell more of them apart
)

var _ = [1]struct{}{}[index.BlockRows-vec.CountRows]

// counts are the sums of one block.
type counts struct {
	sums    [index.BlockRows]uint16
	largest [index.BlockRows / vec.CountGroup]uint16
	levels  levels
	unit    float64 // of sums
	slack   float64 // more than rounding adds to a score, as a factor, and
	tiny    float64 // as a number, where scores are as small as float32 has them
}

// newCounts returns nil where rows are not told apart by counts.
func (c *contenders) newCounts(terms []index.Term) *counts {
	if len(terms) < countTerms || len(terms) >= mostAsk || c.k > countBest || c.by != nil {
		return nil
	}
	return &counts{slack: 1 + float64(len(terms)+32)/(1<<22), tiny: float64(2*len(terms)+8) * math.SmallestNonzeroFloat32}
}

// count offers the rows of the block at first that may be among the best, with their scores. It returns false, and offers none, where too many
// may be, or numbers are of a size for which float32 has no bounds.
func (c *contenders) count(ctx context.Context, src Source, w *Walk, first uint32, n *counts) (bool, error) {
	if !n.measure(w, first) {
		return false, nil
	}
	n.read(w, first)
	most, need := countRows+4*c.k, n.need(c.least)
	top := max(n.levels.reached(c.k, n.largest[:]), need) // groups are counted, not rows: a few more rows reach it
	rows := n.pick(nil, first, top, math.MaxUint16, c.filter)
	if len(rows) > most {
		return false, nil
	}
	if err := Resolve(ctx, src, w.terms, rows, Unknown(rows)); err != nil {
		return false, err
	}
	floor := index.NewFloor(c.k)
	for _, b := range rows {
		floor.Offer(float64(b.Lo))
	}
	if need = n.need(max(c.least, float32(floor.Least()))); need < top {
		some := n.pick(nil, first, need, top-1, c.filter)
		if len(some) > most {
			return false, nil
		}
		if err := Resolve(ctx, src, w.terms, some, Unknown(some)); err != nil {
			return false, err
		}
		rows = append(rows, some...)
		slices.SortFunc(rows, func(a, b Bound) int { return cmp.Compare(a.Ord, b.Ord) })
	}
	for _, b := range rows {
		c.offer(b)
	}
	return true, ctx.Err()
}

// measure sets the unit so that no sum passes 16 bits. It returns false where bounds would not hold.
func (n *counts) measure(w *Walk, first uint32) bool {
	total, terms := 0.0, 0
	for i, h := range w.heads {
		if t := float64(w.terms[i].W); t > 0 && h.there && h.block.First == first {
			total += t * (float64(h.block.Max) + float64(h.block.Step)) // which no weight in steps reaches
			terms++
		}
	}
	n.unit = total / float64(math.MaxUint16-2*terms-1)
	return terms == 0 || total > smallest && total < greatest
}

// read adds up the postings of the terms above zero; those below cannot add to a score.
func (n *counts) read(w *Walk, first uint32) {
	clear(n.sums[:])
	for i, h := range w.heads {
		if t := float64(w.terms[i].W); t > 0 && h.there && h.block.First == first {
			m := uint32(t*float64(h.block.Step)/n.unit*(1<<16)*(1+1e-12)) + 1
			vec.AddCounts(&n.sums, h.block.Rows, h.block.Weights, m)
		}
	}
	vec.LargestCounts(n.largest[:], n.sums[:])
}

// need is the sum, above zero, that a row must reach for a score of least.
func (n *counts) need(least float32) uint16 {
	sum := (float64(least)/n.slack - n.tiny) / n.unit
	if !(sum > 1) {
		return 1
	}
	return uint16(min(sum, math.MaxUint16))
}

// pick appends the rows whose sums lie from low to high, by ascending ordinal, and nothing known of their scores.
func (n *counts) pick(dst []Bound, first uint32, low, high uint16, f index.Filter) []Bound {
	for g, largest := range n.largest {
		if largest < low {
			continue
		}
		for i, sum := range n.sums[g*vec.CountGroup : (g+1)*vec.CountGroup] {
			if ord := first + uint32(g*vec.CountGroup+i); low <= sum && sum <= high && (f == nil || f.Contains(ord)) {
				dst = append(dst, Bound{Ord: ord, Lo: -1, Hi: 1})
			}
		}
	}
	return dst
}
