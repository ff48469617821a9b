package query

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/query/syntax"
)

// count yields how many images fulfil a condition: in all, or for each value of
// a field, each concept, or each latent.
type count struct {
	cond  cond
	by    string
	cost  string // of counting by something, where the plan is asked for
	tails tails
}

func (n *count) plan(t *tree) {
	if n.by == "" {
		t.line("count")
	} else {
		n.tails.planList(t, "count descending", n.tails.top)
		t.line("count by %s%s", n.by, n.cost)
	}
	t.below(func() { n.cond.plan(t) })
}

func (n *count) rows(ctx context.Context, r *run, yield func(Row) bool) error {
	if n.by == "" {
		all, err := n.size(ctx, r)
		if err == nil {
			yield(Row{Kind: KindCount, Rank: 1, Count: all})
		}
		return err
	}
	set, err := setOf(ctx, r, n.cond)
	if err != nil {
		return err
	}
	counts := map[any]int{}
	switch n.by {
	case "concept":
		err = countConcepts(ctx, r, set, counts)
	case "latent":
		err = countLatents(ctx, r, set, counts)
	default:
		err = countValues(ctx, r, set, n.by, counts)
	}
	if err != nil {
		return err
	}
	rows := make([]Row, 0, len(counts))
	for v, c := range counts {
		rows = append(rows, Row{Kind: KindCount, By: n.by, Value: v, Count: c})
	}
	if n.by == ClusterField {
		if err := nameClusters(ctx, r, rows); err != nil {
			return err
		}
	}
	slices.SortFunc(rows, n.compare)
	yieldRows(rows, n.tails, n.tails.top, yield)
	return nil
}

// size returns how many items there are that fulfil the condition.
func (n *count) size(ctx context.Context, r *run) (size int, err error) {
	switch c := n.cond.(type) {
	case everything:
		return r.Len(), nil
	case *has:
		set, err := c.set(ctx, r)
		if err != nil {
			return 0, err
		}
		return int(set.GetCardinality()), nil
	}
	err = eachMask(ctx, r, n.cond, func(_ uint32, m *mask) error {
		size += m.len()
		return nil
	})
	return size, err
}

// compare puts the largest count first, or sorts as the query asks; equal rows
// come by value.
func (n *count) compare(a, b Row) int {
	c := cmp.Compare(b.Count, a.Count)
	switch o := n.tails.order; o.field {
	case "":
	case "count":
		c = o.turn(cmp.Compare(a.Count, b.Count))
	default:
		c = o.turn(compareKeys(a.Value, b.Value))
	}
	return cmp.Or(c, compareKeys(a.Value, b.Value))
}

// compileCount resolves a count.
func (c *compiler) compileCount(x *syntax.Count) (statement, error) {
	err := c.refuse(x.Tails, "count", "leave it out", syntax.TailScore, syntax.TailMinScore, syntax.TailSelf, syntax.TailWith,
		syntax.TailAfter, syntax.TailGroup, syntax.TailDistinct, syntax.TailSigned)
	if err != nil {
		return nil, err
	}
	n := &count{cond: c.everything()}
	if n.tails, err = c.tails(x.Tails); err != nil {
		return nil, err
	}
	if x.Where != nil {
		if n.cond, err = c.cond(x.Where, foldSum); err != nil {
			return nil, err
		}
	}
	if x.By != nil {
		n.by = x.By.Name
		if n.cost, err = c.countBy(n, x.By); err != nil {
			return nil, err
		}
	}
	if field := n.tails.order.field; field != "" && field != "count" && field != n.by {
		return nil, c.fail(orderSpan(x.Tails), "order by count, or by what is counted", "a count has no %q to order by", field)
	}
	return n, nil
}

