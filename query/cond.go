package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/sparse"
	"github.com/saedb/saedb/query/syntax"
	"github.com/saedb/saedb/sae"
)

// A cond is a resolved condition on items. Those that score also say how much an
// item has of what they ask for.
type cond interface {
	// scores reports whether hits may be called.
	scores() bool
	// set returns the items that fulfil the condition, not to be modified.
	set(ctx context.Context, r *run) (*roaring.Bitmap, error)
	// hits returns the items that fulfil the condition, by ascending ordinal and
	// with their scores: those of within, or all where that is nil.
	hits(ctx context.Context, r *run, within *roaring.Bitmap) ([]hit, error)
	// key is the same for conditions that ask the same. Operands are taken in
	// the order of their keys, so that scores do not depend on how a query is written.
	key() string
	plan(t *tree)
}

// A hit is an item and its score. Where no condition that scores let the item
// through, its score is 0 and takes no part in folds.
type hit struct {
	ord    uint32
	score  float64
	scored bool
}

// findHits is c.hits, and remembers who was let through where why is asked for.
func findHits(ctx context.Context, r *run, c cond, within *roaring.Bitmap) ([]hit, error) {
	hits, err := c.hits(ctx, r, within)
	if err == nil && r.matched != nil {
		r.matched[c] = ordinals(hits)
	}
	return hits, err
}

// ordinals returns the set of the items of hits.
func ordinals(hits []hit) *roaring.Bitmap {
	ords := make([]uint32, len(hits))
	for i, h := range hits {
		ords[i] = h.ord
	}
	return roaring.BitmapOf(ords...)
}

// fires asks for activation: of one latent, or of the group of a concept. The
// score of an item is weight * sum of W*activation over the group.
type fires struct {
	text      string   // as the language writes it, without threshold and weight
	group     []Weight // by descending weight
	names     []string // of the latents of the group
	threshold *syntax.Threshold
	weight    float64
	postings  int // in the group, where estimated; else -1
}

func (f *fires) scores() bool { return true }

func (f *fires) key() string {
	k := f.text
	if f.threshold != nil {
		k += " " + f.threshold.String()
	}
	if f.weight != 1 {
		k += fmt.Sprintf(" ^%g", f.weight)
	}
	return k
}

func (f *fires) set(ctx context.Context, r *run) (*roaring.Bitmap, error) {
	hits, err := f.hits(ctx, r, nil)
	return ordinals(hits), err
}

func (f *fires) hits(ctx context.Context, r *run, within *roaring.Bitmap) ([]hit, error) {
	wanted := within
	if f.threshold != nil && f.threshold.Percent {
		wanted = nil // the largest activation is that of all items
	}
	found, err := activations(ctx, r, f.group, wanted)
	if err != nil {
		return nil, err
	}
	limit := float32(0)
	if f.threshold != nil {
		limit = thresholdLimit(f.threshold, found)
	}
	hits := make([]hit, 0, len(found))
	for _, h := range found {
		if f.threshold != nil && !holds(f.threshold.Op, h.Score, limit) || wanted != within && !within.Contains(h.Ord) {
			continue
		}
		hits = append(hits, hit{h.Ord, f.weight * float64(h.Score), true})
	}
	return hits, nil
}

// activations returns the items in which a group fires, by ascending ordinal,
// with the sum of W*activation: term at a time, by ascending latent, in float32.
func activations(ctx context.Context, src Source, group []Weight, within *roaring.Bitmap) ([]index.Hit, error) {
	if len(group) == 1 {
		return activationsOfOne(ctx, src, group[0], within)
	}
	terms := slices.Clone(group)
	slices.SortFunc(terms, func(a, b Weight) int { return cmp.Compare(a.Latent, b.Latent) })
	var acc sparse.Accumulator
	for _, t := range terms {
		if err := acc.AddTerm(ctx, src, index.Term{Latent: t.Latent, W: t.W}); err != nil {
			return nil, err
		}
	}
	return slices.Collect(acc.All(within)), nil
}

// activationsOfOne is activations for a group of one latent: its postings are the answer.
func activationsOfOne(ctx context.Context, src Source, w Weight, within *roaring.Bitmap) ([]index.Hit, error) {
	var found []index.Hit
	for p, err := range src.Postings(ctx, w.Latent) {
		if err != nil {
			return nil, err
		}
		if within == nil || within.Contains(p.Ord) {
			found = append(found, index.Hit{Ord: p.Ord, Score: w.W * p.Act})
		}
	}
	return found, ctx.Err()
}

func (f *fires) plan(t *tree) {
	var group []string
	for i, w := range f.group {
		latent := fmt.Sprint("latent ", w.Latent)
		if f.names[i] != "" {
			latent += " " + syntax.Quote(f.names[i])
		}
		if len(f.group) > 1 {
			latent += fmt.Sprintf(" * %.4f", w.W)
		}
		group = append(group, latent)
	}
	line := f.key() + ": " + strings.Join(group, " + ")
	if f.postings >= 0 {
		line += fmt.Sprintf(", %d postings", f.postings)
	}
	t.line("%s", line)
}

