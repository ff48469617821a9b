package query

import (
	"context"
	"slices"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/query/syntax"
	"github.com/saedb/saedb/sae"
)

// find yields the items that fulfil a condition, ranked by its score where it
// has one.
type find struct {
	cond  cond
	tails tails
}

func (f *find) plan(t *tree) {
	f.tails.plan(t, f.cond.scores(), func() { f.cond.plan(t) })
}

func (f *find) rows(ctx context.Context, r *run, yield func(Row) bool) error {
	from, err := f.tails.start(r)
	if err != nil {
		return err
	}
	s, err := f.tails.show(ctx, r, f.ranking(r), from, f.tails.rows(f.cond.scores()))
	if err != nil {
		return err
	}
	why := func(ord uint32, code sae.Code) []Why {
		sum := map[uint32]float64{}
		contributions(r, f.cond, index.Coded{Ord: ord, Code: code}, sum)
		return explainScore(r, code, sum)
	}
	return yieldImages(ctx, r, s, &f.tails, why, nil, yield)
}

// ranking orders the items that fulfil the condition.
func (f *find) ranking(r *run) ranking {
	one, alone := f.cond.(*fires)
	return func(ctx context.Context, behind *ranked, k int) ([]ranked, error) {
		switch {
		case !f.cond.scores():
			return f.unscored(ctx, r, behind, k)
		case f.tails.order.byField():
			return f.byField(ctx, r, behind, k)
		case alone && one.leads() && behind == nil && !f.tails.order.ascending():
			return one.ranking(ctx, r, &f.tails, k)
		}
		return f.byScore(ctx, r, behind, k)
	}
}

// unscored ranks items that have no scores.
func (f *find) unscored(ctx context.Context, r *run, behind *ranked, k int) ([]ranked, error) {
	if least := f.tails.minScore; least != nil && *least > 0 {
		return nil, nil
	}
	few := shortlist{order: f.tails.order, src: r, behind: behind, k: k}
	var ords []uint32
	err := eachMask(ctx, r, f.cond, func(first uint32, m *mask) error {
		ords = m.appendTo(ords[:0], first)
		for _, ord := range ords {
			if err := few.add(ctx, hit{ord: ord}); err != nil {
				return err
			}
		}
		return nil
	})
	return few.rows(), err
}

// byScore ranks items by their scores.
func (f *find) byScore(ctx context.Context, r *run, behind *ranked, k int) ([]ranked, error) {
	few := newPool(r, f.cond, &f.tails, behind, k)
	if err := eachHits(ctx, r, f.cond, func(hits []hit) error { return few.offer(ctx, hits) }); err != nil {
		return nil, err
	}
	return few.rows(ctx)
}

// byField ranks items by a field; their scores come from the codes of those that are shown.
func (f *find) byField(ctx context.Context, r *run, behind *ranked, k int) ([]ranked, error) {
	few := shortlist{order: f.tails.order, src: r, behind: behind, k: k}
	err := eachHits(ctx, r, f.cond, func(hits []hit) error {
		hits, err := f.tails.atLeast(ctx, r, f.cond, hits)
		for i := 0; i < len(hits) && err == nil; i++ {
			err = few.add(ctx, hits[i])
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	list := few.rows()
	return list, scoreRanked(ctx, r, f.cond, list)
}

// yieldImages fills in the rows of images and hands them on. why says what a
// row's score is made of, was at which rank it came before steering; they may be nil where rows have none.
func yieldImages(ctx context.Context, r *run, s slice, t *tails, why func(ord uint32, code sae.Code) []Why, was map[uint32]int, yield func(Row) bool) error {
	for i, h := range s.rows {
		row := Row{Kind: KindImage, Rank: s.before + i + 1, ID: h.id, Score: h.lo, Was: was[h.ord]}
		if t.group != nil {
			row.By, row.Value = t.group.field, h.group
		}
		if err := fillImage(ctx, r, &row, h.ord, t.with, why); err != nil {
			return err
		}
		if t.page != nil && s.more && i == len(s.rows)-1 {
			row.Cursor = t.cursorOf(r, s).String()
		}
		if !yield(row) {
			return nil
		}
	}
	return nil
}

// fillImage adds to a row what the query asks for of its item.
func fillImage(ctx context.Context, r *run, row *Row, ord uint32, w with, why func(ord uint32, code sae.Code) []Why) error {
	var err error
	if row.Path, err = r.Path(ctx, ord); err != nil {
		return err
	}
	if w.meta {
		meta, err := r.Meta(ctx, ord)
		if err != nil {
			return err
		}
		row.Meta = make(map[string]any, len(meta))
		for k, v := range meta {
			if k != "path" {
				row.Meta[k] = v
			}
		}
	}
	if w.vector {
		v, err := r.Vector(ctx, ord)
		if err != nil {
			return err
		}
		row.Vector = slices.Clone(v)
	}
	if !w.why && !w.codes {
		return nil
	}
	code, err := r.Code(ctx, ord)
	if err != nil {
		return err
	}
	if w.codes {
		row.Code = &sae.Code{Latents: slices.Clone(code.Latents), Acts: slices.Clone(code.Acts)}
	}
	if w.why && why != nil {
		row.Why = why(ord, code)
	}
	return nil
}

// compileFind resolves a find.
func (c *compiler) compileFind(f *syntax.Find) (statement, error) {
	t, err := c.tails(f.Tails)
	if err == nil {
		err = c.checkParts(f.Tails, "pictures", "leave it out; explain takes it", "why", "codes", "meta", "vector")
	}
	if err != nil {
		return nil, err
	}
	if f.Near != nil {
		return c.compileNear(f, t)
	}
	if err := c.refuse(f.Tails, "a condition", "only near has a picture to begin with", syntax.TailSelf, syntax.TailSigned); err != nil {
		return nil, err
	}
	s := &find{cond: c.everything(), tails: t}
	if f.Where != nil {
		if s.cond, err = c.cond(f.Where, t.fold); err != nil {
			return nil, err
		}
	}
	if err := c.checkOrder(f.Tails, s.cond.scores()); err != nil {
		return nil, err
	}
	return s, nil
}
