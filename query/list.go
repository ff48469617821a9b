package query

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/sparse"
	"github.com/saedb/saedb/query/syntax"
)

// list yields every concept, latent, cluster or field: one row each.
type list struct {
	what  syntax.Listing
	like  string // a pattern for the name; "" is every name
	test  rowTest
	tails tails
	stats bool // the test or the order needs the statistics of every row
}

// A rowTest decides whether a row of a listing is wanted; nil wants all.
type rowTest func(Row) bool

// listed are the fields of each listing, with the types of Field.Types.
var listed = map[syntax.Listing]map[string]string{
	syntax.ListConcepts: {
		"name": TypeString, "count": TypeInt, "density": TypeFloat, "max": TypeFloat, "mean": TypeFloat, "dead": TypeBool,
	},
	syntax.ListLatents: {
		"latent": TypeInt, "name": TypeString, "count": TypeInt, "density": TypeFloat, "max": TypeFloat, "mean": TypeFloat,
		"dead": TypeBool, "confidence": TypeFloat, "margin": TypeFloat,
	},
	syntax.ListClusters: {
		"cluster": TypeInt, "name": TypeString, "count": TypeInt, "density": TypeFloat, "mean_cosine": TypeFloat,
	},
	syntax.ListFields: {"name": TypeString, "count": TypeInt},
}

// value returns a row's value of a listed field.
func (r Row) value(field string) any {
	switch field {
	case "latent":
		return int64(r.Latent)
	case "count":
		return int64(r.Count)
	case "density":
		return r.Density
	case "max":
		return r.Max
	case "mean":
		return r.Mean
	case "dead":
		return r.Count == 0
	case "confidence":
		return r.Confidence
	case "margin":
		return r.Margin
	case "cluster":
		return int64(r.Cluster)
	case "mean_cosine":
		return r.Cosine
	}
	if r.Kind == KindField || r.Kind == KindCluster {
		return r.Name
	}
	return r.Concept
}

func (l *list) plan(t *tree) {
	l.tails.planList(t, "the listing's own order")
	t.below(func() {
		line := string(l.what)
		if l.like != "" {
			line += " like " + l.like
		}
		if l.stats {
			line += ", statistics of every one"
		}
		t.line("%s", line)
	})
}

// planList writes the order of rows that are no images.
func (t tails) planList(tr *tree, own string) {
	line := "rows by " + own
	if t.order.field != "" {
		line = "rows by " + t.order.field
		if t.order.desc {
			line += " descending"
		}
	}
	if t.top > 0 {
		line += fmt.Sprintf(", top %d", t.top)
	}
	if t.offset > 0 {
		line += fmt.Sprintf(", offset %d", t.offset)
	}
	tr.line("%s", line)
}

func (l *list) rows(ctx context.Context, r *run, yield func(Row) bool) error {
	rows, err := l.all(ctx, r)
	if err != nil {
		return err
	}
	if l.like != "" {
		rows = slices.DeleteFunc(rows, func(row Row) bool { return !MatchGlob(l.like, row.value("name").(string)) })
	}
	if l.stats {
		if err := fillStats(ctx, r, rows); err != nil {
			return err
		}
	}
	if l.test != nil {
		rows = slices.DeleteFunc(rows, func(row Row) bool { return !l.test(row) })
	}
	if o := l.tails.order; o.field != "" {
		slices.SortStableFunc(rows, func(a, b Row) int { return o.turn(compareKeys(a.value(o.field), b.value(o.field))) })
	}
	if !l.stats {
		start := min(l.tails.offset, len(rows))
		end := len(rows)
		if l.tails.top > 0 {
			end = min(end, start+l.tails.top)
		}
		if err := fillStats(ctx, r, rows[start:end]); err != nil {
			return err
		}
	}
	yieldRows(rows, l.tails, l.tails.top, yield)
	return nil
}

// all returns the rows of the listing in its own order, without statistics.
func (l *list) all(ctx context.Context, r *run) ([]Row, error) {
	var rows []Row
	switch l.what {
	case syntax.ListConcepts:
		for _, w := range r.Words() {
			concept, _ := r.Concept(w)
			rows = append(rows, conceptRow(concept))
		}
	case syntax.ListLatents:
		m, _ := r.Model()
		for latent := range m.Latents {
			rows = append(rows, latentRow(r, KindLatent, uint32(latent)))
		}
	case syntax.ListClusters:
		clusters, err := r.Clusters(ctx)
		if err != nil {
			return nil, err
		}
		for _, c := range clusters {
			rows = append(rows, Row{Kind: KindCluster, Cluster: c.ID, Name: c.Name, Concepts: slices.Clone(c.Concepts), Cosine: c.Within})
		}
	case syntax.ListFields:
		fields, err := r.Fields(ctx)
		if err != nil {
			return nil, err
		}
		for _, f := range fields {
			rows = append(rows, Row{Kind: KindField, Name: f.Name, Types: slices.Clone(f.Types), Count: f.Count})
		}
		slices.SortFunc(rows, func(a, b Row) int { return strings.Compare(a.Name, b.Name) })
	}
	return rows, nil
}

