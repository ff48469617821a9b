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
	// with bounds of their scores: those of within, or all where that is nil.
	hits(ctx context.Context, r *run, within *roaring.Bitmap) ([]hit, error)
	// score returns the score of an item that hits let through, from its code.
	// scored is false where no condition that scores let it through.
	score(r *run, c index.Coded) (score float64, scored bool)
	// key is the same for conditions that ask the same. Operands are taken in
	// the order of their keys, so that scores do not depend on how a query is written.
	key() string
	plan(t *tree)
}

// A hit is an item and bounds of its score. Where no condition that scores let the
// item through, its score is 0 and takes no part in folds.
//
// Whoever needs the score itself makes it known (resolve). The bounds hold for the
// score as it is computed from the code: every step, rounded as it is, keeps the
// order of two numbers, and is taken for both bounds alike.
type hit struct {
	ord    uint32
	lo, hi float64
	scored bool
}

// known reports whether the bounds say the score itself.
func (h hit) known() bool { return h.lo == h.hi }

// findHits is c.hits, and remembers who was let through where why is asked for.
func findHits(ctx context.Context, r *run, c cond, within *roaring.Bitmap) ([]hit, error) {
	hits, err := c.hits(ctx, r, within)
	if err == nil && r.why {
		r.matched[c] = ordinals(hits)
	}
	return hits, err
}

// resolve makes known the scores of those hits of c that which selects. hits ascend.
func resolve(ctx context.Context, r *run, c cond, hits []hit, which func(hit) bool) error {
	var at []int
	var ords []uint32
	for i, h := range hits {
		if !h.known() && which(h) {
			at, ords = append(at, i), append(ords, h.ord)
		}
	}
	if len(at) == 0 {
		return nil
	}
	for code, err := range r.Codes(ctx, roaring.BitmapOf(ords...)) {
		if err != nil {
			return err
		}
		for len(at) > 0 && hits[at[0]].ord < code.Ord {
			at = at[1:]
		}
		if len(at) > 0 && hits[at[0]].ord == code.Ord {
			score, scored := c.score(r, code)
			hits[at[0]] = hit{code.Ord, score, score, scored}
		}
	}
	return ctx.Err()
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
	text      string       // as the language writes it, without threshold and weight
	how       string       // a name led to the group; "" for a latent
	group     []Weight     // by descending weight
	terms     []index.Term // the group by ascending latent
	names     []string     // of the latents of the group
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
	found, err := activations(ctx, r, &r.acc, f.terms, wanted)
	if err != nil {
		return nil, err
	}
	if f.threshold != nil {
		if found, err = f.passing(ctx, r, found); err != nil {
			return nil, err
		}
	}
	hits := make([]hit, 0, len(found))
	for _, b := range found {
		if wanted == within || within.Contains(b.Ord) {
			hits = append(hits, hit{b.Ord, f.weight * float64(b.Lo), f.weight * float64(b.Hi), true})
		}
	}
	return hits, nil
}

// leads reports whether the items that pass are those of largest activation, and those of largest score: so it is unless a
// threshold lets smaller ones through, or a weight makes all alike.
func (f *fires) leads() bool {
	return (f.threshold == nil || f.threshold.Op == syntax.Ge || f.threshold.Op == syntax.Gt) && f.weight > 1e-100
}

// ranking returns the k items of largest score, for a condition that leads; all, where k is 0. It makes no hits of the others.
func (f *fires) ranking(ctx context.Context, r *run, t *tails, k int) ([]ranked, error) {
	found, err := f.contenders(ctx, r, k)
	if err == nil {
		err = sparse.Resolve(ctx, r, f.terms, found, sparse.Unknown(found))
	}
	limit := float32(0)
	if err == nil && f.threshold != nil {
		limit, err = f.limit(ctx, r, found) // the largest activation is among them
	}
	if err != nil {
		return nil, err
	}
	hits := make([]hit, 0, len(found))
	for _, b := range found {
		score := f.weight * float64(b.Lo)
		if b.Lo > 0 && (f.threshold == nil || holds(f.threshold.Op, b.Lo, limit)) && (t.minScore == nil || score >= *t.minScore) {
			hits = append(hits, hit{b.Ord, score, score, true})
		}
	}
	if r.why {
		r.matched[f] = ordinals(hits)
	}
	return t.order.best(ctx, r, slices.Values(withTies(hits, k, false)), nil, k)
}

