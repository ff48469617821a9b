package querytest

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/query/syntax"
	"github.com/saedb/saedb/sae"
)

// naive is the slow twin of package query: it takes the parsed text and looks at
// one item after the other, without plans, sets or indexes. It knows the forms
// that the random queries have.
type naive struct {
	d     *Data
	codes map[string]sae.Code // by id
	vecs  map[string][]float32
}

func newNaive(d *Data) *naive {
	n := &naive{d: d, codes: map[string]sae.Code{}, vecs: map[string][]float32{}}
	for _, item := range d.Items {
		n.vecs[item.ID] = unit(item.Vec)
		n.codes[item.ID] = d.Model().Encode(sae.Code{}, n.vecs[item.ID])
	}
	return n
}

// A verdict is what a condition says about one item.
type verdict struct {
	match  bool
	scored bool
	score  float64
}

// judge applies a condition to an item; f is sum, min or max.
func (n *naive) judge(x syntax.Expr, item Item, f string) verdict {
	switch x := x.(type) {
	case *syntax.And:
		out := verdict{match: true}
		for _, t := range x.Terms {
			v := n.judge(t, item, f)
			if !v.match {
				return verdict{}
			}
			out = out.fold(v, f)
		}
		return out
	case *syntax.Or:
		var out verdict
		for _, t := range x.Terms {
			if v := n.judge(t, item, f); v.match {
				out.match = true
				out = out.fold(v, f)
			}
		}
		return out
	case *syntax.Not:
		return verdict{match: !n.judge(x.X, item, f).match}
	case *syntax.Act:
		return n.judgeAct(x, item, f)
	case *syntax.Meta:
		return verdict{match: judgeMeta(x, item)}
	}
	panic(fmt.Sprintf("no verdict about %T", x))
}

func (v verdict) fold(w verdict, f string) verdict {
	switch {
	case !w.scored:
	case !v.scored:
		v.scored, v.score = true, w.score
	case f == "min":
		v.score = math.Min(v.score, w.score)
	case f == "max":
		v.score = math.Max(v.score, w.score)
	default:
		v.score += w.score
	}
	return v
}

// judgeAct applies a condition on concepts or latents.
func (n *naive) judgeAct(a *syntax.Act, item Item, f string) verdict {
	var out verdict
	for _, name := range n.expand(a) {
		group := n.group(a.Latent, name)
		act := n.activation(group, item.ID)
		if act > 0 && (a.Threshold == nil || n.passes(a.Threshold, group, act)) {
			score := float64(act)
			if a.Weight != nil {
				score *= *a.Weight
			}
			out.match = true
			out = out.fold(verdict{true, true, score}, f)
		}
	}
	if a.Op == syntax.Ne || a.Op == syntax.NotIn {
		return verdict{match: !out.match}
	}
	return out
}