// allOf asks for items that fulfil every condition. The score folds those of the
// conditions that score.
type allOf struct {
	terms []cond // by key, at least one
	fold  fold
}

func (a *allOf) scores() bool { return slices.ContainsFunc(a.terms, cond.scores) }

func (a *allOf) key() string { return joinKeys("and", a.terms) }

func (a *allOf) set(ctx context.Context, r *run) (*roaring.Bitmap, error) {
	var both *roaring.Bitmap
	for _, t := range a.terms {
		s, err := t.set(ctx, r)
		if err != nil {
			return nil, err
		}
		both = intersect(both, s)
	}
	return both, nil
}

// intersect returns the items of both sets, of b alone where a is nil.
func intersect(a, b *roaring.Bitmap) *roaring.Bitmap {
	if a == nil {
		return b
	}
	return roaring.And(a, b)
}

func (a *allOf) hits(ctx context.Context, r *run, within *roaring.Bitmap) ([]hit, error) {
	if !a.scores() {
		return filterHits(ctx, r, a, within)
	}
	for _, t := range a.terms { // what only filters goes first
		if t.scores() {
			continue
		}
		s, err := t.set(ctx, r)
		if err != nil {
			return nil, err
		}
		within = intersect(within, s)
	}
	var both []hit
	first := true
	for _, t := range a.terms {
		if !t.scores() {
			continue
		}
		found, err := findHits(ctx, r, t, within)
		if err != nil {
			return nil, err
		}
		if first {
			both, first = found, false
		} else {
			both = a.fold.shared(both, found)
		}
	}
	return both, nil
}

func (a *allOf) plan(t *tree) {
	t.line("and%s", a.fold.plan(a))
	t.below(func() { planTerms(t, a.terms) })
}

// anyOf asks for items that fulfil at least one condition. The score folds those
// of the conditions that are fulfilled, and is 0 where none of those scores.
type anyOf struct {
	terms []cond // by key, at least one
	fold  fold
}

func (o *anyOf) scores() bool { return slices.ContainsFunc(o.terms, cond.scores) }

func (o *anyOf) key() string { return joinKeys("or", o.terms) }

func (o *anyOf) set(ctx context.Context, r *run) (*roaring.Bitmap, error) {
	either := roaring.New()
	for _, t := range o.terms {
		s, err := t.set(ctx, r)
		if err != nil {
			return nil, err
		}
		either.Or(s)
	}
	return either, nil
}

func (o *anyOf) hits(ctx context.Context, r *run, within *roaring.Bitmap) ([]hit, error) {
	var either []hit
	unscored := roaring.New()
	for _, t := range o.terms {
		if !t.scores() {
			s, err := t.set(ctx, r)
			if err != nil {
				return nil, err
			}
			unscored.Or(s)
			continue
		}
		found, err := findHits(ctx, r, t, within)
		if err != nil {
			return nil, err
		}
		either = o.fold.united(either, found)
	}
	if within != nil {
		unscored.And(within)
	}
	return o.fold.united(either, zeroHits(unscored)), nil
}

// zeroHits gives every item of a set the score 0.
func zeroHits(set *roaring.Bitmap) []hit {
	hits := make([]hit, 0, set.GetCardinality())
	for it := set.Iterator(); it.HasNext(); {
		hits = append(hits, hit{ord: it.Next()})
	}
	return hits
}

func (o *anyOf) plan(t *tree) {
	t.line("or%s", o.fold.plan(o))
	t.below(func() { planTerms(t, o.terms) })
}

// none asks for items that do not fulfil a condition. It filters only.
type none struct{ x cond }

func (n *none) scores() bool { return false }

func (n *none) key() string { return "not (" + n.x.key() + ")" }

func (n *none) set(ctx context.Context, r *run) (*roaring.Bitmap, error) {
	all, err := r.All(ctx)
	if err != nil {
		return nil, err
	}
	s, err := n.x.set(ctx, r)
	if err != nil {
		return nil, err
	}
	return roaring.AndNot(all, s), nil
}

func (n *none) hits(ctx context.Context, r *run, within *roaring.Bitmap) ([]hit, error) {
	return filterHits(ctx, r, n, within)
}

func (n *none) plan(t *tree) {
	t.line("not")
	t.below(func() { n.x.plan(t) })
}

// filter asks for items that fulfil a condition, whatever their score.
type filter struct{ x cond }

func (f *filter) scores() bool { return false }

func (f *filter) key() string { return "filter (" + f.x.key() + ")" }

func (f *filter) set(ctx context.Context, r *run) (*roaring.Bitmap, error) { return f.x.set(ctx, r) }

func (f *filter) hits(ctx context.Context, r *run, within *roaring.Bitmap) ([]hit, error) {
	return filterHits(ctx, r, f, within)
}

func (f *filter) plan(t *tree) {
	t.line("filter")
	t.below(func() { f.x.plan(t) })
}

// has asks for a metadata value.
type has struct{ pred Pred }

func (h *has) scores() bool { return false }

func (h *has) key() string { return h.pred.String() }