// contenders returns bounds of the activations that may be among the k largest; all, where k is 0.
func (f *fires) contenders(ctx context.Context, r *run, k int) ([]sparse.Bound, error) {
	if k == 0 {
		return r.acc.Bounds(ctx, r, f.terms, nil)
	}
	return r.acc.Best(ctx, r, f.terms, k)
}

// passing leaves of found, in place, the items that pass the threshold. Only where
// the limit lies between the bounds the code has to tell.
func (f *fires) passing(ctx context.Context, r *run, found []sparse.Bound) ([]sparse.Bound, error) {
	limit, err := f.limit(ctx, r, found)
	if err != nil {
		return nil, err
	}
	r.limits[f] = limit
	var open []int
	for i, b := range found {
		if _, certain := holdsBetween(f.threshold.Op, b, limit); !certain {
			open = append(open, i)
		}
	}
	if err := sparse.Resolve(ctx, r, f.terms, found, open); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(b sparse.Bound) bool {
		passes, _ := holdsBetween(f.threshold.Op, b, limit)
		return !passes
	}), nil
}

// limit returns what the threshold compares activations with; found are those of
// all items where it is in per cent.
func (f *fires) limit(ctx context.Context, r *run, found []sparse.Bound) (float32, error) {
	if !f.threshold.Percent {
		return float32(f.threshold.X), nil
	}
	best := sparse.Contenders(slices.Clone(found), 1)
	if err := sparse.Resolve(ctx, r, f.terms, best, sparse.Unknown(best)); err != nil {
		return 0, err
	}
	largest := float32(0)
	for _, b := range best {
		largest = max(largest, b.Lo)
	}
	return float32(f.threshold.X / 100 * float64(largest)), nil
}

func (f *fires) score(r *run, c index.Coded) (float64, bool) {
	activation := sparse.Score(f.terms, c.Code)
	if !(activation > 0) || f.threshold != nil && !holds(f.threshold.Op, activation, r.limits[f]) {
		return 0, false
	}
	return f.weight * float64(activation), true
}

// activations returns the items in which a group fires, by ascending ordinal, with
// bounds of the sum of W*activation. The slice is acc's, until it is used again.
func activations(ctx context.Context, src Source, acc *sparse.Accumulator, terms []index.Term, within *roaring.Bitmap) ([]sparse.Bound, error) {
	found, err := acc.Bounds(ctx, src, terms, within)
	if err != nil {
		return nil, err
	}
	var open []int // whether it fires at all is not certain
	for i, b := range found {
		if !(b.Lo > 0) {
			open = append(open, i)
		}
	}
	if len(open) == 0 {
		return found, nil
	}
	if err := sparse.Resolve(ctx, src, terms, found, open); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(b sparse.Bound) bool { return !(b.Lo > 0) }), nil
}

