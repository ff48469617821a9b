package query

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/saedb/saedb/index"
)

// A ranking returns the first k rows of an answer, fewer only where there are no more, with their scores known; all rows, where k is 0. Where a row is
// given it is the first k behind that.
type ranking func(ctx context.Context, behind *ranked, k int) ([]ranked, error)

// A ranked hit has the id that breaks ties, and what it is ordered by.
type ranked struct {
	hit
	id    string
	key   any
	group any // the value of the field that rows are grouped by
}

// A walk asks first for some more rows than its caller expects to need, then for growth times as many, up to mostWalk at a time: so many are held.
const (
	firstWalk = 64
	growth    = 4
	mostWalk  = 1 << 13
)

// walk yields the rows of a ranking one after the other. need is how many the caller expects to need; 0 is all.
func (rank ranking) walk(ctx context.Context, need int) iter.Seq2[ranked, error] {
	return func(yield func(ranked, error) bool) {
		k := mostWalk
		if need > 0 {
			k = min(max(2*need, firstWalk), mostWalk)
		}
		for behind := (*ranked)(nil); ; k = min(k*growth, mostWalk) {
			list, err := rank(ctx, behind, k)
			if err != nil {
				yield(ranked{}, err)
				return
			}
			for _, row := range list {
				if !yield(row, nil) {
					return
				}
			}
			if len(list) < k {
				return
			}
			behind = &list[k-1]
		}
	}
}

// order is what rows are sorted by; the zero order is the statement's own.
type order struct {
	field string
	desc  bool
}

// byField reports whether rows are sorted by something else than their scores.
func (o order) byField() bool { return o.field != "" && o.field != "score" }

// ascending reports whether the smallest score comes first.
func (o order) ascending() bool { return o.field == "score" && !o.desc }

// withTies returns, in a new slice, the hits of known score that are among the k of largest score or tie with the last of them.
func withTies(hits []hit, k int) []hit {
	if k == 0 || k >= len(hits) {
		return slices.Clone(hits)
	}
	floor := index.NewFloor(k)
	for i := range hits {
		floor.Offer(hits[i].lo)
	}
	least := floor.Least()
	few := make([]hit, 0, k)
	for _, h := range hits {
		if h.lo >= least {
			few = append(few, h)
		}
	}
	return few
}

// checkEvery is how many rows are looked at between two looks at the context.
const checkEvery = 1024

// A shortlist keeps the first k of the hits that are added to it, all where k is 0: of those behind a row, where one is given. It holds no more than some
// multiple of k. The scores of all are known, unless the order does without.
type shortlist struct {
	order  order
	src    Source
	behind *ranked
	k      int

	list  []ranked
	full  bool // the list begins with k rows in order, and nothing behind the last of them counts any more
	added int
}

func (s *shortlist) add(ctx context.Context, h hit) error {
	if s.added++; s.added%checkEvery == 0 && ctx.Err() != nil {
		return ctx.Err()
	}
	row, err := s.order.row(ctx, s.src, h)
	if err != nil {
		return err
	}
	if s.behind != nil && s.order.compare(row, *s.behind) <= 0 || s.full && s.order.compare(row, s.list[s.k-1]) >= 0 {
		return nil
	}
	if s.list = append(s.list, row); s.k > 0 && len(s.list) >= 2*s.k+checkEvery {
		s.cut()
	}
	return nil
}

// cut sorts the list and leaves the first k.
func (s *shortlist) cut() {
	slices.SortFunc(s.list, s.order.compare)
	if s.k > 0 && s.k <= len(s.list) {
		clear(s.list[s.k:])
		s.list, s.full = s.list[:s.k], true
	}
}

// rows returns the first k in order.
func (s *shortlist) rows() []ranked {
	s.cut()
	return s.list
}

// row reads what a hit is ordered by.
func (o order) row(ctx context.Context, src Source, h hit) (ranked, error) {
	id, err := src.ID(ctx, h.ord)
	if err != nil || !o.byField() {
		return ranked{hit: h, id: id}, err
	}
	key, err := o.key(ctx, src, h.ord, id)
	return ranked{hit: h, id: id, key: key}, err
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

// atLeast leaves out hits of c below the smallest score that was asked for, in place.
func (t *tails) atLeast(ctx context.Context, r *run, c cond, hits []hit) ([]hit, error) {
	if t.minScore == nil {
		return hits, nil
	}
	least := *t.minScore
	err := resolve(ctx, r, c, hits, func(h hit) bool { return !(h.lo >= least) && !(h.hi < least) })
	return slices.DeleteFunc(hits, func(h hit) bool { return h.lo < least }), err
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
