package query

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/query/syntax"
)

// defaultTop is how many rows a ranked answer has where the query does not say:
// one screen.
const defaultTop = 10

// defaultDistinct is the cosine from which on two pictures are the same to "distinct". Copies in another size or compression lie above
// 0.97 by CLIP, and pictures of one burst above 0.95; two pictures of one kind of thing seldom reach 0.9.
const defaultDistinct = 0.95

// tails are the phrases behind a statement.
type tails struct {
	top      int // 0: not said
	offset   int
	minScore *float64
	order    order
	fold     fold
	self     bool
	signed   bool
	with     with
	distinct float64 // rows as near as that to one before are left out; 0: none
	group    *group  // nil: none
	effort   int     // 0: not said
	exact    bool
	dense    bool  // vectors are compared, along a graph where that is good enough
	many     bool  // codes of so many latents are compared that few are enough to find rows by
	page     *page // nil: no cursor is asked for
}

// group puts rows together that have the same value of a field.
type group struct {
	field string
	top   int // rows of each group
}

// with are the parts of an image that a row shall have.
type with struct{ why, codes, meta, vector, common bool }

// rows returns how many rows, or groups, an answer has: 0 is all.
func (t *tails) rows(ranked bool) int {
	if t.top == 0 && ranked {
		return defaultTop
	}
	return t.top
}

// looking says how exactly vectors, and codes of many latents, are looked for. Pages of one answer must fit together, and a bound must miss nobody, so both are exact.
func (t *tails) looking() index.Effort {
	if t.exact || t.page != nil || t.minScore != nil {
		return index.Exact
	}
	return index.Effort(t.effort)
}

// tails reads the phrases behind a statement.
func (c *compiler) tails(list []syntax.Tail) (t tails, err error) {
	t.fold = foldSum
	for _, tail := range list {
		switch tail.Kind {
		case syntax.TailTop:
			t.top = tail.N
		case syntax.TailOffset:
			t.offset = tail.N
		case syntax.TailMinScore:
			t.minScore = tail.X
		case syntax.TailOrder:
			t.order = order{field: tail.Arg.Text, desc: tail.Desc}
		case syntax.TailScore:
			t.fold = fold(tail.Arg.Text)
		case syntax.TailSelf:
			t.self = true
		case syntax.TailExact:
			t.exact = true
		case syntax.TailEffort:
			t.effort = tail.N
		case syntax.TailSigned:
			t.signed, c.signed = true, true
		case syntax.TailWith:
			t.with, err = c.with(tail)
		case syntax.TailGroup:
			t.group, err = c.groupBy(tail)
		case syntax.TailDistinct:
			t.distinct, err = c.distinct(tail)
		case syntax.TailAfter:
			t.page, err = c.page(tail)
		}
		if err != nil {
			return t, err
		}
	}
	if t.page != nil && t.page.from != nil {
		t.offset = 0 // it said where the first page begins
	}
	return t, nil
}

// with reads which parts of an image are asked for.
func (c *compiler) with(tail syntax.Tail) (with, error) {
	w := with{
		common: slices.Contains(tail.Parts, "common"),
		why:    slices.Contains(tail.Parts, "why"),
		codes:  slices.Contains(tail.Parts, "codes"),
		meta:   slices.Contains(tail.Parts, "meta"),
		vector: slices.Contains(tail.Parts, "vector"),
	}
	if w.why || w.codes {
		if _, err := c.model(tail.Span); err != nil {
			return w, err
		}
	}
	return w, nil
}

// groupBy reads by which field images are grouped.
func (c *compiler) groupBy(tail syntax.Tail) (*group, error) {
	switch name := strings.ToLower(tail.Arg.Text); name {
	case "concept", "latent":
		return nil, c.fail(tail.Arg.Span, "group by a field, or ask count … by "+name, "a picture has many %ss, so they make no groups", name)
	}
	f, err := c.field(syntax.Field{Span: tail.Arg.Span, Name: tail.Arg.Text})
	return &group{f.Name, max(tail.N, 1)}, err
}

