package query

import (
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

// near yields the items nearest to something by cosine: of codes, or of vectors.
type near struct {
	text  string // as the language writes it
	what  *operand
	steer []steer
	dense bool
	where cond // nil: all items
	tails tails
	cost  string // an estimate, where the plan is asked for
}

func (n *near) plan(t *tree) {
	n.tails.plan(t, true, func() {
		space := "codes"
		if n.dense {
			space = "vectors"
		}
		t.line("%s: cosine of %s%s", n.text, space, n.cost)
		t.below(func() {
			if n.tails.signed {
				t.line("signed: codes may go below zero")
			}
			if n.where != nil {
				t.line("filter")
				t.below(func() { n.where.plan(t) })
			}
		})
	})
}

// steered reports whether the query asks for something else than a thing as it is.
func (n *near) steered() bool { return len(n.steer) > 0 || n.what.edited() }

func (n *near) rows(ctx context.Context, r *run, yield func(Row) bool) error {
	from, err := n.tails.start(r)
	if err != nil {
		return err
	}
	among, err := n.among(ctx, r)
	if err != nil {
		return err
	}
	rank, code, err := n.ranking(ctx, r, among)
	if err != nil {
		return err
	}
	s, err := n.tails.show(ctx, r, rank, from, n.tails.rows(true))
	if err != nil {
		return err
	}
	var why func(uint32, sae.Code) []Why
	if !n.dense {
		why = func(_ uint32, c sae.Code) []Why { return explainScore(r, c, products(code, c)) }
	}
	var was map[uint32]int
	if n.tails.with.why && n.steered() {
		if was, err = n.compare(ctx, r, among, s); err != nil {
			return err
		}
	}
	return yieldImages(ctx, r, s, &n.tails, why, was, yield)
}

// ranking orders items by how near they are. It returns the code that they are compared with, where that is one.
func (n *near) ranking(ctx context.Context, r *run, among *roaring.Bitmap) (ranking, sae.Code, error) {
	if n.dense {
		v, err := n.vector(ctx, r)
		return n.ranked(r, among, func(ctx context.Context, k int, f index.Filter) ([]index.Hit, error) {
			return r.NearDense(ctx, v, k, f, n.tails.looking())
		}), sae.Code{}, err
	}
	code, err := n.code(ctx, r)
	if len(code.Latents) == 0 {
		return func(context.Context, *ranked, int) ([]ranked, error) { return nil, nil }, code, err
	}
	return n.ranked(r, among, func(ctx context.Context, k int, f index.Filter) ([]index.Hit, error) {
		return r.NearLatent(ctx, code, k, f, n.tails.looking())
	}), code, err
}

// A search returns the k nearest of some items, of all where the filter is nil.
type search func(ctx context.Context, k int, f index.Filter) ([]index.Hit, error)

// ranked makes a ranking of a search. Rows behind another one come from searches that leave out what was found before, ever more at a time: what is held are
// mostWalk rows at most, besides those that tie, and the set of those that were found.
func (n *near) ranked(r *run, among *roaring.Bitmap, find search) ranking {
	var last *ranked // of the rows returned so far
	seen := roaring.New()
	return func(ctx context.Context, behind *ranked, k int) ([]ranked, error) {
		if behind == nil || last == nil || behind.ord != last.ord {
			seen.Clear()
		}
		few := shortlist{src: r, behind: behind, k: k}
		for ask := k; ; ask = max(k, min(ask*growth, mostWalk)) {
			f, err := leftOf(ctx, r, among, seen)
			if err != nil {
				return nil, err
			}
			found, err := find(ctx, ask, f)
			if err != nil {
				return nil, err
			}
			hits := n.wanted(found)
			for _, h := range hits {
				if err := few.add(ctx, h); err != nil {
					return nil, err
				}
			}
			if len(few.list) >= k || len(hits) < ask {
				break
			}
			seen.AddMany(ordinals(hits).ToArray())
		}
		rows := few.rows()
		if seen.AddMany(ordinals(hitsOf(rows)).ToArray()); len(rows) > 0 {
			last = &rows[len(rows)-1]
		}
		return rows, ctx.Err()
	}
}

// leftOf returns what is left of some items, nil for all of them, once others are taken out.
func leftOf(ctx context.Context, r *run, among, seen *roaring.Bitmap) (*roaring.Bitmap, error) {
	if seen.IsEmpty() {
		return among, nil
	}
	if among == nil {
		var err error
		if among, err = r.All(ctx); err != nil {
			return nil, err
		}
	}
	return roaring.AndNot(among, seen), nil
}

// wanted leaves out what is not near, or not near enough.
func (n *near) wanted(found []index.Hit) []hit {
	hits := make([]hit, 0, len(found))
	for _, h := range found {
		score := float64(h.Score)
		if (n.dense || score > 0) && (n.tails.minScore == nil || score >= *n.tails.minScore) { // codes without a common latent are not near
			hits = append(hits, hit{h.Ord, score, score, true})
		}
	}
	return hits
}

// compare says at which rank the rows that are shown were without steering and edits, and tells which rows steering drove out.
func (n *near) compare(ctx context.Context, r *run, among *roaring.Bitmap, s slice) (was map[uint32]int, err error) {
	plain := &near{text: n.text, what: n.what.plain(), dense: n.dense, tails: tails{minScore: n.tails.minScore}}
	rank, _, err := plain.ranking(ctx, r, among)
	if err != nil {
		return nil, err
	}
	end := s.before + len(s.rows)
	if end == 0 {
		return nil, nil
	}
	before, err := rank(ctx, nil, end)
	if err != nil {
		return nil, err
	}
	was = map[uint32]int{}
	for _, row := range s.rows {
		was[row.ord] = -1
	}
	for i, row := range before {
		was[row.ord] = i + 1
	}
	if s.before == 0 {
		now := ordinals(hitsOf(s.rows))
		var gone []string
		for i, row := range before {
			if !now.Contains(row.ord) {
				gone = append(gone, fmt.Sprintf("%s (%d)", syntax.Name{Text: row.id}, i+1))
			}
		}
		r.note(goneText(gone, end))
	}
	return was, nil
}

// maxGone is how many pictures a note names.
const maxGone = 10

// goneText says what steering drove out of the first rows, or that it drove out nothing.
func goneText(gone []string, of int) string {
	if len(gone) == 0 {
		return fmt.Sprintf("without steering the same %s come first", counted(of, "picture"))
	}
	more := ""
	if len(gone) > maxGone {
		more = fmt.Sprintf(" and %d more", len(gone)-maxGone)
		gone = gone[:maxGone]
	}
	return fmt.Sprintf("without steering these were among the first %d: %s%s", of, strings.Join(gone, ", "), more)
}

func hitsOf(rows []ranked) []hit {
	hits := make([]hit, len(rows))
	for i, row := range rows {
		hits[i] = row.hit
	}
	return hits
}

// among returns the items that may be answered; nil means all.
func (n *near) among(ctx context.Context, r *run) (*roaring.Bitmap, error) {
	self, err := n.self(ctx, r)
	if err != nil {
		return nil, err
	}
	if n.where == nil && self.IsEmpty() {
		return nil, nil
	}
	var among *roaring.Bitmap
	if n.where == nil {
		among, err = r.All(ctx)
	} else {
		among, err = setOf(ctx, r, n.where)
	}
	if err != nil {
		return nil, err
	}
	return roaring.AndNot(among, self), nil
}

// self returns the items that the query itself names, unless they may be answered.
func (n *near) self(ctx context.Context, r *run) (*roaring.Bitmap, error) {
	self := roaring.New()
	if n.tails.self {
		return self, nil
	}
	if err := n.what.addSelf(ctx, r, self); err != nil {
		return nil, err
	}
	for _, s := range n.steer {
		if s.what != nil {
			if err := s.what.addSelf(ctx, r, self); err != nil {
				return nil, err
			}
		}
	}
	return self, nil
}

// products returns what each common latent gives to the dot product of two codes.
func products(a, b sae.Code) map[uint32]float64 {
	sum := map[uint32]float64{}
	for i, j := 0, 0; i < len(a.Latents) && j < len(b.Latents); {
		switch {
		case a.Latents[i] < b.Latents[j]:
			i++
		case a.Latents[i] > b.Latents[j]:
			j++
		default:
			sum[a.Latents[i]] = float64(a.Acts[i]) * float64(b.Acts[j])
			i, j = i+1, j+1
		}
	}
	return sum
}

// compileNear resolves a near.
func (c *compiler) compileNear(f *syntax.Find, t tails) (statement, error) {
	if err := c.refuse(f.Tails, "near, which is ordered by nearness", "leave it out", syntax.TailOrder, syntax.TailScore); err != nil {
		return nil, err
	}
	changed := len(f.Near.Steer) > 0 || hasEdits(f.Near.What)
	if !changed {
		if err := c.refuse(f.Tails, "what is not steered", "leave it out", syntax.TailSigned); err != nil {
			return nil, err
		}
	}
	t.dense = c.inDense(f.Near)
	if m, _ := c.Model(); !t.dense {
		t.many = m.K >= sparse.Many
	}
	n := &near{dense: t.dense, tails: t}
	n.text = (&syntax.Query{Stmt: &syntax.Find{Near: f.Near}}).String()
	if !n.dense {
		if _, err := c.model(f.Near.Span); err != nil {
			return nil, err
		}
	}
	n.cost = c.nearCost(n, f)
	for _, tail := range f.Tails {
		if tail.Kind == syntax.TailWith && n.dense && t.with.why && !changed {
			return nil, c.fail(tail.Span, "ask in latent, or explain an image", "nearness of vectors is not made of latents")
		}
	}
	var err error
	if f.Where != nil {
		if n.where, err = c.cond(f.Where, foldSum); err != nil {
			return nil, err
		}
	}
	if f.Near.What.Kind == syntax.OperandConcepts && !changed && !n.dense {
		return c.nearConcepts(f.Near.What, n.where, t)
	}
	if n.what, err = c.operand(f.Near.What, n.dense); err != nil {
		return nil, err
	}
	for _, s := range f.Near.Steer {
		resolved, err := c.steer(s, n.dense)
		if err != nil {
			return nil, err
		}
		n.steer = append(n.steer, resolved)
	}
	return n, nil
}

// inDense says whether nearness is measured between vectors. Where the query does not say, that is so for a text alone, since codes are
// made of pictures and a text's vector lies apart from theirs, and as long as there are no codes.
func (c *compiler) inDense(n *syntax.Near) bool {
	if n.Space != syntax.SpaceDefault {
		return n.Space == syntax.SpaceDense
	}
	if len(n.Steer) > 0 || hasEdits(n.What) || n.What.Kind == syntax.OperandConcepts {
		return false
	}
	_, active := c.Model()
	return !active || n.What.Kind == syntax.OperandText
}

// hasEdits reports whether a code is edited anywhere in an operand.
func hasEdits(o *syntax.Operand) bool {
	return len(o.Edits) > 0 || slices.ContainsFunc(o.Mean, hasEdits)
}

// nearCost estimates what a search reads: what the index of vectors says, or as many postings as a code's latents have on average, or how a code of
// many latents is cut.
func (c *compiler) nearCost(n *near, f *syntax.Find) string {
	if !c.planning {
		return ""
	}
	if n.dense {
		text := f.Near.What.Kind == syntax.OperandText && len(f.Near.Steer) == 0
		return ", " + c.DenseWay(max(n.tails.need(0, n.tails.rows(true)), 1), text, f.Where != nil, n.tails.looking())
	}
	m, _ := c.Model()
	if rows := sparse.Breadth(m.K, max(n.tails.need(0, n.tails.rows(true)), 1), c.Len(), n.tails.looking()); rows > 0 {
		return fmt.Sprintf(", cut to the latents that weigh most, then %s by all, as from %d latents on", counted(rows, "code"), sparse.Many)
	}
	return ", about " + counted(int(int64(c.Len())*int64(m.K)*int64(m.K)/int64(max(m.Latents, 1))), "posting")
}

// nearConcepts resolves "near concepts (…)" on its own: the dot product of codes
// and concepts, which is "concept = a ^w or concept = b ^v …".
func (c *compiler) nearConcepts(o *syntax.Operand, where cond, t tails) (statement, error) {
	groups, err := c.weighted(o.Concepts)
	if err != nil {
		return nil, err
	}
	terms := make([]cond, len(groups))
	for i, g := range groups {
		terms[i] = g
	}
	s := &find{cond: either(foldSum, terms...), tails: t}
	if where != nil {
		s.cond = both(foldSum, s.cond, &filter{where})
	}
	return s, nil
}