// countBy resolves by what is counted, and estimates what that reads.
func (c *compiler) countBy(n *count, by *syntax.Field) (cost string, err error) {
	switch strings.ToLower(n.by) {
	case "concept", "latent":
		n.by = strings.ToLower(n.by)
		m, err := c.model(by.Span)
		if err != nil || !c.planning {
			return "", err
		}
		if n.by == "latent" {
			return ": the postings of " + counted(m.Latents, "latent"), nil
		}
		return ": the postings of " + counted(len(c.Words()), "concept"), nil
	}
	_, err = c.field(*by)
	if err != nil || !c.planning {
		return "", err
	}
	return ": the metadata of each item", nil
}

// countConcepts counts, for each concept, the items of set in which it fires.
// Concepts that fire in none are left out.
func countConcepts(ctx context.Context, r *run, set *roaring.Bitmap, counts map[any]int) error {
	among := masksWithin(r, set)
	for _, w := range r.Words() {
		concept, _ := r.Concept(w)
		n := 0
		f := &fires{group: concept.Group, terms: termsOf(concept.Group), weight: 1}
		err := eachMask(ctx, r, f, func(first uint32, m *mask) error {
			if among != nil {
				m.and(among.at(first))
			}
			n += m.len()
			return nil
		})
		if err != nil {
			return err
		}
		if n > 0 {
			counts[w] = n
		}
	}
	return nil
}

// masksWithin returns the blocks of a set of items, nil where that is all of them.
func masksWithin(r *run, set *roaring.Bitmap) masks {
	if int(set.GetCardinality()) == r.Len() {
		return nil
	}
	return masksOf(set)
}

// countLatents is countConcepts for latents.
func countLatents(ctx context.Context, r *run, set *roaring.Bitmap, counts map[any]int) error {
	m, _ := r.Model()
	among := masksWithin(r, set)
	for latent := range uint32(m.Latents) {
		n, err := 0, error(nil)
		if among == nil {
			var s LatentStats
			s, err = r.LatentStats(ctx, latent)
			n = s.Count
		} else {
			n, err = countActive(ctx, r, among, latent)
		}
		if err != nil {
			return err
		}
		if n > 0 {
			counts[int64(latent)] = n
		}
	}
	return nil
}

// countActive counts the items of set in which a latent is active.
func countActive(ctx context.Context, src Source, among masks, latent uint32) (n int, err error) {
	for b, err := range src.Blocks(ctx, latent) {
		if err != nil {
			return 0, err
		}
		m := among.at(b.First)
		for _, row := range b.Rows {
			if m.has(uint32(row)) {
				n++
			}
		}
	}
	return n, nil
}

// nameClusters puts beside the number of a cluster its name, where it has one.
func nameClusters(ctx context.Context, src Source, rows []Row) error {
	clusters, err := src.Clusters(ctx)
	if err != nil {
		return err
	}
	names := make(map[any]string, len(clusters))
	for _, c := range clusters {
		names[int64(c.ID)] = c.Name
	}
	for i := range rows {
		rows[i].Name = names[rows[i].Value]
	}
	return nil
}

// countValues counts the items of set by the value of a field. An item counts
// once for each member of a list, and not at all where it lacks the field.
func countValues(ctx context.Context, src Source, set *roaring.Bitmap, field string, counts map[any]int) error {
	n := 0
	for it := set.Iterator(); it.HasNext(); {
		if n++; n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		values, err := valuesOf(ctx, src, it.Next(), field)
		if err != nil {
			return err
		}
		for _, v := range values {
			counts[v]++
		}
	}
	return ctx.Err()
}

// valuesOf returns the values of an item's field: none, one, or the members of a list, each once and in order.
func valuesOf(ctx context.Context, src Source, ord uint32, field string) ([]any, error) {
	if field == "id" {
		id, err := src.ID(ctx, ord)
		return []any{id}, err
	}
	meta, err := src.Meta(ctx, ord)
	if err != nil {
		return nil, err
	}
	switch v := meta[field].(type) {
	case nil:
		return nil, nil
	case []string:
		var members []any
		for _, s := range slices.Compact(slices.Sorted(slices.Values(v))) {
			members = append(members, s)
		}
		return members, nil
	case time.Time:
		return []any{v.UTC().Round(0)}, nil
	default:
		return []any{v}, nil
	}
}