// expand returns the names that a condition asks for, each once.
func (n *naive) expand(a *syntax.Act) []string {
	var names []string
	for _, name := range a.Names {
		if a.Op != syntax.Glob {
			names = append(names, name.Text)
			continue
		}
		for _, w := range n.d.Words() {
			if glob(name.Text, w) {
				names = append(names, w)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (n *naive) group(latent bool, name string) []query.Weight {
	if !latent {
		return n.d.Concepts[name].Group
	}
	i, err := strconv.Atoi(name)
	if err != nil {
		panic(err)
	}
	return []query.Weight{{Latent: uint32(i), W: 1}}
}

// activation sums W*activation over a group, by ascending latent.
func (n *naive) activation(group []query.Weight, id string) float32 {
	var sum float32
	code := n.codes[id]
	for i, latent := range code.Latents {
		for _, w := range group {
			if w.Latent == latent {
				sum += float32(w.W * code.Acts[i])
			}
		}
	}
	return sum
}

func (n *naive) passes(t *syntax.Threshold, group []query.Weight, act float32) bool {
	limit := t.X
	if t.Percent {
		largest := float32(0)
		for _, item := range n.d.Items {
			largest = max(largest, n.activation(group, item.ID))
		}
		limit = t.X / 100 * float64(largest)
	}
	return compares(t.Op, cmp.Compare(act, float32(limit)))
}

// compares reports whether the order c of two values fulfils op.
func compares(op syntax.Op, c int) bool {
	switch op {
	case syntax.Eq:
		return c == 0
	case syntax.Ne:
		return c != 0
	case syntax.Lt:
		return c < 0
	case syntax.Le:
		return c <= 0
	case syntax.Gt:
		return c > 0
	}
	return c >= 0
}

// judgeMeta applies a condition on metadata.
func judgeMeta(m *syntax.Meta, item Item) bool {
	v, there := item.Meta[m.Field.Name]
	if m.Field.Name == "id" {
		v, there = item.ID, true
	}
	some := func(test func(v any) bool) bool {
		if members, isList := v.([]string); isList {
			return slices.ContainsFunc(members, func(s string) bool { return test(s) })
		}
		return there && test(v)
	}
	is := func(op syntax.Op, i int) bool {
		return some(func(v any) bool { return compares(op, compareLiteral(v, m.Values[i].Text)) })
	}
	switch m.Op {
	case syntax.Exists:
		return there
	case syntax.True:
		return v == true
	case syntax.Ne:
		return !is(syntax.Eq, 0)
	case syntax.Between:
		return is(syntax.Ge, 0) && is(syntax.Le, 1)
	case syntax.Glob:
		return some(func(v any) bool { s, isText := v.(string); return isText && glob(m.Values[0].Text, s) })
	case syntax.In, syntax.NotIn:
		found := false
		for i := range m.Values {
			found = found || is(syntax.Eq, i)
		}
		return found == (m.Op == syntax.In)
	}
	return is(m.Op, 0)
}

// compareLiteral orders a value and a literal of its type.
func compareLiteral(v any, text string) int {
	switch v := v.(type) {
	case int64:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			panic(err)
		}
		return cmp.Compare(float64(v), x)
	case bool:
		return cmp.Compare(strconv.FormatBool(v), text)
	}
	return cmp.Compare(v.(string), text)
}

// glob is the definition of a pattern.
func glob(pattern, s string) bool {
	switch {
	case pattern == "":
		return s == ""
	case pattern[0] == '*':
		return glob(pattern[1:], s) || s != "" && glob(pattern, s[1:])
	}
	return s != "" && (pattern[0] == '?' || pattern[0] == s[0]) && glob(pattern[1:], s[1:])
}

// answer returns the rows of a query.
func (n *naive) answer(q *syntax.Query) []query.Row {
	switch s := q.Stmt.(type) {
	case *syntax.Find:
		return n.find(s)
	case *syntax.Count:
		return n.count(s)
	case *syntax.Explain:
		return n.explain(s)
	case *syntax.List:
		return n.concepts(s)
	}
	panic(fmt.Sprintf("no answer to %T", q.Stmt))
}

func (n *naive) find(f *syntax.Find) []query.Row {
	fold := "sum"
	if t := tail(f.Tails, syntax.TailScore); t != nil {
		fold = t.Arg.Text
	}
	var rows []query.Row
	ranked := f.Near != nil || f.Where != nil && scores(f.Where)
	for _, item := range n.d.Items {
		v := verdict{match: true}
		if f.Where != nil {
			v = n.judge(f.Where, item, fold)
		}
		if f.Near != nil && v.match {
			v = n.nearness(f, item)
		}
		if t := tail(f.Tails, syntax.TailMinScore); t != nil && v.score < *t.X {
			continue
		}
		if v.match {
			rows = append(rows, query.Row{Kind: query.KindImage, ID: item.ID, Path: item.Meta["path"].(string), Score: v.score})
		}
	}
	order := tail(f.Tails, syntax.TailOrder)
	slices.SortFunc(rows, func(a, b query.Row) int {
		c := cmp.Compare(b.Score, a.Score)
		if order != nil {
			c = n.compareField(order, a, b)
		}
		return cmp.Or(c, cmp.Compare(a.ID, b.ID))
	})
	return cut(rows, f.Tails, ranked)
}

// compareField orders rows by their score, or by an integer field; without it they come last.
func (n *naive) compareField(order *syntax.Tail, a, b query.Row) int {
	switch {
	case order.Arg.Text == "score" && order.Desc:
		return cmp.Compare(b.Score, a.Score)
	case order.Arg.Text == "score":
		return cmp.Compare(a.Score, b.Score)
	}
	x, hasX := n.item(a.ID).Meta[order.Arg.Text].(int64)
	y, hasY := n.item(b.ID).Meta[order.Arg.Text].(int64)
	switch {
	case hasX && hasY && order.Desc:
		return cmp.Compare(y, x)
	case hasX && hasY:
		return cmp.Compare(x, y)
	case hasX:
		return -1
	case hasY:
		return 1
	}
	return 0
}

func (n *naive) item(id string) Item {
	return n.d.Items[slices.IndexFunc(n.d.Items, func(item Item) bool { return item.ID == id })]
}

// cut numbers the rows and keeps those that offset and top ask for.
func cut(rows []query.Row, tails []syntax.Tail, ranked bool) []query.Row {
	for i := range rows {
		rows[i].Rank = i + 1
	}
	top := len(rows)
	if ranked {
		top = 10
	}
	if t := tail(tails, syntax.TailTop); t != nil {
		top = t.N
	}
	if t := tail(tails, syntax.TailOffset); t != nil {
		rows = rows[min(t.N, len(rows)):]
	}
	return rows[:min(top, len(rows))]
}

func tail(tails []syntax.Tail, kind syntax.TailKind) *syntax.Tail {
	for i := range tails {
		if tails[i].Kind == kind {
			return &tails[i]
		}
	}
	return nil
}

// scores reports whether a condition gives scores.
func scores(x syntax.Expr) bool {
	switch x := x.(type) {
	case *syntax.Act:
		return x.Op != syntax.Ne && x.Op != syntax.NotIn
	case *syntax.And:
		return slices.ContainsFunc(x.Terms, scores)
	case *syntax.Or:
		return slices.ContainsFunc(x.Terms, scores)
	}
	return false
}

// nearness judges how near an item is: by its vector, or by its code.
func (n *naive) nearness(f *syntax.Find, item Item) verdict {
	if f.Near.What.Kind == syntax.OperandConcepts {
		return n.dot(f.Near.What, item)
	}
	if item.ID == f.Near.What.Arg.Text && tail(f.Tails, syntax.TailSelf) == nil {
		return verdict{}
	}
	if f.Near.Space == syntax.SpaceDense || f.Near.Space == syntax.SpaceDefault && f.Near.What.Kind == syntax.OperandText && len(f.Near.Steer) == 0 {
		dot := 0.0
		for i, x := range n.vecs[f.Near.What.Arg.Text] {
			dot += float64(x) * float64(n.vecs[item.ID][i])
		}
		return verdict{true, true, float64(float32(dot))}
	}
	asked := n.dense(n.codes[f.Near.What.Arg.Text])
	for _, s := range f.Near.Steer {
		n.steer(asked, s)
	}
	has := n.dense(n.codes[item.ID])
	dot, a, b := 0.0, 0.0, 0.0
	for i := range asked {
		x := float64(float32(max(asked[i], 0)))
		dot += x * has[i]
		a += x * x
		b += has[i] * has[i]
	}
	score := float64(float32(dot / (math.Sqrt(a) * math.Sqrt(b))))
	return verdict{score > 0, true, score}
}

// dense is a code with its zeros.
func (n *naive) dense(c sae.Code) []float64 {
	out := make([]float64, n.d.Latents)
	for i, latent := range c.Latents {
		out[latent] = float64(c.Acts[i])
	}
	return out
}

// steer adds the mean activation of each latent of a concept, where it is active.
func (n *naive) steer(asked []float64, s syntax.Steer) {
	scale := 1.0
	if s.Scale != nil {
		scale = *s.Scale
	}
	if s.Minus {
		scale = -scale
	}
	group := n.d.Concepts[s.Concept.Text].Group
	for _, w := range group {
		sum, count := 0.0, 0.0
		for _, item := range n.d.Items {
			if act := n.dense(n.codes[item.ID])[w.Latent]; act > 0 {
				sum, count = sum+act, count+1
			}
		}
		if count > 0 {
			asked[w.Latent] += scale * (sum / count) * float64(w.W/group[0].W)
		}
	}
}

// dot judges an item by the sum of weighted concepts.
func (n *naive) dot(o *syntax.Operand, item Item) verdict {
	var out verdict
	for _, c := range o.Concepts {
		weight := 1.0
		if c.Weight != nil {
			weight = *c.Weight
		}
		if act := n.activation(n.d.Concepts[c.Name.Text].Group, item.ID); act > 0 {
			out.match = true
			out = out.fold(verdict{true, true, weight * float64(act)}, "sum")
		}
	}
	return out
}

func (n *naive) count(c *syntax.Count) []query.Row {
	counts := map[string]int{}
	total := 0
	for _, item := range n.d.Items {
		if c.Where != nil && !n.judge(c.Where, item, "sum").match {
			continue
		}
		total++
		switch {
		case c.By == nil:
		case c.By.Name == "concept":
			for w, concept := range n.d.Concepts {
				if n.activation(concept.Group, item.ID) > 0 {
					counts[w]++
				}
			}
		default:
			if label, there := item.Meta[c.By.Name].(string); there {
				counts[label]++
			}
		}
	}
	if c.By == nil {
		return []query.Row{{Kind: query.KindCount, Rank: 1, Count: total}}
	}
	var rows []query.Row
	for v, k := range counts {
		rows = append(rows, query.Row{Kind: query.KindCount, By: c.By.Name, Value: v, Count: k})
	}
	slices.SortFunc(rows, func(a, b query.Row) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Value.(string), b.Value.(string)))
	})
	return cut(rows, c.Tails, false)
}

