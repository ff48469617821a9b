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

// A ranking returns the first k rows of an answer, fewer only where there are no
// more, with their scores known; all rows, where k is 0. Asked again for more rows it
// begins with the same ones.
type ranking func(ctx context.Context, k int) ([]ranked, error)

// A ranked hit has the id that breaks ties, and what it is ordered by.
type ranked struct {
	hit
	id    string
	key   any
	group any // the value of the field that rows are grouped by
}

// A walk asks first for some more rows than its caller expects to need, and then for growth times as many.
const (
	firstWalk = 64
	growth    = 4
)

// walk yields the rows of a ranking one after the other. need is how many the caller expects to need; 0 is all.
func (rank ranking) walk(ctx context.Context, need int) iter.Seq2[ranked, error] {
	return func(yield func(ranked, error) bool) {
		seen, k := 0, 0
		if need > 0 {
			k = max(2*need, firstWalk)
		}
		for ; ; k *= growth {
			list, err := rank(ctx, k)
			if err != nil {
				yield(ranked{}, err)
				return
			}
			for _, row := range list[min(seen, len(list)):] {
				if !yield(row, nil) {
					return
				}
			}
			if k == 0 || len(list) < k {
				return
			}
			seen = k
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

// contenders returns, in a new slice, the hits of c that come first by score: k of them, and all that tie with the last;
// all of them where k is 0. Their scores are known.
func (o order) contenders(ctx context.Context, r *run, c cond, hits []hit, k int) ([]hit, error) {
	few := withTies(hits, k, o.ascending())
	if err := resolve(ctx, r, c, few, func(hit) bool { return true }); err != nil {
		return nil, err
	}
	return withTies(few, k, o.ascending()), nil
}

// withTies returns, in a new slice, the hits that may be among the k of largest score (of smallest,
// if that is asked for) or tie with the last of them.
func withTies(hits []hit, k int, smallest bool) []hit {
	if k == 0 || k >= len(hits) {
		return slices.Clone(hits)
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
	few := make([]hit, 0, k)
	for _, h := range hits {
		if smallest && -h.lo >= least || !smallest && h.hi >= least {
			few = append(few, h)
		}
	}
	return few
}

// checkEvery is how many rows are looked at between two looks at the context.
const checkEvery = 1024

// best returns the first k of some hits in order, all where k is 0. It holds no more than some multiple of k at a time.
// Only hits behind a row count, where one is given. The scores of all are known, unless the order does without.
func (o order) best(ctx context.Context, src Source, hits iter.Seq[hit], behind *ranked, k int) ([]ranked, error) {
	var list []ranked
	n := 0
	for h := range hits {
		if n++; n%checkEvery == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		row, err := o.row(ctx, src, h)
		if err != nil {
			return nil, err
		}
		if behind != nil && o.compare(row, *behind) <= 0 {
			continue
		}
		if list = append(list, row); k > 0 && len(list) >= 2*k+checkEvery {
			list = o.first(list, k)
		}
	}
	return o.first(list, k), ctx.Err()
}

// first sorts rows and cuts them after the k-th.
func (o order) first(list []ranked, k int) []ranked {
	slices.SortFunc(list, o.compare)
	if k > 0 && k < len(list) {
		clear(list[k:])
		list = list[:k]
	}
	return list
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

// atLeast leaves out hits of c below the smallest score that was asked for.
func (t *tails) atLeast(ctx context.Context, r *run, c cond, hits []hit) ([]hit, error) {
	if t.minScore == nil {
		return hits, nil
	}
	least := *t.minScore
	err := resolve(ctx, r, c, hits, func(h hit) bool { return !(h.lo >= least) && !(h.hi < least) })
	return slices.DeleteFunc(hits, func(h hit) bool { return h.lo < least }), err
}

// behind leaves out hits of c that come before a row or are that row, by score and then by id.
func (o order) behind(ctx context.Context, r *run, c cond, hits []hit, row *ranked) ([]hit, error) {
	at := row.lo
	err := resolve(ctx, r, c, hits, func(h hit) bool { return h.lo <= at && at <= h.hi })
	if err != nil {
		return nil, err
	}
	var failed error
	return slices.DeleteFunc(hits, func(h hit) bool {
		if h.lo != at || !h.known() {
			return (h.lo > at) != o.ascending()
		}
		id, err := r.ID(ctx, h.ord)
		if err != nil {
			failed = err
		}
		return id <= row.id
	}), failed
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