// termsOf returns a group by ascending latent.
func termsOf(group []Weight) []index.Term {
	terms := make([]index.Term, len(group))
	for i, w := range group {
		terms[i] = index.Term(w)
	}
	slices.SortFunc(terms, func(a, b index.Term) int { return cmp.Compare(a.Latent, b.Latent) })
	return terms
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
	line := f.key()
	if f.how != "" {
		line += ", " + f.how
	}
	line += ": " + strings.Join(group, " + ")
	if f.postings >= 0 {
		line += ", " + counted(f.postings, "posting")
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

func (a *allOf) score(r *run, c index.Coded) (float64, bool) {
	total := hit{}
	for _, t := range a.terms {
		if t.scores() {
			total = a.fold.of(total, scoreHit(r, t, c))
		}
	}
	return total.lo, total.scored
}

// scoreHit is t.score as a hit.
func scoreHit(r *run, t cond, c index.Coded) hit {
	score, scored := t.score(r, c)
	return hit{c.Ord, score, score, scored}
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
		if _, isAnd := t.(*allOf); isAnd {
			r.matched[t] = ordinals(found) // a code does not say whether its filters let an item through
		}
		either = o.fold.united(either, found)
	}
	if within != nil {
		unscored.And(within)
	}
	return o.fold.united(either, zeroHits(unscored)), nil
}

func (o *anyOf) score(r *run, c index.Coded) (float64, bool) {
	total := hit{}
	for _, t := range o.terms {
		if _, isAnd := t.(*allOf); !t.scores() || isAnd && !r.matched[t].Contains(c.Ord) {
			continue
		}
		total = o.fold.of(total, scoreHit(r, t, c))
	}
	return total.lo, total.scored
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
type none struct {
	x    cond
	rows int // of all items, where estimated; else -1
}

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

func (n *none) score(*run, index.Coded) (float64, bool) { return 0, false }

func (n *none) plan(t *tree) {
	t.line("not%s", costRows(n.rows, ", of %s"))
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

func (f *filter) score(*run, index.Coded) (float64, bool) { return 0, false }

func (f *filter) plan(t *tree) {
	t.line("filter")
	t.below(func() { f.x.plan(t) })
}

// costRows writes an estimated number of rows, or nothing where there is no estimate.
func costRows(rows int, format string) string {
	if rows < 0 {
		return ""
	}
	return fmt.Sprintf(format, counted(rows, "row"))
}

// has asks for a metadata value.
type has struct {
	pred Pred
	rows int // that have the field, where estimated; else -1
}

func (h *has) scores() bool { return false }

func (h *has) key() string { return h.pred.String() }

func (h *has) set(ctx context.Context, r *run) (*roaring.Bitmap, error) { return r.Match(ctx, h.pred) }

func (h *has) hits(ctx context.Context, r *run, within *roaring.Bitmap) ([]hit, error) {
	return filterHits(ctx, r, h, within)
}

func (h *has) score(*run, index.Coded) (float64, bool) { return 0, false }

func (h *has) plan(t *tree) {
	t.line("%s: secondary index%s", h.pred, costRows(h.rows, ", at most %s"))
}

// everything asks for nothing.
type everything struct {
	rows int // where estimated; else -1
}

func (everything) scores() bool { return false }

func (everything) key() string { return "all" }

func (everything) set(ctx context.Context, r *run) (*roaring.Bitmap, error) { return r.All(ctx) }

func (e everything) hits(ctx context.Context, r *run, within *roaring.Bitmap) ([]hit, error) {
	return filterHits(ctx, r, e, within)
}

func (everything) score(*run, index.Coded) (float64, bool) { return 0, false }

func (e everything) plan(t *tree) { t.line("all items%s", costRows(e.rows, ", %s")) }

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
		a.lo, a.hi = min(a.lo, b.lo), min(a.hi, b.hi)
	case f == foldMax:
		a.lo, a.hi = max(a.lo, b.lo), max(a.hi, b.hi)
	default:
		a.lo += b.lo
		a.hi += b.hi
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

// holdsBetween reports whether an activation of which bounds are known passes a
// threshold, and whether that is certain.
func holdsBetween(op syntax.Op, b sparse.Bound, limit float32) (passes, certain bool) {
	low, high := holds(op, b.Lo, limit), holds(op, b.Hi, limit)
	if (op == syntax.Eq || op == syntax.Ne) && b.Lo < limit && limit < b.Hi {
		return false, false
	}
	return low, low == high && b.Lo <= b.Hi // and both are numbers
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