// conceptRow is a row with a concept and its group.
func conceptRow(c Concept) Row {
	row := Row{Kind: KindConcept, Concept: c.Word}
	for _, w := range c.Group {
		row.Latents = append(row.Latents, w.Latent)
	}
	return row
}

// fillStats adds to rows of concepts and latents what their activations are like, and to rows of clusters how large they are.
func fillStats(ctx context.Context, src Source, rows []Row) error {
	var of []int // the rows that have a group
	var groups [][]Weight
	for i := range rows {
		switch rows[i].Kind {
		case KindField:
		case KindCluster:
			if err := fillSize(ctx, src, &rows[i]); err != nil {
				return err
			}
		case KindConcept:
			c, _ := src.Concept(rows[i].Concept)
			of, groups = append(of, i), append(groups, c.Group)
		default:
			of, groups = append(of, i), append(groups, []Weight{{Latent: rows[i].Latent, W: 1}})
		}
	}
	stats, err := groupStats(ctx, src, groups)
	for i, s := range stats {
		row := &rows[of[i]]
		row.Count, row.Max, row.Mean = s.Count, s.Max, s.Mean()
		if n := src.Len(); n > 0 {
			row.Density = float64(s.Count) / float64(n)
		}
	}
	return err
}

// fillSize counts the items that are in a cluster now.
func fillSize(ctx context.Context, src Source, row *Row) error {
	in, err := src.Match(ctx, Pred{Field: ClusterField, Op: Eq, Values: []any{int64(row.Cluster)}})
	if err != nil {
		return err
	}
	row.Count = int(in.GetCardinality())
	if n := src.Len(); n > 0 {
		row.Density = float64(row.Count) / float64(n)
	}
	return nil
}

// groupStats returns the statistics of the summed activations of groups. Those of a latent alone are stored. For the others every score is
// wanted: of few they are looked up, for more all codes are read once.
func groupStats(ctx context.Context, src Source, groups [][]Weight) ([]LatentStats, error) {
	stats := make([]LatentStats, len(groups))
	sums := map[int][]index.Term{}
	postings := 0
	for i, group := range groups {
		for _, w := range group {
			s, err := src.LatentStats(ctx, w.Latent)
			if err != nil {
				return nil, err
			}
			if len(group) == 1 && w.W == 1 {
				stats[i] = s
				continue
			}
			sums[i] = termsOf(group)
			postings += s.Count
		}
	}
	if len(sums) == 0 {
		return stats, nil
	}
	if 4*postings >= src.Len() { // going through a code is quicker than getting it
		return stats, sumAll(ctx, src, sums, stats)
	}
	var acc sparse.Accumulator
	for i, terms := range sums {
		found, err := acc.Bounds(ctx, src, terms, nil)
		if err == nil {
			err = sparse.Resolve(ctx, src, terms, found, sparse.Unknown(found))
		}
		if err != nil {
			return nil, err
		}
		for _, b := range found {
			stats[i].add(b.Lo)
		}
	}
	return stats, nil
}

// add counts an item in which a group fires.
func (s *LatentStats) add(score float32) {
	if score > 0 {
		s.Count++
		s.Sum += float64(score)
		s.Max = max(s.Max, float64(score))
	}
}

// sumAll adds to the statistics of groups the scores of all items, an item after the other. It adds up what each latent gives to the groups that it is
// in; latents ascend, so the sums are those of sparse.Score.
func sumAll(ctx context.Context, src Source, groups map[int][]index.Term, stats []LatentStats) error {
	type part struct {
		group int
		w     float32
	}
	m, _ := src.Model()
	parts := make([][]part, m.Latents)
	for g, terms := range groups {
		for _, t := range terms {
			if int(t.Latent) < len(parts) {
				parts[t.Latent] = append(parts[t.Latent], part{g, t.W})
			}
		}
	}
	sums := make([]float32, len(stats))
	var fired []int
	for c, err := range src.Codes(ctx, nil) {
		if err != nil {
			return err
		}
		fired = fired[:0]
		for i, latent := range c.Code.Latents {
			if int(latent) >= len(parts) {
				break
			}
			for _, p := range parts[latent] {
				if sums[p.group] == 0 {
					fired = append(fired, p.group)
				}
				sums[p.group] += float32(p.w * c.Code.Acts[i])
			}
		}
		for _, g := range fired {
			stats[g].add(sums[g])
			sums[g] = 0
		}
	}
	return nil
}

