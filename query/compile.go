package query

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/saedb/saedb/query/syntax"
)

// Params are the values of a query's $names. A name takes a string or a whole
// number; a value takes string, bool, time.Time and every kind of number; inside
// "in (…)" a []string stands for its members; "vector $v" takes a []float32.
type Params map[string]any

// A Loader makes the vector of something outside the database: of an image file
// (syntax.OperandFile), of an image somewhere else (OperandURL), or of a file that
// holds a vector (OperandVector). The vector need not be of unit norm.
type Loader func(ctx context.Context, kind syntax.OperandKind, name string) ([]float32, error)

// An Option changes how a query is compiled or run.
type Option func(*options)

type options struct {
	load   Loader
	onNote func(string)
}

// WithLoader lets a query name files. Without it that is an error.
func WithLoader(load Loader) Option { return func(o *options) { o.load = load } }

// OnNote is told what the person who asked should know about an answer, though
// it is no error. It is called while the plan runs, in that goroutine.
func OnNote(f func(note string)) Option { return func(o *options) { o.onNote = f } }

// maxGlob is how many concepts a pattern may stand for: as many as may be written out.
const maxGlob = syntax.MaxTerms

// Compile parses a query and resolves its names in cat, a Source or less. It
// reads no items. What is wrong with the query is an *Error.
func Compile(ctx context.Context, text string, cat Catalog, params Params, opts ...Option) (*Plan, error) {
	q, err := syntax.Parse(text)
	if err != nil {
		return nil, fromSyntax(text, err)
	}
	c := &compiler{Catalog: cat, text: text, params: params, query: q, planning: q.Plan}
	for _, o := range opts {
		o(&c.opts)
	}
	c.nearText = func(text string) (Concept, string, error) { return nearText(ctx, cat, text) }
	c.fields = sync.OnceValues(func() (map[string]Field, error) { return fieldMap(ctx, cat) })
	c.clusters = func() ([]Cluster, error) { return cat.Clusters(ctx) }
	c.estimate = func([]Weight) (int, error) { return -1, nil }
	if q.Plan {
		c.estimate = func(group []Weight) (int, error) { return countPostings(ctx, cat, group) }
	}
	s, err := c.statement(q.Stmt)
	if err != nil {
		return nil, err
	}
	return &Plan{text: text, planOnly: q.Plan, stmt: s, opts: c.opts, notes: c.notes}, nil
}

// fieldMap returns the fields that exist, by name, and the reserved ones, which
// always do.
func fieldMap(ctx context.Context, cat Catalog) (map[string]Field, error) {
	fields := map[string]Field{}
	for _, name := range []string{"id", "path", "label", "split"} {
		fields[name] = Field{Name: name, Types: []string{TypeString}}
	}
	for _, name := range []string{"width", "height", "bytes", ClusterField} {
		fields[name] = Field{Name: name, Types: []string{TypeInt}}
	}
	for _, name := range []string{"mtime", "added"} {
		fields[name] = Field{Name: name, Types: []string{TypeTime}}
	}
	stored, err := cat.Fields(ctx)
	if err != nil {
		return nil, err
	}
	for _, f := range stored {
		fields[f.Name] = f
	}
	return fields, nil
}

// countPostings returns how many postings a group of latents has.
func countPostings(ctx context.Context, cat Catalog, group []Weight) (int, error) {
	n := 0
	for _, w := range group {
		s, err := cat.LatentStats(ctx, w.Latent)
		if err != nil {
			return 0, err
		}
		n += s.Count
	}
	return n, nil
}

// A compiler resolves one query.
type compiler struct {
	Catalog
	text     string
	query    *syntax.Query
	planning bool // the plan is asked for, with estimates
	params   Params
	opts     options
	notes    []string // for the person who asked
	signed   bool     // codes may go below zero
	fields   func() (map[string]Field, error)
	clusters func() ([]Cluster, error)
	estimate func(group []Weight) (postings int, err error)
	nearText func(text string) (c Concept, note string, err error)
}

// fail is an error at a place of the text.
func (c *compiler) fail(at syntax.Span, hint, format string, args ...any) error {
	return newError(c.text, at.Start, nil, fmt.Sprintf(format, args...), hint)
}

// rowsOf is an estimate where the plan is asked for, else -1.
func (c *compiler) rowsOf(n int) int {
	if c.planning {
		return n
	}
	return -1
}

// everything is the condition that all items fulfil.
func (c *compiler) everything() cond { return everything{c.rowsOf(c.Len())} }