func (n *naive) explain(e *syntax.Explain) []query.Row {
	code, total := n.codes[e.What.Arg.Text], 0.0
	for _, a := range code.Acts {
		total += float64(a)
	}
	var rows []query.Row
	for i, latent := range code.Latents {
		name := n.d.Names[latent]
		rows = append(rows, query.Row{
			Kind: query.KindExplain, Latent: latent, Concept: name.Word, RunnersUp: name.RunnersUp,
			Activation: float64(code.Acts[i]), Share: float64(code.Acts[i]) / total,
		})
	}
	slices.SortStableFunc(rows, func(a, b query.Row) int { return cmp.Compare(b.Activation, a.Activation) })
	return cut(rows, e.Tails, true)
}

func (n *naive) concepts(l *syntax.List) []query.Row {
	var rows []query.Row
	for _, w := range n.d.Words() {
		if l.Like != nil && !glob(l.Like.Text, w) {
			continue
		}
		row := query.Row{Kind: query.KindConcept, Concept: w}
		sum := 0.0
		for _, weight := range n.d.Concepts[w].Group {
			row.Latents = append(row.Latents, weight.Latent)
		}
		for _, item := range n.d.Items {
			if act := float64(n.activation(n.d.Concepts[w].Group, item.ID)); act > 0 {
				row.Count++
				row.Max = max(row.Max, act)
				sum += act
			}
		}
		if row.Count > 0 {
			row.Mean = sum / float64(row.Count)
		}
		row.Density = float64(row.Count) / float64(len(n.d.Items))
		rows = append(rows, row)
	}
	if t := tail(l.Tails, syntax.TailOrder); t != nil { // by count, descending
		slices.SortStableFunc(rows, func(a, b query.Row) int { return cmp.Compare(b.Count, a.Count) })
	}
	return cut(rows, l.Tails, false)
}