func (h *has) set(ctx context.Context, r *run) (*roaring.Bitmap, error) { return r.Match(ctx, h.pred) }

func (h *has) hits(ctx context.Context, r *run, within *roaring.Bitmap) ([]hit, error) {
	return filterHits(ctx, r, h, within)
}

func (h *has) plan(t *tree) { t.line("%s: secondary index", h.pred) }

// everything asks for nothing.
type everything struct{}

func (everything) scores() bool { return false }

func (everything) key() string { return "all" }

func (everything) set(ctx context.Context, r *run) (*roaring.Bitmap, error) { return r.All(ctx) }

func (e everything) hits(ctx context.Context, r *run, within *roaring.Bitmap) ([]hit, error) {
	return filterHits(ctx, r, e, within)
}

func (everything) plan(t *tree) { t.line("all items") }

// filterHits is hits for a condition that only filters: every score is 0.
func filterHits(ctx context.Context, r *run, c cond, within *roaring.Bitmap) ([]hit, error) {
	s, err := c.set(ctx, r)
	if err != nil {
		return nil, err
	}
	return zeroHits(intersect(within, s)), nil
}

func joinKeys(operator string, terms []cond) string {
	keys := make([]string, len(terms))
	for i, t := range terms {
		keys[i] = t.key()
	}
	return "(" + strings.Join(keys, " "+operator+" ") + ")"
}

func planTerms(t *tree, terms []cond) {
	for _, c := range terms {
		c.plan(t)
	}
}

// A fold makes one score of two.
type fold string

// The folds, named as in "score sum".
const (
	foldSum fold = "sum"
	foldMin fold = "min"
	foldMax fold = "max"
)

// of folds two hits of one item.
func (f fold) of(a, b hit) hit {
	switch {
	case !a.scored:
		return b
	case !b.scored:
		return a
	case f == foldMin:
		a.score = min(a.score, b.score)
	case f == foldMax:
		a.score = max(a.score, b.score)
	default:
		a.score += b.score
	}
	return a
}

// plan says how a condition's score is made, where it has one.
func (f fold) plan(c cond) string {
	if !c.scores() {
		return ""
	}
	return ", score " + string(f)
}

// shared returns the items of both lists, scores folded. It may reuse a.
func (f fold) shared(a, b []hit) []hit {
	out := a[:0]
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].ord < b[0].ord:
			a = a[1:]
		case a[0].ord > b[0].ord:
			b = b[1:]
		default:
			out = append(out, f.of(a[0], b[0]))
			a, b = a[1:], b[1:]
		}
	}
	return out
}

// united returns the items of either list, the scores of those in both folded.
func (f fold) united(a, b []hit) []hit {
	if len(a) == 0 {
		return b
	}
	out := make([]hit, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].ord < b[0].ord:
			out, a = append(out, a[0]), a[1:]
		case a[0].ord > b[0].ord:
			out, b = append(out, b[0]), b[1:]
		default:
			out = append(out, f.of(a[0], b[0]))
			a, b = a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// thresholdLimit returns what t compares activations with; found are those of all items
// where t is in per cent.
func thresholdLimit(t *syntax.Threshold, found []index.Hit) float32 {
	if !t.Percent {
		return float32(t.X)
	}
	largest := float32(0)
	for _, h := range found {
		largest = max(largest, h.Score)
	}
	return float32(t.X / 100 * float64(largest))
}

// holds reports whether an activation passes a threshold.
func holds(op syntax.Op, activation, limit float32) bool {
	switch op {
	case syntax.Eq:
		return activation == limit
	case syntax.Ne:
		return activation != limit
	case syntax.Lt:
		return activation < limit
	case syntax.Le:
		return activation <= limit
	case syntax.Gt:
		return activation > limit
	}
	return activation >= limit
}

// contributions adds what each latent of code gives to the score of an item, by
// latent: from every scoring condition that let the item through.
func contributions(r *run, c cond, ord uint32, code sae.Code, sum map[uint32]float64) {
	if s := r.matched[c]; s == nil || !s.Contains(ord) {
		return
	}
	switch c := c.(type) {
	case *allOf:
		for _, t := range c.terms {
			contributions(r, t, ord, code, sum)
		}
	case *anyOf:
		for _, t := range c.terms {
			contributions(r, t, ord, code, sum)
		}
	case *fires:
		for _, w := range c.group {
			if i, found := slices.BinarySearch(code.Latents, w.Latent); found {
				sum[w.Latent] += c.weight * float64(w.W) * float64(code.Acts[i])
			}
		}
	}
}

// explainScore turns contributions into reasons, the largest first.
func explainScore(src Source, code sae.Code, sum map[uint32]float64) []Why {
	total := 0.0
	var why []Why
	for i, latent := range code.Latents {
		if part, given := sum[latent]; given {
			total += part
			why = append(why, Why{latent, src.LatentName(latent).Word, float64(code.Acts[i]), part})
		}
	}
	for i := range why {
		if total != 0 {
			why[i].Share /= total
		}
	}
	slices.SortFunc(why, func(a, b Why) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.Latent, b.Latent))
	})
	return why
}