// statement resolves one statement.
func (c *compiler) statement(s syntax.Stmt) (statement, error) {
	switch s := s.(type) {
	case *syntax.Find:
		return c.compileFind(s)
	case *syntax.Explain:
		return c.compileExplain(s)
	case *syntax.List:
		return c.compileList(s)
	case *syntax.Count:
		return c.compileCount(s)
	case *syntax.Describe:
		return c.compileDescribe(s)
	}
	return nil, fmt.Errorf("query: unknown statement %T", s)
}

// model returns the active autoencoder.
func (c *compiler) model(at syntax.Span) (ModelInfo, error) {
	m, active := c.Model()
	if !active {
		return m, newError(c.text, at.Start, ErrNoModel, "no autoencoder is active, so there are no concepts and latents yet", "run `saectl train`")
	}
	return m, nil
}

// cond resolves a condition; f folds the scores of its parts.
func (c *compiler) cond(x syntax.Expr, f fold) (cond, error) {
	switch x := x.(type) {
	case *syntax.Or:
		terms, err := c.terms(x.Terms, f)
		if err != nil {
			return nil, err
		}
		return either(f, terms...), nil
	case *syntax.And:
		terms, err := c.terms(x.Terms, f)
		if err != nil {
			return nil, err
		}
		return both(f, terms...), nil
	case *syntax.Not:
		inner, err := c.cond(x.X, f)
		if err != nil {
			return nil, err
		}
		return &none{inner, c.rowsOf(c.Len())}, nil
	case *syntax.Act:
		return c.act(x, f)
	case *syntax.Meta:
		return c.meta(x)
	}
	return nil, fmt.Errorf("query: unknown condition %T", x)
}

func (c *compiler) terms(list []syntax.Expr, f fold) ([]cond, error) {
	terms := make([]cond, len(list))
	for i, x := range list {
		var err error
		if terms[i], err = c.cond(x, f); err != nil {
			return nil, err
		}
	}
	return terms, nil
}

// either is "or": flat, and in the order of the keys. A single term stays itself.
func either(f fold, terms ...cond) cond {
	var flat []cond
	for _, t := range terms {
		if inner, isOr := t.(*anyOf); isOr {
			flat = append(flat, inner.terms...)
		} else {
			flat = append(flat, t)
		}
	}
	if len(flat) == 1 {
		return flat[0]
	}
	sortByKey(flat)
	return &anyOf{flat, f}
}

// both is "and", likewise.
func both(f fold, terms ...cond) cond {
	var flat []cond
	for _, t := range terms {
		if inner, isAnd := t.(*allOf); isAnd {
			flat = append(flat, inner.terms...)
		} else {
			flat = append(flat, t)
		}
	}
	if len(flat) == 1 {
		return flat[0]
	}
	sortByKey(flat)
	return &allOf{flat, f}
}

func sortByKey(terms []cond) {
	slices.SortStableFunc(terms, func(a, b cond) int { return cmp.Compare(a.key(), b.key()) })
}

// act resolves a condition on concepts or latents.
func (c *compiler) act(a *syntax.Act, f fold) (cond, error) {
	excludes := a.Op == syntax.Ne || a.Op == syntax.NotIn
	if excludes && a.Weight != nil {
		return nil, c.fail(a.Span, "leave the weight out", "what is excluded gives no score to weigh")
	}
	groups, err := c.groups(a)
	if err != nil {
		return nil, err
	}
	terms := make([]cond, len(groups))
	for i, g := range groups {
		g.threshold = a.Threshold
		if a.Weight != nil {
			g.weight = *a.Weight
			if err := c.factor(a.Span, "a weight", g.weight); err != nil {
				return nil, err
			}
		}
		if g.postings, err = c.estimate(g.group); err != nil {
			return nil, err
		}
		terms[i] = g
	}
	if excludes {
		return &none{either(f, terms...), c.rowsOf(c.Len())}, nil
	}
	return either(f, terms...), nil
}

// groups returns what the names of a condition stand for, each once.
func (c *compiler) groups(a *syntax.Act) ([]*fires, error) {
	names, err := c.names(a.Names, a.Op == syntax.In || a.Op == syntax.NotIn)
	if err != nil {
		return nil, err
	}
	if a.Op == syntax.Glob {
		if a.Latent {
			return nil, c.fail(a.Span, "name its number, or ask concept ~ …", "a latent has no pattern")
		}
		if names, err = c.expand(names[0]); err != nil {
			return nil, err
		}
	}
	var groups []*fires
	seen := map[string]bool{}
	for _, n := range names {
		var g *fires
		if a.Latent {
			g, err = c.latentGroup(n)
		} else {
			g, err = c.conceptGroup(n)
		}
		if err != nil {
			return nil, err
		}
		if !seen[g.text] {
			seen[g.text] = true
			groups = append(groups, g)
		}
	}
	return groups, nil
}

