package query

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/query/syntax"
	"github.com/saedb/saedb/sae"
)

// defaultTop is how many rows a ranked answer has where the query does not say:
// one screen.
const defaultTop = 10

// find yields the items that fulfil a condition, ranked by its score where it
// has one.
type find struct {
	cond  cond
	tails tails
}

func (f *find) plan(t *tree) {
	f.tails.plan(t, f.cond.scores())
	t.below(func() { f.cond.plan(t) })
}

func (f *find) rows(ctx context.Context, r *run, yield func(Row) bool) error {
	r.why = f.tails.with.why
	top := f.tails.top
	if top == 0 && f.cond.scores() {
		top = defaultTop
	}
	hits, err := f.hits(ctx, r, top)
	if err != nil {
		return err
	}
	best, err := f.tails.rank(ctx, r, f.cond, hits, top)
	if err != nil {
		return err
	}
	why := func(ord uint32, code sae.Code) []Why {
		sum := map[uint32]float64{}
		contributions(r, f.cond, ord, code, sum)
		return explainScore(r, code, sum)
	}
	return yieldImages(ctx, r, best, f.tails, why, yield)
}

// hits returns the hits of the condition: of a concept alone, asked for its best rows, only those that may be among them.
func (f *find) hits(ctx context.Context, r *run, top int) ([]hit, error) {
	alone, is := f.cond.(*fires)
	if o := f.tails.order; is && !r.why && (o.field == "" || o.field == "score" && o.desc) {
		return alone.best(ctx, r, nil, f.tails.offset+top)
	}
	return findHits(ctx, r, f.cond, nil)
}

// tails are the phrases behind a statement, as far as they are answered.
type tails struct {
	top      int // 0: not said
	offset   int
	minScore *float64
	order    order
	fold     fold
	self     bool
	with     with
}

// order is what rows are sorted by; the zero order is the statement's own.
type order struct {
	field string
	desc  bool
}

// with are the parts of an image that a row shall have.
type with struct{ why, codes, meta, vector, common bool }

func (t tails) plan(tr *tree, ranked bool) {
	words := []string{"rows"}
	add := func(w ...string) { words = append(words, w...) }
	top := t.top
	if top == 0 && ranked {
		top = defaultTop
	}
	if top > 0 {
		words = []string{"top", formatValue(top)}
	}
	if t.offset > 0 {
		add("offset", formatValue(t.offset))
	}
	if t.minScore != nil {
		add("of score at least", formatValue(*t.minScore))
	}
	switch {
	case t.order.field != "":
		add("by", t.order.field)
		if t.order.desc {
			add("descending")
		}
		add("then id")
	case ranked:
		add("by score, then id")
	default:
		add("by id")
	}
	tr.line("%s", strings.Join(words, " "))
}

// atLeast leaves out hits of c below the smallest score that was asked for.
func (t tails) atLeast(ctx context.Context, r *run, c cond, hits []hit) ([]hit, error) {
	if t.minScore == nil {
		return hits, nil
	}
	least := *t.minScore
	err := resolve(ctx, r, c, hits, func(h hit) bool { return !(h.lo >= least) && !(h.hi < least) })
	return slices.DeleteFunc(hits, func(h hit) bool { return h.lo < least }), err
}

// A ranked hit has the id that breaks ties, and what it is ordered by.
type ranked struct {
	hit
	id  string
	key any
}

