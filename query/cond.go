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
	// scores reports whether items that fulfil the condition have a score.
	scores() bool
	// open begins a walk through the items that fulfil the condition.
	open(p *pass) (stream, error)
	// fulfils reports whether an item fulfils the condition, from its code; score says its score. scored is false where no condition that scores let it
	// through. Both want a run in which the condition was opened.
	fulfils(r *run, c index.Coded) bool
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

func (f *fires) open(p *pass) (stream, error) {
	limit, err := f.limit(p.ctx, p.r)
	if err != nil {
		return nil, err
	}
	walk, err := p.postings.Walk(f.terms)
	return &fireStream{p, f, walk, limit}, err
}

// passes reports whether an activation of which bounds are known is above zero and passes the threshold, and whether that is certain.
func (f *fires) passes(b sparse.Bound, limit float32) (passes, certain bool) {
	switch {
	case !(b.Lo > 0):
		return false, b.Known()
	case f.threshold == nil:
		return true, true
	}
	return holdsBetween(f.threshold.Op, b, limit)
}

// limit returns what the threshold compares activations with: where it is in per cent, a part of the largest of all items.
func (f *fires) limit(ctx context.Context, r *run) (float32, error) {
	if limit, known := r.limits[f]; known || f.threshold == nil {
		return limit, nil
	}
	limit := float32(f.threshold.X)
	if f.threshold.Percent {
		best, err := f.best(ctx, r, 1)
		if err != nil {
			return 0, err
		}
		limit = f.share(best)
	}
	r.limits[f] = limit
	return limit, nil
}

// share returns the threshold's part of the largest of some activations.
func (f *fires) share(found []sparse.Bound) float32 {
	largest := float32(0)
	for _, b := range found {
		largest = max(largest, b.Lo)
	}
	return float32(f.threshold.X / 100 * float64(largest))
}

// best returns the k largest activations, those that tie with the last among them unless there are many, and all where k is 0, by ascending ordinal.
func (f *fires) best(ctx context.Context, r *run, k int) ([]sparse.Bound, error) {
	settle := func(ctx context.Context, list []sparse.Bound) ([]sparse.Bound, error) {
		return f.settle(ctx, r, list, k)
	}
	found, err := r.acc.Best(ctx, r, f.terms, k, nil, settle)
	if err != nil {
		return nil, err
	}
	return found, sparse.Resolve(ctx, r, f.terms, found, sparse.Unknown(found))
}

// settle leaves of a list, which ascends, the k largest activations; ids break ties.
func (f *fires) settle(ctx context.Context, r *run, list []sparse.Bound, k int) ([]sparse.Bound, error) {
	if err := sparse.Resolve(ctx, r, f.terms, list, sparse.Unknown(list)); err != nil {
		return nil, err
	}
	few := shortlist{src: r, k: k}
	for _, h := range withTies(f.scored(list, nil), k) {
		if err := few.add(ctx, h); err != nil {
			return nil, err
		}
	}
	keep := ordinals(hitsOf(few.rows()))
	return slices.DeleteFunc(list, func(b sparse.Bound) bool { return !keep.Contains(b.Ord) }), nil
}

// scored makes hits of activations that are known, above zero and pass.
func (f *fires) scored(found []sparse.Bound, pass func(activation float32, score float64) bool) []hit {
	hits := make([]hit, 0, len(found))
	for _, b := range found {
		score := f.weight * float64(b.Lo)
		if b.Lo > 0 && (pass == nil || pass(b.Lo, score)) {
			hits = append(hits, hit{b.Ord, score, score, true})
		}
	}
	return hits
}

// leads reports whether the items that pass are those of largest activation, and those of largest score: so it is unless a
// threshold lets smaller ones through, or a weight makes all alike.
func (f *fires) leads() bool {
	return (f.threshold == nil || f.threshold.Op == syntax.Ge || f.threshold.Op == syntax.Gt) && f.weight > 1e-100
}

// ranking returns the k items of largest score, for a condition that leads.
func (f *fires) ranking(ctx context.Context, r *run, t *tails, k int) ([]ranked, error) {
	found, err := f.best(ctx, r, k)
	if err != nil {
		return nil, err
	}
	if f.threshold != nil && f.threshold.Percent {
		r.limits[f] = f.share(found) // the largest activation is among them
	}
	limit, err := f.limit(ctx, r)
	if err != nil {
		return nil, err
	}
	hits := f.scored(found, func(activation float32, score float64) bool {
		return (f.threshold == nil || holds(f.threshold.Op, activation, limit)) && (t.minScore == nil || score >= *t.minScore)
	})
	few := shortlist{src: r, k: k}
	for _, h := range withTies(hits, k) {
		if err := few.add(ctx, h); err != nil {
			return nil, err
		}
	}
	return few.rows(), ctx.Err()
}

func (f *fires) fulfils(r *run, c index.Coded) bool {
	_, passes := f.score(r, c)
	return passes
}