// compileList resolves a listing.
func (c *compiler) compileList(x *syntax.List) (statement, error) {
	if x.What == syntax.ListImages {
		return c.compileImages(x)
	}
	if x.LikeText {
		return nil, c.notYet(x.Like.Span, `"like text"`, "give a pattern: like sea*")
	}
	if err := c.listable(x); err != nil {
		return nil, err
	}
	l := &list{what: x.What}
	err := c.refuse(x.Tails, "a listing", syntax.TailScore, syntax.TailMinScore, syntax.TailSelf, syntax.TailWith)
	if err != nil {
		return nil, err
	}
	if l.tails, err = c.tails(x.Tails); err != nil {
		return nil, err
	}
	if x.Like != nil {
		like, err := c.name(*x.Like)
		if err != nil {
			return nil, err
		}
		l.like = like.Text
	}
	fields := listed[x.What]
	if field := l.tails.order.field; field != "" {
		if _, known := fields[field]; !known {
			return nil, c.unknownField(syntax.Field{Span: orderSpan(x.Tails), Name: field}, listFields(fields))
		}
		l.stats = !slices.Contains([]string{"name", "latent", "cluster", "mean_cosine"}, field)
	}
	if x.Where != nil {
		l.stats = true
		if l.test, err = c.rowTest(x.Where, listFields(fields)); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// listable is an error where there cannot be any rows yet.
func (c *compiler) listable(x *syntax.List) error {
	switch x.What {
	case syntax.ListConcepts, syntax.ListLatents:
		_, err := c.model(x.Span)
		return err
	case syntax.ListClusters:
		list, err := c.clusters()
		if err == nil && len(list) == 0 {
			err = newError(c.text, x.Start, ErrNoClusters, "the pictures are not grouped into clusters yet", "run `saectl cluster`")
		}
		return err
	}
	return nil
}

// orderSpan returns where the field of "order by" stands.
func orderSpan(list []syntax.Tail) (at syntax.Span) {
	for _, t := range list {
		if t.Kind == syntax.TailOrder {
			at = t.Arg.Span
		}
	}
	return at
}

// listFields describes the fields of a listing as a database does its own.
func listFields(types map[string]string) map[string]Field {
	fields := map[string]Field{}
	for name, t := range types {
		fields[name] = Field{Name: name, Types: []string{t}}
	}
	return fields
}

// rowTest resolves a condition on the rows of a listing.
func (c *compiler) rowTest(x syntax.Expr, fields map[string]Field) (rowTest, error) {
	switch x := x.(type) {
	case *syntax.Not:
		inner, err := c.rowTest(x.X, fields)
		return func(r Row) bool { return !inner(r) }, err
	case *syntax.And:
		tests, err := c.rowTests(x.Terms, fields)
		return func(r Row) bool {
			return !slices.ContainsFunc(tests, func(t rowTest) bool { return !t(r) })
		}, err
	case *syntax.Or:
		tests, err := c.rowTests(x.Terms, fields)
		return func(r Row) bool {
			return slices.ContainsFunc(tests, func(t rowTest) bool { return t(r) })
		}, err
	case *syntax.Meta:
		f, known := fields[x.Field.Name]
		if !known {
			return nil, c.unknownField(x.Field, fields)
		}
		preds, negate, err := c.preds(x, f)
		return func(r Row) bool {
			return negate != slices.ContainsFunc(preds, func(p Pred) bool { return p.Match(r.value(p.Field)) })
		}, err
	}
	return nil, c.fail(x.Range(), "compare its fields, such as count and name", "a listing has no activations to ask for")
}

func (c *compiler) rowTests(list []syntax.Expr, fields map[string]Field) ([]rowTest, error) {
	tests := make([]rowTest, len(list))
	for i, x := range list {
		var err error
		if tests[i], err = c.rowTest(x, fields); err != nil {
			return nil, err
		}
	}
	return tests, nil
}

// compileImages resolves the listing of images: by id, without scores.
func (c *compiler) compileImages(x *syntax.List) (statement, error) {
	t, err := c.tails(x.Tails)
	if err != nil {
		return nil, err
	}
	if x.LikeText {
		return nil, c.notYet(x.Like.Span, `"images like text"`, `ask "near text …"`)
	}
	if err := c.refuse(x.Tails, "a listing", syntax.TailScore, syntax.TailMinScore, syntax.TailSelf); err != nil {
		return nil, err
	}
	if err := c.checkOrder(x.Tails, false); err != nil {
		return nil, err
	}
	var terms []cond
	if x.Like != nil {
		like, err := c.name(*x.Like)
		if err != nil {
			return nil, err
		}
		terms = append(terms, &has{Pred{Field: "id", Op: Glob, Values: []any{like.Text}}})
	}
	if x.Where != nil {
		where, err := c.cond(x.Where, foldSum)
		if err != nil {
			return nil, err
		}
		terms = append(terms, &filter{where})
	}
	if len(terms) == 0 {
		terms = append(terms, everything{})
	}
	return &find{cond: both(foldSum, terms...), tails: t}, nil
}