// distinct reads from which cosine on two images are the same.
func (c *compiler) distinct(tail syntax.Tail) (float64, error) {
	if tail.X == nil {
		return defaultDistinct, nil
	}
	if x := *tail.X; x > 0 && x <= 1 {
		return x, nil
	}
	return 0, c.fail(tail.Span, fmt.Sprintf("without a number it is %g", defaultDistinct), "distinct takes a cosine above 0 and up to 1, not %g", *tail.X)
}

// refuse is an error if one of some tails is there, for statements where they mean nothing.
func (c *compiler) refuse(list []syntax.Tail, statement, hint string, kinds ...syntax.TailKind) error {
	for _, tail := range list {
		if slices.Contains(kinds, tail.Kind) {
			return c.fail(tail.Span, hint, "%q means nothing for %s", tail.Kind, statement)
		}
	}
	return nil
}

// checkParts demands that the parts asked for "with" are among those that the statement has.
func (c *compiler) checkParts(list []syntax.Tail, statement, hint string, parts ...string) error {
	for _, tail := range list {
		for _, part := range tail.Parts {
			if !slices.Contains(parts, part) {
				return c.fail(tail.Span, hint, `"with %s" means nothing for %s`, part, statement)
			}
		}
	}
	return nil
}

// checkOrder demands that images are ordered by a field that exists, and by the
// score only where there is one.
func (c *compiler) checkOrder(list []syntax.Tail, ranked bool) error {
	for _, tail := range list {
		switch {
		case tail.Kind != syntax.TailOrder:
		case tail.Arg.Text != "score":
			if _, err := c.field(syntax.Field{Span: tail.Arg.Span, Name: tail.Arg.Text}); err != nil {
				return err
			}
		case !ranked:
			return c.fail(tail.Arg.Span, "order by a field, or ask for a concept", "this query gives no score to order by")
		}
	}
	return nil
}

// maxFactor is how large a number may be that weighs, steers or is an activation: far beyond any use, and small enough that no sum of
// them and no cosine leaves the numbers that are finite.
const maxFactor = 1_000_000

// factor is an error if a number is larger than that.
func (c *compiler) factor(at syntax.Span, what string, x float64) error {
	if math.Abs(x) <= maxFactor {
		return nil
	}
	return c.fail(at, "", "%s goes up to 1,000,000, not %g", what, math.Abs(x))
}

// plan writes the steps of the tails, and below them what the rows come from.
func (t *tails) plan(tr *tree, ranked bool, from func()) {
	tr.line("%s", t.planRows(ranked))
	step := func(inner func(), format string, args ...any) func() {
		return func() {
			tr.line(format, args...)
			tr.below(inner)
		}
	}
	if t.distinct > 0 {
		from = step(from, "distinct: without rows whose vector has a cosine of at least %g with one before", t.distinct)
	}
	if t.group != nil {
		from = step(from, "group by %s: the best %d of each, groups by their best", t.group.field, t.group.top)
	}
	tr.below(from)
}

// planRows says which rows are shown, and in which order.
func (t *tails) planRows(ranked bool) string {
	var words []string
	add := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	unit := "rows"
	if t.group != nil {
		unit = "groups"
	}
	if top := t.rows(ranked); top == 0 {
		add("%s", unit)
	} else if add("top %d", top); t.group != nil {
		add("groups")
	}
	if t.offset > 0 {
		add("offset %d", t.offset)
	}
	if t.minScore != nil {
		add("of score at least %s", formatValue(*t.minScore))
	}
	switch {
	case t.order.field != "" && t.order.desc:
		add("by %s descending then id", t.order.field)
	case t.order.field != "":
		add("by %s then id", t.order.field)
	case ranked:
		add("by score, then id")
	default:
		add("by id")
	}
	line := strings.Join(words, " ")
	if t.page != nil {
		line += fmt.Sprint("; ", t.page)
	}
	switch {
	case (t.dense || t.many) && t.looking() == index.Exact:
		line += "; exact"
	case (t.dense || t.many) && t.effort > 0:
		line += fmt.Sprintf("; effort %d", t.effort)
	case t.effort > 0:
		line += "; exact, whatever the effort"
	case t.exact:
		line += "; exact"
	}
	return line
}
