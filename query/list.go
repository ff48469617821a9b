package query

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/sparse"
	"github.com/saedb/saedb/query/syntax"
)

// list yields every concept, latent, cluster or field: one row each.
type list struct {
	what  syntax.Listing
	like  string    // a pattern for the name; "" is every name
	text  *likeText // rows are those nearest to a text by direction; nil: every row
	test  rowTest
	tails tails
	stats bool   // the test or the order needs the statistics of every row
	cost  string // of that, where the plan is asked for
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
	case "score":
		return r.Score
	}
	if r.Kind == KindField || r.Kind == KindCluster {
		return r.Name
	}
	return r.Concept
}

func (l *list) plan(t *tree) {
	own := "the listing's own order"
	if l.text != nil {
		own = "cosine with the text"
	}
	l.tails.planList(t, own, l.tails.rows(l.text != nil))
	t.below(func() {
		line := string(l.what)
		if l.like != "" {
			line += " like " + l.like
		}
		if l.text != nil {
			line += " like text " + syntax.Quote(l.text.text) + ": cosine of decoder rows" + l.text.cost
		}
		if l.stats {
			line += ", statistics of every one" + l.cost
		}
		t.line("%s", line)
	})
}

// planList writes the order of rows that are no images.
func (t tails) planList(tr *tree, own string, top int) {
	line := "rows by " + own
	if t.order.field != "" {
		line = "rows by " + t.order.field
		if t.order.desc {
			line += " descending"
		}
	}
	if top > 0 {
		line += fmt.Sprintf(", top %d", top)
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
	if l.text != nil {
		if rows, err = l.nearest(ctx, r, rows); err != nil {
			return err
		}
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
	top := l.tails.rows(l.text != nil)
	if !l.stats {
		start := min(l.tails.offset, len(rows))
		end := len(rows)
		if top > 0 {
			end = min(end, start+top)
		}
		if err := fillStats(ctx, r, rows[start:end]); err != nil {
			return err
		}
	}
	yieldRows(rows, l.tails, top, yield)
	return nil
}

// likeText is a text that concepts or latents are compared with.
type likeText struct {
	at   syntax.Span
	text string
	cost string // an estimate, where the plan is asked for
}

// nearest leaves the rows whose direction has a cosine above zero with the text, the nearest first, with that as their score. The
// cosine of a concept is the mean of its latents', by weight.
func (l *list) nearest(ctx context.Context, r *run, rows []Row) ([]Row, error) {
	v, note, err := r.TextDirection(ctx, l.text.text)
	if err != nil {
		return nil, r.wrap(l.text.at, err)
	}
	r.note(note)
	m, _ := r.Model()
	hits, err := r.NearLatents(ctx, v, m.Latents)
	if err != nil {
		return nil, err
	}
	cos := make(map[uint32]float64, len(hits))
	for _, h := range hits {
		cos[h.Ord] = float64(h.Score)
	}
	for i := range rows {
		rows[i].Score = cosOf(r, rows[i], cos)
	}
	rows = slices.DeleteFunc(rows, func(row Row) bool {
		return !(row.Score > 0) || l.tails.minScore != nil && row.Score < *l.tails.minScore
	})
	slices.SortStableFunc(rows, func(a, b Row) int { return cmp.Compare(b.Score, a.Score) })
	return rows, nil
}

// cosOf is the cosine of a concept or latent, of those of all latents.
func cosOf(src Catalog, row Row, cos map[uint32]float64) float64 {
	if row.Kind == KindLatent {
		return cos[row.Latent]
	}
	c, _ := src.Concept(row.Concept)
	mean := 0.0
	for _, w := range c.Group {
		mean += float64(float64(w.W) * cos[w.Latent])
	}
	return mean
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
		rows[of[i]].setStats(s, src.Len())
	}
	return err
}

// setStats puts the statistics of an activation over n items into a row.
func (r *Row) setStats(s LatentStats, n int) {
	r.Count, r.Max, r.Mean = s.Count, s.Max, s.Mean()
	if n > 0 {
		r.Density = float64(s.Count) / float64(n)
	}
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
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
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
	for i, terms := range sums {
		if err := sumGroup(ctx, src, terms, &stats[i]); err != nil {
			return nil, err
		}
	}
	return stats, nil
}

// sumGroup adds to the statistics of a group the scores of the items in which it fires.
func sumGroup(ctx context.Context, src Source, terms []index.Term, stats *LatentStats) error {
	postings := sparse.NewPostings(ctx, src)
	defer postings.Stop()
	walk, err := postings.Walk(terms)
	if err != nil {
		return err
	}
	var found []sparse.Bound
	return eachBlock(ctx, walk.Next, func(first uint32) (err error) {
		if found, err = walk.Bounds(found[:0], first); err == nil {
			err = sparse.Resolve(ctx, src, terms, found, sparse.Unknown(found))
		}
		for _, b := range found {
			stats.add(b.Lo)
		}
		return err
	})
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
	if err := c.listable(x); err != nil {
		return nil, err
	}
	l := &list{what: x.What, cost: costRows(c.rowsOf(c.listRows(x.What)), ": %s")}
	err := c.refuse(x.Tails, "a listing", "leave it out", syntax.TailScore, syntax.TailSelf, syntax.TailWith, syntax.TailAfter, syntax.TailGroup, syntax.TailDistinct, syntax.TailSigned)
	if err == nil && !x.LikeText {
		err = c.refuse(x.Tails, "a listing", `only "like text" gives rows a score`, syntax.TailMinScore)
	}
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
		if x.LikeText {
			l.text = &likeText{at: x.Like.Span, text: like.Text, cost: c.latentCost()}
		} else {
			l.like = like.Text
		}
	}
	fields := listed[x.What]
	if x.LikeText {
		if x.What != syntax.ListConcepts && x.What != syntax.ListLatents {
			return nil, c.fail(x.Like.Span, "give a pattern: like sea*", "%s have no direction that a text could be like", x.What)
		}
		fields = maps.Clone(fields)
		fields["score"] = TypeFloat
	}
	if field := l.tails.order.field; field != "" {
		if _, known := fields[field]; !known {
			return nil, c.unknownField(syntax.Field{Span: orderSpan(x.Tails), Name: field}, listFields(fields))
		}
		l.stats = !slices.Contains([]string{"name", "latent", "cluster", "mean_cosine", "score"}, field)
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

// listRows returns how many rows a listing has where that is known without reading them, else -1.
func (c *compiler) listRows(what syntax.Listing) int {
	switch what {
	case syntax.ListConcepts:
		return len(c.Words())
	case syntax.ListLatents:
		m, _ := c.Model()
		return m.Latents
	}
	return -1
}

// latentCost estimates what a search of the latents reads.
func (c *compiler) latentCost() string {
	if !c.planning {
		return ""
	}
	m, _ := c.Model()
	return ", a scan of " + counted(m.Latents, "row")
}

// compileImages resolves the listing of images: by id, without scores. Those like a text are those near it.
func (c *compiler) compileImages(x *syntax.List) (statement, error) {
	if x.LikeText {
		what := &syntax.Operand{Span: x.Like.Span, Kind: syntax.OperandText, Arg: *x.Like}
		return c.compileFind(&syntax.Find{Span: x.Span, Near: &syntax.Near{Span: x.Like.Span, What: what}, Where: x.Where, Tails: x.Tails})
	}
	t, err := c.tails(x.Tails)
	if err == nil {
		err = c.checkParts(x.Tails, "pictures", "leave it out; explain takes it", "why", "codes", "meta", "vector")
	}
	if err == nil {
		err = c.refuse(x.Tails, "a listing", "leave it out", syntax.TailScore, syntax.TailMinScore, syntax.TailSelf, syntax.TailSigned)
	}
	if err == nil {
		err = c.checkOrder(x.Tails, false)
	}
	if err != nil {
		return nil, err
	}
	var terms []cond
	if x.Like != nil {
		like, err := c.name(*x.Like)
		if err != nil {
			return nil, err
		}
		terms = append(terms, &has{Pred{Field: "id", Op: Glob, Values: []any{like.Text}}, c.rowsOf(c.Len())})
	}
	if x.Where != nil {
		where, err := c.cond(x.Where, foldSum)
		if err != nil {
			return nil, err
		}
		terms = append(terms, &filter{where})
	}
	if len(terms) == 0 {
		terms = append(terms, c.everything())
	}
	return &find{cond: both(foldSum, terms...), tails: t}, nil
}
