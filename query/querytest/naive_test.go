package querytest

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

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
		return n.list(s)
	case *syntax.Describe:
		return n.describe(s)
	}
	panic(fmt.Sprintf("no answer to %T", q.Stmt))
}

func (n *naive) find(f *syntax.Find) []query.Row {
	rows := n.ranked(f)
	if t := tail(f.Tails, syntax.TailDistinct); t != nil {
		rows = n.distinct(rows, t)
	}
	ranked := f.Near != nil || f.Where != nil && scores(f.Where)
	if t := tail(f.Tails, syntax.TailGroup); t != nil {
		rows = n.grouped(rows, t, f.Tails, ranked)
	} else {
		rows = cut(rows, f.Tails, ranked)
	}
	return n.moved(f, rows)
}

// ranked returns all rows of a find in order.
func (n *naive) ranked(f *syntax.Find) []query.Row {
	fold := "sum"
	if t := tail(f.Tails, syntax.TailScore); t != nil {
		fold = t.Arg.Text
	}
	judge := n.judgeNear(f)
	var rows []query.Row
	for _, item := range n.d.Items {
		v := verdict{match: true}
		if f.Where != nil {
			v = n.judge(f.Where, item, fold)
		}
		if f.Near != nil && v.match {
			v = judge(item)
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
	return rows
}

// distinct drops each row that is like one that stays before it.
func (n *naive) distinct(rows []query.Row, t *syntax.Tail) []query.Row {
	least := 0.95
	if t.X != nil {
		least = *t.X
	}
	var kept []query.Row
	for _, row := range rows {
		same := slices.ContainsFunc(kept, func(k query.Row) bool { return dotOf(n.vecs[row.ID], n.vecs[k.ID]) >= least })
		if !same {
			kept = append(kept, row)
		}
	}
	return kept
}

func dotOf(v, w []float32) float64 {
	sum := 0.0
	for i := range v {
		sum += float64(v[i]) * float64(w[i])
	}
	return sum
}

// grouped lists every group whole, in order of the first row, and then cuts groups and rows.
func (n *naive) grouped(rows []query.Row, t *syntax.Tail, tails []syntax.Tail, ranked bool) []query.Row {
	type group struct {
		value any
		rows  []query.Row
	}
	var groups []group
	for _, row := range rows {
		for _, v := range n.values(row.ID, t.Arg.Text) {
			at := slices.IndexFunc(groups, func(g group) bool { return g.value == v })
			if at < 0 {
				at, groups = len(groups), append(groups, group{value: v})
			}
			row.By, row.Value = t.Arg.Text, v
			groups[at].rows = append(groups[at].rows, row)
		}
	}
	each := max(t.N, 1)
	top, offset := len(groups), 0
	if ranked {
		top = 10
	}
	if t := tail(tails, syntax.TailTop); t != nil {
		top = t.N
	}
	if t := tail(tails, syntax.TailOffset); t != nil {
		offset = t.N
	}
	var out []query.Row
	rank := 0
	for i, g := range groups {
		for _, row := range g.rows[:min(each, len(g.rows))] {
			rank++
			row.Rank = rank
			if i >= offset && i < offset+top {
				out = append(out, row)
			}
		}
	}
	return out
}

// values are those of an item's field, each once.
func (n *naive) values(id, field string) []any {
	v, there := n.item(id).Meta[field]
	list, isList := v.([]string)
	switch {
	case field == "id":
		return []any{id}
	case !there:
		return nil
	case !isList:
		return []any{v}
	}
	var out []any
	for _, s := range slices.Sorted(slices.Values(list)) {
		if !slices.Contains(out, any(s)) {
			out = append(out, s)
		}
	}
	return out
}

// moved adds to the rows of a steered query at which rank they were before, where the query asks why.
func (n *naive) moved(f *syntax.Find, rows []query.Row) []query.Row {
	with := tail(f.Tails, syntax.TailWith)
	if f.Near == nil || with == nil || !slices.Contains(with.Parts, "why") || len(rows) == 0 {
		return rows
	}
	what := unedited(f.Near.What)
	if len(f.Near.Steer) == 0 && what.String() == f.Near.What.String() {
		return rows
	}
	plain := *f
	plain.Near = &syntax.Near{What: what, Space: n.space(f.Near)}
	hidden := n.named(f)
	before := slices.DeleteFunc(n.ranked(&plain), func(r query.Row) bool { return slices.Contains(hidden, r.ID) })
	for i, row := range rows {
		at := slices.IndexFunc(before, func(b query.Row) bool { return b.ID == row.ID })
		if at < rows[len(rows)-1].Rank {
			rows[i].Was = at + 1
		}
	}
	return rows
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

// space is where nearness is measured.
func (n *naive) space(near *syntax.Near) syntax.Space {
	switch {
	case near.Space != syntax.SpaceDefault:
		return near.Space
	case near.What.Kind == syntax.OperandText && len(near.Steer) == 0 && len(near.What.Edits) == 0:
		return syntax.SpaceDense
	}
	return syntax.SpaceLatent
}

// judgeNear returns what judges how near an item is: by its vector, or by its code.
func (n *naive) judgeNear(f *syntax.Find) func(Item) verdict {
	if f.Near == nil {
		return nil
	}
	what := f.Near.What
	if what.Kind == syntax.OperandConcepts && len(f.Near.Steer) == 0 && len(what.Edits) == 0 {
		return func(item Item) verdict { return n.dot(what, item) }
	}
	self := n.named(f)
	signed := tail(f.Tails, syntax.TailSigned) != nil
	hidden := func(item Item) bool { return slices.Contains(self, item.ID) }
	if n.space(f.Near) == syntax.SpaceDense {
		asked := n.steeredVector(f.Near, signed)
		return func(item Item) verdict {
			score := float64(float32(dotOf(n.vecs[item.ID], asked)))
			return verdict{!hidden(item) && score == score, true, score} // steered to zero, it has no direction
		}
	}
	asked := n.code(what, signed)
	for _, s := range f.Near.Steer {
		n.steer(asked, s, signed)
	}
	asked = clamp(asked, signed)
	return func(item Item) verdict {
		score := cosineOf(asked, n.dense(n.codes[item.ID]))
		return verdict{!hidden(item) && score > 0, true, score}
	}
}

// named lists the ids in a query that are no answers to it.
func (n *naive) named(f *syntax.Find) []string {
	if tail(f.Tails, syntax.TailSelf) != nil {
		return nil
	}
	ids := n.images(f.Near.What)
	for _, s := range f.Near.Steer {
		if s.Operand != nil {
			ids = append(ids, n.images(s.Operand)...)
		}
	}
	return ids
}

// unedited is an operand without edits.
func unedited(o *syntax.Operand) *syntax.Operand {
	out := *o
	out.Edits, out.Mean = nil, nil
	for _, part := range o.Mean {
		out.Mean = append(out.Mean, unedited(part))
	}
	return &out
}

func cosineOf(asked, has []float64) float64 {
	dot, a, b := 0.0, 0.0, 0.0
	for i := range asked {
		dot += asked[i] * has[i]
		a += asked[i] * asked[i]
		b += has[i] * has[i]
	}
	if dot == 0 {
		return 0
	}
	return float64(float32(dot / (math.Sqrt(a) * math.Sqrt(b))))
}

// clamp rounds a code as it is stored.
func clamp(code []float64, signed bool) []float64 {
	out := make([]float64, len(code))
	for i, x := range code {
		if x > 0 || signed {
			out[i] = float64(float32(x))
		}
	}
	return out
}

// images lists the ids that an operand names.
func (n *naive) images(o *syntax.Operand) []string {
	if o.Kind == syntax.OperandImage {
		return []string{o.Arg.Text}
	}
	var ids []string
	for _, part := range o.Mean {
		ids = append(ids, n.images(part)...)
	}
	return ids
}

// code is that of an operand, with its edits and its zeros.
func (n *naive) code(o *syntax.Operand, signed bool) []float64 {
	code := n.plainCode(o, signed)
	for _, e := range o.Edits {
		n.edit(code, e)
	}
	return clamp(code, signed)
}

func (n *naive) plainCode(o *syntax.Operand, signed bool) []float64 {
	switch o.Kind {
	case syntax.OperandImage:
		return n.dense(n.codes[o.Arg.Text])
	case syntax.OperandMean:
		sum := make([]float64, n.d.Latents)
		for _, part := range o.Mean {
			for i, x := range n.code(part, signed) {
				sum[i] += 1 / float64(len(o.Mean)) * x
			}
		}
		return clamp(sum, signed)
	case syntax.OperandConcepts:
		sum := make([]float64, n.d.Latents)
		for _, c := range o.Concepts {
			weight := 1.0
			if c.Weight != nil {
				weight = *c.Weight
			}
			for _, w := range n.d.Concepts[c.Name.Text].Group {
				sum[w.Latent] += weight * float64(w.W)
			}
		}
		return clamp(sum, false)
	}
	return n.dense(n.d.Model().Encode(sae.Code{}, unit(n.d.Texts[o.Arg.Text])))
}

// edit makes the activation of a concept or latent X, or X times what it was.
func (n *naive) edit(code []float64, e syntax.Edit) {
	group := n.target(e.Concept, e.Latent)
	has, squares := 0.0, 0.0
	for _, w := range group {
		has += float64(w.W) * code[w.Latent]
		squares += float64(w.W) * float64(w.W)
	}
	for _, w := range group {
		switch {
		case e.Scale:
			code[w.Latent] *= e.X
		case has != 0:
			code[w.Latent] *= e.X / has
		default:
			code[w.Latent] = e.X * float64(w.W) / squares
		}
	}
}

func (n *naive) target(concept, latent *syntax.Name) []query.Weight {
	if latent != nil {
		return n.group(true, latent.Text)
	}
	return n.group(false, concept.Text)
}

// vector is that of an operand; edits change what its code stands for.
func (n *naive) vector(o *syntax.Operand, signed bool) []float32 {
	var v []float32
	switch o.Kind {
	case syntax.OperandImage:
		v = n.vecs[o.Arg.Text]
	case syntax.OperandMean:
		sum := make([]float64, n.d.Latents)
		for _, part := range o.Mean {
			add(sum, n.vector(part, signed), 1)
		}
		v = narrow(sum)
	default:
		v = unit(n.d.Texts[o.Arg.Text])
	}
	if len(o.Edits) == 0 {
		return v
	}
	to := make([]float64, len(v))
	add(to, v, 1)
	add(to, n.decode(n.code(o, signed)), 1)
	add(to, n.decode(n.plainCode(o, signed)), -1)
	return narrow(to)
}

func add(to []float64, v []float32, scale float64) {
	for i, x := range v {
		to[i] += scale * float64(x)
	}
}

// narrow is the unit vector in the direction of v.
func narrow(v []float64) []float32 {
	sum := 0.0
	for _, x := range v {
		sum += x * x
	}
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x / math.Sqrt(sum))
	}
	return out
}

func (n *naive) decode(code []float64) []float32 {
	var c sae.Code
	for i, x := range code {
		if x != 0 {
			c.Latents, c.Acts = append(c.Latents, uint32(i)), append(c.Acts, float32(x))
		}
	}
	return n.d.Model().Decode(nil, c)
}

// steeredVector adds operands as vectors, and then what concepts change in what the code stands for.
func (n *naive) steeredVector(near *syntax.Near, signed bool) []float32 {
	v := n.vector(near.What, signed)
	if len(near.Steer) == 0 {
		return v
	}
	to := make([]float64, len(v))
	add(to, v, 1)
	var before, after []float64
	for _, s := range near.Steer {
		if s.Operand != nil {
			add(to, n.vector(s.Operand, signed), scaleOf(s))
			continue
		}
		if before == nil {
			before, after = n.code(near.What, signed), n.code(near.What, signed)
		}
		n.steer(after, s, signed)
	}
	if before != nil {
		add(to, n.decode(clamp(after, signed)), 1)
		add(to, n.decode(before), -1)
	}
	return narrow(to)
}

// dense is a code with its zeros.
func (n *naive) dense(c sae.Code) []float64 {
	out := make([]float64, n.d.Latents)
	for i, latent := range c.Latents {
		out[latent] = float64(c.Acts[i])
	}
	return out
}

func scaleOf(s syntax.Steer) float64 {
	scale := 1.0
	if s.Scale != nil {
		scale = *s.Scale
	}
	if s.Minus {
		scale = -scale
	}
	return scale
}

// steer adds an operand's code, or the mean activation of each latent of a concept, where it is active.
func (n *naive) steer(asked []float64, s syntax.Steer, signed bool) {
	if s.Operand != nil {
		for i, x := range n.code(s.Operand, signed) {
			asked[i] += scaleOf(s) * x
		}
		return
	}
	group := n.target(s.Concept, s.Latent)
	for _, w := range group {
		sum, count := 0.0, 0.0
		for _, item := range n.d.Items {
			if act := n.dense(n.codes[item.ID])[w.Latent]; act > 0 {
				sum, count = sum+act, count+1
			}
		}
		if count > 0 {
			asked[w.Latent] += scaleOf(s) * (sum / count) * float64(w.W/group[0].W)
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
	counts := map[any]int{}
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
		case c.By.Name == "latent":
			for _, latent := range n.codes[item.ID].Latents {
				counts[int64(latent)]++
			}
		default:
			for _, v := range n.values(item.ID, c.By.Name) {
				counts[v]++
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
		return cmp.Or(cmp.Compare(b.Count, a.Count), compareLiteral(a.Value, fmt.Sprint(b.Value)))
	})
	return cut(rows, c.Tails, false)
}

func (n *naive) explain(e *syntax.Explain) []query.Row {
	var rows []query.Row
	total := 0.0
	code := n.code(e.What, false)
	for latent, act := range code {
		other := 1.0
		if e.Against != nil {
			other = n.code(e.Against, false)[latent]
		}
		if act == 0 || other == 0 {
			continue
		}
		name := n.d.Names[uint32(latent)]
		row := query.Row{Kind: query.KindExplain, Latent: uint32(latent), Concept: name.Word, RunnersUp: name.RunnersUp, Activation: act, Share: act * other}
		if e.Against != nil {
			row.Kind, row.Other = query.KindPair, other
		}
		total += row.Share
		rows = append(rows, row)
	}
	for i := range rows {
		rows[i].Share /= total
	}
	slices.SortStableFunc(rows, func(a, b query.Row) int { return cmp.Compare(b.Share, a.Share) })
	return cut(rows, e.Tails, true)
}

func (n *naive) list(l *syntax.List) []query.Row {
	switch {
	case l.What == syntax.ListImages && l.LikeText:
		what := &syntax.Operand{Kind: syntax.OperandText, Arg: *l.Like}
		return n.find(&syntax.Find{Near: &syntax.Near{What: what}, Where: l.Where, Tails: l.Tails})
	case l.What == syntax.ListImages:
		return n.imageList(l)
	case l.LikeText:
		return n.likeText(l)
	}
	rows := n.all(l)
	if l.Like != nil {
		rows = slices.DeleteFunc(rows, func(r query.Row) bool { return !glob(l.Like.Text, r.Concept) })
	}
	if t := tail(l.Tails, syntax.TailOrder); t != nil { // by count, descending
		slices.SortStableFunc(rows, func(a, b query.Row) int { return cmp.Compare(b.Count, a.Count) })
	}
	return cut(rows, l.Tails, false)
}

// imageList lists images by id, without scores.
func (n *naive) imageList(l *syntax.List) []query.Row {
	f := &syntax.Find{All: true, Tails: l.Tails}
	if l.Where != nil {
		f.Where = &syntax.Not{X: &syntax.Not{X: l.Where}}
	}
	if l.Like != nil {
		id := &syntax.Meta{Field: syntax.Field{Name: "id"}, Op: syntax.Glob, Values: []syntax.Value{{Text: l.Like.Text}}}
		f.Where = &syntax.And{Terms: append([]syntax.Expr{id}, some(f.Where)...)}
	}
	return n.find(f)
}

func some(x syntax.Expr) []syntax.Expr {
	if x == nil {
		return nil
	}
	return []syntax.Expr{x}
}

// likeText lists concepts or latents by the cosine of their decoder rows with the direction of a text: from the mean of all texts.
func (n *naive) likeText(l *syntax.List) []query.Row {
	text := make([]float32, n.d.Latents)
	for i, x := range n.d.Texts[l.Like.Text] {
		mean := 0.0
		for _, w := range n.d.Texts {
			mean += float64(w[i]) / float64(len(n.d.Texts))
		}
		text[i] = x - float32(mean)
	}
	var rows []query.Row
	for _, row := range n.all(l) {
		if row.Kind == query.KindLatent {
			row.Score = n.cosOf(row.Latent, text)
		} else {
			for _, w := range n.d.Concepts[row.Concept].Group {
				row.Score += float64(w.W) * n.cosOf(w.Latent, text)
			}
		}
		if t := tail(l.Tails, syntax.TailMinScore); row.Score > 0 && (t == nil || row.Score >= *t.X) {
			rows = append(rows, row)
		}
	}
	slices.SortStableFunc(rows, func(a, b query.Row) int { return cmp.Compare(b.Score, a.Score) })
	return cut(rows, l.Tails, true)
}

// cosOf is the cosine of a latent's decoder row.
func (n *naive) cosOf(latent uint32, v []float32) float64 {
	row := n.d.Model().Wdec[int(latent)*n.d.Latents:][:n.d.Latents]
	dot := dotOf(v, row)
	if dot == 0 {
		return 0
	}
	return float64(float32(dot / math.Sqrt(dotOf(v, v)*dotOf(row, row))))
}

// all lists every concept or latent with its statistics.
func (n *naive) all(l *syntax.List) []query.Row {
	var rows []query.Row
	if l.What == syntax.ListLatents {
		for latent := range uint32(n.d.Latents) {
			name := n.d.Names[latent]
			row := query.Row{Kind: query.KindLatent, Latent: latent, Concept: name.Word, RunnersUp: name.RunnersUp}
			rows = append(rows, n.stats(row, []query.Weight{{Latent: latent, W: 1}}))
		}
		return rows
	}
	for _, w := range n.d.Words() {
		row := query.Row{Kind: query.KindConcept, Concept: w}
		for _, weight := range n.d.Concepts[w].Group {
			row.Latents = append(row.Latents, weight.Latent)
		}
		rows = append(rows, n.stats(row, n.d.Concepts[w].Group))
	}
	return rows
}

// stats adds what the activations of a group are like.
func (n *naive) stats(row query.Row, group []query.Weight) query.Row {
	sum := 0.0
	for _, item := range n.d.Items {
		if act := float64(n.activation(group, item.ID)); act > 0 {
			row.Count++
			row.Max = max(row.Max, act)
			sum += act
		}
	}
	if row.Count > 0 {
		row.Mean = sum / float64(row.Count)
	}
	row.Density = float64(row.Count) / float64(len(n.d.Items))
	return row
}

// describe gives everything about a concept or a latent; of an image its metadata, its latents and the nearest images.
func (n *naive) describe(d *syntax.Describe) []query.Row {
	if d.What == "image" {
		return []query.Row{n.describeImage(d.Name.Text)}
	}
	var rows []query.Row
	for _, row := range n.all(&syntax.List{What: syntax.Listing(d.What + "s")}) {
		if d.What == "latent" && fmt.Sprint(row.Latent) == d.Name.Text || d.What == "concept" && row.Concept == d.Name.Text {
			rows = append(rows, row)
		}
	}
	group := n.group(d.What == "latent", d.Name.Text)
	if d.What == "concept" {
		latents := n.all(&syntax.List{What: syntax.ListLatents})
		for _, w := range group {
			rows = append(rows, latents[w.Latent])
		}
	}
	n.around(&rows[0], group)
	for i := range rows {
		rows[i].Rank = i + 1
	}
	return rows
}

func (n *naive) around(row *query.Row, group []query.Weight) {
	own := func(latent uint32) bool {
		return slices.ContainsFunc(group, func(w query.Weight) bool { return w.Latent == latent })
	}
	to := make([]float64, n.d.Latents)
	for _, w := range group {
		add(to, n.d.Model().Wdec[int(w.Latent)*n.d.Latents:][:n.d.Latents], float64(w.W))
	}
	for latent := range uint32(n.d.Latents) {
		if cos := n.cosOf(latent, narrow(to)); !own(latent) && cos > 0 {
			row.Neighbours = append(row.Neighbours, query.Neighbour{Latent: latent, Concept: n.d.Names[latent].Word, Cosine: cos})
		}
	}
	slices.SortStableFunc(row.Neighbours, func(a, b query.Neighbour) int { return cmp.Compare(b.Cosine, a.Cosine) })
	var fire []Item
	for _, item := range n.d.Items {
		if n.activation(group, item.ID) > 0 {
			fire = append(fire, item)
			row.Pictures = append(row.Pictures, query.Picture{ID: item.ID, Score: float64(n.activation(group, item.ID))})
		}
	}
	row.Pictures = firstPictures(row.Pictures)
	for latent := range uint32(n.d.Latents) {
		count, all := 0, 0
		for _, item := range n.d.Items {
			if n.dense(n.codes[item.ID])[latent] > 0 {
				all++
				if n.activation(group, item.ID) > 0 {
					count++
				}
			}
		}
		share := float64(count) / float64(len(fire))
		if excess := share - float64(all)/float64(len(n.d.Items)); excess > 0 && !own(latent) {
			row.Together = append(row.Together, query.Together{Latent: latent, Concept: n.d.Names[latent].Word, Count: count, Share: share, Excess: excess})
		}
	}
	slices.SortStableFunc(row.Together, func(a, b query.Together) int { return cmp.Compare(b.Excess, a.Excess) })
	row.Neighbours, row.Together = row.Neighbours[:min(5, len(row.Neighbours))], row.Together[:min(5, len(row.Together))]
}

func firstPictures(list []query.Picture) []query.Picture {
	slices.SortFunc(list, func(a, b query.Picture) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID)) })
	return list[:min(5, len(list))]
}

func (n *naive) describeImage(id string) query.Row {
	item := n.item(id)
	row := query.Row{Kind: query.KindImage, Rank: 1, ID: id, Path: item.Meta["path"].(string), Meta: maps.Clone(item.Meta)}
	delete(row.Meta, "path")
	for _, e := range n.explain(&syntax.Explain{What: &syntax.Operand{Kind: syntax.OperandImage, Arg: syntax.Name{Text: id}}}) {
		row.Why = append(row.Why, query.Why{Latent: e.Latent, Concept: e.Concept, Activation: e.Activation, Share: e.Share})
	}
	for _, other := range n.d.Items {
		if other.ID != id {
			score := float64(float32(dotOf(n.vecs[other.ID], n.vecs[id])))
			row.Pictures = append(row.Pictures, query.Picture{ID: other.ID, Score: score})
		}
	}
	row.Pictures = firstPictures(row.Pictures)
	return row
}