func (f *fires) score(r *run, c index.Coded) (float64, bool) {
	activation := sparse.Score(f.terms, c.Code)
	if !(activation > 0) || f.threshold != nil && !holds(f.threshold.Op, activation, r.limits[f]) {
		return 0, false
	}
	return f.weight * float64(activation), true
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

func (a *allOf) open(p *pass) (stream, error) {
	s := &andStream{fold: a.fold}
	for _, t := range a.terms {
		list, x := &s.filters, t
		if n, is := t.(*none); is {
			list, x = &s.except, n.x
		} else if t.scores() {
			list = &s.scored
		}
		if err := p.openInto(list, x); err != nil {
			return nil, err
		}
	}
	if len(s.scored)+len(s.filters) > 0 {
		return s, nil
	}
	return s, p.openInto(&s.filters, everything{})
}

// openInto opens a condition and adds its stream to a list.
func (p *pass) openInto(list *[]stream, c cond) error {
	s, err := c.open(p)
	*list = append(*list, s)
	return err
}

func (a *allOf) fulfils(r *run, c index.Coded) bool {
	return !slices.ContainsFunc(a.terms, func(t cond) bool { return !t.fulfils(r, c) })
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

func (o *anyOf) open(p *pass) (stream, error) {
	s := &orStream{fold: o.fold}
	for _, t := range o.terms {
		list := &s.unscored
		if t.scores() {
			list = &s.scored
		}
		if err := p.openInto(list, t); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (o *anyOf) fulfils(r *run, c index.Coded) bool {
	return slices.ContainsFunc(o.terms, func(t cond) bool { return t.fulfils(r, c) })
}

func (o *anyOf) score(r *run, c index.Coded) (float64, bool) {
	total := hit{}
	for _, t := range o.terms {
		if _, isAnd := t.(*allOf); t.scores() && (!isAnd || t.fulfils(r, c)) {
			total = o.fold.of(total, scoreHit(r, t, c))
		}
	}
	return total.lo, total.scored
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

func (n *none) open(p *pass) (stream, error) {
	all, err := everything{}.open(p)
	if err != nil {
		return nil, err
	}
	x, err := n.x.open(p)
	return &exceptStream{all: all, x: x}, err
}

func (n *none) fulfils(r *run, c index.Coded) bool { return !n.x.fulfils(r, c) }

func (n *none) score(*run, index.Coded) (float64, bool) { return 0, false }

func (n *none) plan(t *tree) {
	t.line("not%s", costRows(n.rows, ", of %s"))
	t.below(func() { n.x.plan(t) })
}

// filter asks for items that fulfil a condition, whatever their score.
type filter struct{ x cond }

func (f *filter) scores() bool { return false }

func (f *filter) key() string { return "filter (" + f.x.key() + ")" }

func (f *filter) open(p *pass) (stream, error) { return f.x.open(p) }

func (f *filter) fulfils(r *run, c index.Coded) bool { return f.x.fulfils(r, c) }

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

// set returns the items that have the value, asked for once in each run.
func (h *has) set(ctx context.Context, r *run) (*roaring.Bitmap, error) {
	if set, known := r.sets[h]; known {
		return set, nil
	}
	set, err := r.Match(ctx, h.pred)
	if err == nil {
		r.sets[h] = set
	}
	return set, err
}

func (h *has) open(p *pass) (stream, error) {
	set, err := h.set(p.ctx, p.r)
	if err != nil {
		return nil, err
	}
	return newSetStream(set), nil
}

func (h *has) fulfils(r *run, c index.Coded) bool { return r.sets[h].Contains(c.Ord) }

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

func (everything) open(p *pass) (stream, error) {
	all, err := p.r.All(p.ctx)
	if err != nil {
		return nil, err
	}
	return newSetStream(all), nil
}

func (everything) fulfils(*run, index.Coded) bool { return true }

func (everything) score(*run, index.Coded) (float64, bool) { return 0, false }

func (e everything) plan(t *tree) { t.line("all items%s", costRows(e.rows, ", %s")) }

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

// shared returns the items of both lists, scores folded, in the place of a.
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

// united appends to dst the items of either list, the scores of those in both folded.
func (f fold) united(dst, a, b []hit) []hit {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].ord < b[0].ord:
			dst, a = append(dst, a[0]), a[1:]
		case a[0].ord > b[0].ord:
			dst, b = append(dst, b[0]), b[1:]
		default:
			dst = append(dst, f.of(a[0], b[0]))
			a, b = a[1:], b[1:]
		}
	}
	return append(append(dst, a...), b...)
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

// contributions adds what each latent of an item's code gives to its score, by latent: from every scoring condition that the item fulfils.
func contributions(r *run, c cond, item index.Coded, sum map[uint32]float64) {
	if !c.scores() || !c.fulfils(r, item) {
		return
	}
	switch c := c.(type) {
	case *allOf:
		for _, t := range c.terms {
			contributions(r, t, item, sum)
		}
	case *anyOf:
		for _, t := range c.terms {
			contributions(r, t, item, sum)
		}
	case *fires:
		for _, w := range c.group {
			if i, found := slices.BinarySearch(item.Code.Latents, w.Latent); found {
				sum[w.Latent] += c.weight * float64(w.W) * float64(item.Code.Acts[i])
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