// rank returns the hits of c from offset on, at most top of them (all, where top is
// 0), best first and ties by id, with their scores known. It may reorder hits.
func (t tails) rank(ctx context.Context, r *run, c cond, hits []hit, top int) ([]ranked, error) {
	hits, err := t.atLeast(ctx, r, c, hits)
	if err != nil {
		return nil, err
	}
	end := len(hits)
	if top > 0 {
		end = min(end, t.offset+top)
	}
	if t.offset >= end {
		return nil, nil
	}
	byField := t.order.field != "" && t.order.field != "score"
	if !byField {
		if hits, err = t.order.contenders(ctx, r, c, hits, end); err != nil {
			return nil, err
		}
	}
	list := make([]ranked, len(hits))
	for i, h := range hits {
		id, err := r.ID(ctx, h.ord)
		if err != nil {
			return nil, err
		}
		list[i] = ranked{hit: h, id: id}
		if byField {
			if list[i].key, err = t.order.key(ctx, r, h.ord, id); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(list, t.order.compare)
	list = list[t.offset:end]
	if byField {
		err = scoreRanked(ctx, r, c, list)
	}
	return list, err
}

// scoreRanked makes the scores of ranked hits known.
func scoreRanked(ctx context.Context, r *run, c cond, list []ranked) error {
	hits := make([]hit, len(list))
	for i := range list {
		hits[i] = list[i].hit
	}
	slices.SortFunc(hits, byOrd)
	if err := resolve(ctx, r, c, hits, func(hit) bool { return true }); err != nil {
		return err
	}
	for i := range list {
		at, _ := slices.BinarySearchFunc(hits, list[i].hit, byOrd)
		list[i].hit = hits[at]
	}
	return nil
}

func byOrd(a, b hit) int { return cmp.Compare(a.ord, b.ord) }

// contenders returns the k hits of c that come first by score, and all that tie with the
// last of them, with their scores known.
func (o order) contenders(ctx context.Context, r *run, c cond, hits []hit, k int) ([]hit, error) {
	smallest := o.field == "score" && !o.desc
	hits = withTies(hits, k, smallest)
	if err := resolve(ctx, r, c, hits, func(hit) bool { return true }); err != nil {
		return nil, err
	}
	return withTies(hits, k, smallest), nil
}

// withTies leaves of hits, in place, those that may be among the k of largest score (of smallest,
// if that is asked for) or tie with the last of them.
func withTies(hits []hit, k int, smallest bool) []hit {
	if k >= len(hits) {
		return hits
	}
	floor := index.NewFloor(k)
	for i := range hits {
		if smallest {
			floor.Offer(-hits[i].hi)
		} else {
			floor.Offer(hits[i].lo)
		}
	}
	least := floor.Least()
	return slices.DeleteFunc(hits, func(h hit) bool {
		if smallest {
			return -h.lo < least
		}
		return h.hi < least
	})
}

// key returns the value that an item is ordered by; nil where it has none.
func (o order) key(ctx context.Context, src Source, ord uint32, id string) (any, error) {
	if o.field == "id" {
		return id, nil
	}
	meta, err := src.Meta(ctx, ord)
	if err != nil {
		return nil, err
	}
	if members, isList := meta[o.field].([]string); isList {
		return strings.Join(members, "\x00"), nil
	}
	return meta[o.field], nil
}

// compare orders two hits: by score, the largest first, or by the field. Items
// that lack it come last either way. Ids break ties.
func (o order) compare(a, b ranked) int {
	c := 0
	switch {
	case o.field == "":
		c = cmp.Compare(b.lo, a.lo)
	case o.field == "score":
		c = o.turn(cmp.Compare(a.lo, b.lo))
	case a.key == nil || b.key == nil:
		c = compareBool(a.key == nil, b.key == nil)
	default:
		c = o.turn(compareKeys(a.key, b.key))
	}
	return cmp.Or(c, strings.Compare(a.id, b.id))
}

func (o order) turn(c int) int {
	if o.desc {
		return -c
	}
	return c
}

// compareKeys orders any two values: those of one kind as Compare does, and
// kinds after each other, numbers first.
func compareKeys(a, b any) int {
	if c, ok := Compare(a, b); ok {
		return c
	}
	return cmp.Compare(kindRank(a), kindRank(b))
}

func kindRank(v any) int {
	switch v.(type) {
	case int64, float64:
		return 0
	case time.Time:
		return 1
	case bool:
		return 2
	}
	return 3
}

// yieldImages fills in the rows of images and hands them on. why says what a
// row's score is made of; it may be nil where the rows have none.
func yieldImages(ctx context.Context, r *run, best []ranked, t tails, why func(ord uint32, code sae.Code) []Why, yield func(Row) bool) error {
	for i, h := range best {
		row := Row{Kind: KindImage, Rank: t.offset + i + 1, ID: h.id, Score: h.lo}
		if err := fillImage(ctx, r, &row, h.ord, t.with, why); err != nil {
			return err
		}
		if !yield(row) {
			return nil
		}
	}
	return nil
}

// fillImage adds to a row what the query asks for of its item.
func fillImage(ctx context.Context, r *run, row *Row, ord uint32, w with, why func(ord uint32, code sae.Code) []Why) error {
	meta, err := r.Meta(ctx, ord)
	if err != nil {
		return err
	}
	row.Path = row.ID
	if path, isText := meta["path"].(string); isText {
		row.Path = path
	}
	if w.meta {
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
	s := &find{cond: everything{}, tails: t}
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
