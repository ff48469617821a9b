package query

import (
	"context"
	"math"
	"slices"

	"github.com/saedb/saedb/index"
)

// A pool finds the first k by score of the hits that are offered to it, which ascend. It holds those that may be among them by their bounds; when these are
// more than some multiple of k it makes their scores known and lets ids break ties. So it never holds more, however many hits there are.
type pool struct {
	r     *run
	c     cond     // that the hits fulfil
	least *float64 // no row scores less; nil: any score
	best  shortlist

	floor *index.Floor // of the scores, with the other sign where the smallest comes first
	reach float64      // what a score must reach
	open  []hit        // not yet in best
}

// fewOpen is how many hits more than a multiple of k may gather.
const fewOpen = 4096

// newPool returns an empty pool for the rows that tails ask for, of those behind a row, where one is given. k is above 0.
func newPool(r *run, c cond, t *tails, behind *ranked, k int) *pool {
	return &pool{
		r: r, c: c, least: t.minScore, floor: index.NewFloor(k), reach: math.Inf(-1),
		best: shortlist{order: t.order, src: r, behind: behind, k: k},
	}
}

// turned returns the bounds of a score as the order wants them: the larger comes first.
func (p *pool) turned(h hit) (lo, hi float64) {
	if p.best.order.ascending() {
		return -h.hi, -h.lo
	}
	return h.lo, h.hi
}

// offer considers some hits.
func (p *pool) offer(ctx context.Context, hits []hit) error {
	for _, h := range hits {
		may, sure := p.counts(h)
		if !may {
			continue
		}
		if sure {
			p.raise(h)
		}
		if p.open = append(p.open, h); len(p.open) < 4*p.best.k+fewOpen {
			continue
		}
		p.reduce()
		if len(p.open) > 2*p.best.k+fewOpen/2 {
			if err := p.settle(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// counts reports whether a hit may be a row, as far as its bounds tell, and whether it is one for sure unless better ones come.
func (p *pool) counts(h hit) (may, sure bool) {
	lo, hi := p.turned(h)
	may, sure = !(hi < p.reach), true
	if p.least != nil {
		may, sure = may && !(h.hi < *p.least), h.lo >= *p.least
	}
	if p.best.behind != nil {
		at, _ := p.turned(p.best.behind.hit)
		may, sure = may && !(lo > at), sure && hi < at
	}
	return may, sure
}

// raise lets a hit that counts raise the floor.
func (p *pool) raise(h hit) {
	lo, _ := p.turned(h)
	p.floor.Offer(lo)
	p.reach = p.floor.Least()
}

// reduce leaves out what does not reach the floor any more.
func (p *pool) reduce() {
	p.open = slices.DeleteFunc(p.open, func(h hit) bool {
		may, _ := p.counts(h)
		return !may
	})
}

// settle makes the scores of the open hits known and moves those into best that are among the first k so far.
func (p *pool) settle(ctx context.Context) error {
	p.reduce()
	if err := resolve(ctx, p.r, p.c, p.open, func(hit) bool { return true }); err != nil {
		return err
	}
	p.floor = index.NewFloor(p.best.k)
	for _, row := range p.best.list {
		p.raise(row.hit)
	}
	for _, h := range p.open {
		if may, sure := p.counts(h); may && sure {
			p.raise(h)
		}
	}
	p.reduce()
	for _, h := range p.open {
		if err := p.best.add(ctx, h); err != nil {
			return err
		}
	}
	p.best.cut()
	p.open = p.open[:0]
	return ctx.Err()
}

// rows returns the first k.
func (p *pool) rows(ctx context.Context) ([]ranked, error) {
	err := p.settle(ctx)
	return p.best.rows(), err
}