// expand returns the concepts that a pattern stands for.
func (c *compiler) expand(pattern syntax.Name) ([]syntax.Name, error) {
	if _, err := c.model(pattern.Span); err != nil {
		return nil, err
	}
	var names []syntax.Name
	for _, w := range c.Words() {
		if MatchGlob(pattern.Text, w) {
			names = append(names, syntax.Name{Span: pattern.Span, Text: w})
		}
	}
	switch {
	case len(names) == 0:
		return nil, c.fail(pattern.Span, c.didYouMean(strings.Trim(pattern.Text, "*?")), "no concept matches %s", pattern.Text)
	case len(names) > maxGlob:
		return nil, c.fail(pattern.Span, "make the pattern longer", "%d concepts match %s, more than %d", len(names), pattern.Text, maxGlob)
	}
	return names, nil
}

// latentGroup resolves the number of a latent.
func (c *compiler) latentGroup(n syntax.Name) (*fires, error) {
	latent, err := c.latent(n)
	if err != nil {
		return nil, err
	}
	return c.group(fmt.Sprint("latent = ", latent), "", []Weight{{Latent: latent, W: 1}}), nil
}

// group makes a condition without threshold and weight; how says in which way a name led to the group.
func (c *compiler) group(text, how string, group []Weight) *fires {
	g := &fires{text: text, how: how, group: group, terms: termsOf(group), weight: 1, postings: -1}
	for _, w := range group {
		g.names = append(g.names, c.LatentName(w.Latent).Word)
	}
	return g
}

// latent resolves the number of a latent.
func (c *compiler) latent(n syntax.Name) (uint32, error) {
	m, err := c.model(n.Span)
	if err != nil {
		return 0, err
	}
	i, err := strconv.ParseUint(n.Text, 10, 32)
	switch {
	case err != nil && strings.Trim(n.Text, "0123456789") != "":
		return 0, c.fail(n.Span, "write concept = "+n.String()+" for a word", "a latent is named by its number, not by %q", n.Text)
	case err != nil || i >= uint64(m.Latents):
		return 0, c.fail(n.Span, "", "latent %s is out of range: %s has the latents 0 to %d", n.Text, m.Name, m.Latents-1)
	}
	return uint32(i), nil
}

// names puts parameters in their places; where lists are allowed, a []string
// stands for its members.
func (c *compiler) names(list []syntax.Name, lists bool) ([]syntax.Name, error) {
	var out []syntax.Name
	for _, n := range list {
		if members, isList := c.params[n.Text].([]string); n.Param && isList && lists {
			if len(members) == 0 {
				return nil, c.fail(n.Span, "", "the list $%s is empty", n.Text)
			}
			for _, m := range members {
				out = append(out, syntax.Name{Span: n.Span, Text: m})
			}
			continue
		}
		resolved, err := c.name(n)
		if err != nil {
			return nil, err
		}
		out = append(out, resolved)
	}
	return out, nil
}

// name puts a parameter in its place.
func (c *compiler) name(n syntax.Name) (syntax.Name, error) {
	if !n.Param {
		return n, nil
	}
	v, err := c.param(n.Span, n.Text)
	if err != nil {
		return n, err
	}
	switch v := v.(type) {
	case string:
		return syntax.Name{Span: n.Span, Text: v}, nil
	case int64:
		return syntax.Name{Span: n.Span, Text: strconv.FormatInt(v, 10)}, nil
	}
	return n, c.fail(n.Span, "", "$%s is a %T; a name is a string or a whole number", n.Text, c.params[n.Text])
}

// param returns the value of a parameter, integers as int64 and other numbers as float64.
func (c *compiler) param(at syntax.Span, name string) (any, error) {
	v, given := c.params[name]
	if !given {
		hint := "the query has no parameters"
		if len(c.params) > 0 {
			hint = "given are " + strings.Join(slices.Sorted(maps.Keys(c.params)), ", ")
		}
		return nil, c.fail(at, hint, "no value for $%s", name)
	}
	return widen(v), nil
}

// widen makes every integer an int64 and every float a float64, where they fit.
func widen(v any) any {
	switch v := v.(type) {
	case int:
		return int64(v)
	case int8:
		return int64(v)
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case uint8:
		return int64(v)
	case uint16:
		return int64(v)
	case uint32:
		return int64(v)
	case uint:
		return widen(uint64(v))
	case uint64:
		if int64(v) < 0 {
			return float64(v)
		}
		return int64(v)
	case float32:
		return float64(v)
	}
	return v
}
