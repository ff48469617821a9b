package naive

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/saedb/saedb/query/syntax"
)

func (n *Twin) find(f *syntax.Find) []Row {
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
	for i := range rows {
		n.fill(f, &rows[i])
	}
	return n.moved(f, rows)
}

// fill adds to a row what the query asks for of its item.
func (n *Twin) fill(f *syntax.Find, row *Row) {
	with := tail(f.Tails, syntax.TailWith)
	if with == nil {
		return
	}
	item := n.item(row.ID)
	for _, part := range with.Parts {
		switch part {
		case "meta":
			row.Meta = maps.Clone(item.Meta)
			delete(row.Meta, "path")
		case "codes":
			code := n.codes[item.ID]
			row.Code = &code
		case "vector":
			row.Vector = n.vecs[item.ID]
		case "why":
			n.fillWhy(f, item, row)
		}
	}
}

func (n *Twin) fillWhy(f *syntax.Find, item Item, row *Row) {
	sum := map[uint32]float64{}
	switch {
	case f.Near == nil:
		if f.Where != nil {
			n.contributions(f.Where, item, sum)
		}
	case n.isDot(f.Near):
		for _, c := range f.Near.What.Concepts {
			if group := n.d.Concepts[c.Name.Text]; n.Activation(group, item.ID) > 0 { // the least float32, times a weight, is none
				n.contribute(group, c.Weight, item, sum)
			}
		}
	case n.space(f.Near) == syntax.SpaceDense:
		return
	default:
		asked := n.askedCode(f.Near, tail(f.Tails, syntax.TailSigned) != nil)
		has := n.dense(n.codes[item.ID])
		for i := range asked {
			if asked[i] != 0 && has[i] != 0 {
				sum[uint32(i)] = asked[i] * has[i]
			}
		}
	}
	row.Why = n.why(item, sum)
}

// ranked returns all rows of a find in order.
func (n *Twin) ranked(f *syntax.Find) []Row {
	fold := "sum"
	if t := tail(f.Tails, syntax.TailScore); t != nil {
		fold = t.Arg.Text
	}
	judge := n.judgeNear(f)
	var rows []Row
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
			rows = append(rows, Row{Kind: "image", ID: item.ID, Path: item.Meta["path"].(string), Score: v.score})
		}
	}
	order := tail(f.Tails, syntax.TailOrder)
	slices.SortFunc(rows, func(a, b Row) int {
		c := cmp.Compare(b.Score, a.Score)
		if order != nil {
			c = n.compareField(order, a, b)
		}
		return cmp.Or(c, cmp.Compare(a.ID, b.ID))
	})
	return rows
}

// distinct drops each row that is like one that stays before it.
func (n *Twin) distinct(rows []Row, t *syntax.Tail) []Row {
	least := 0.95
	if t.X != nil {
		least = *t.X
	}
	var kept []Row
	for _, row := range rows {
		same := slices.ContainsFunc(kept, func(k Row) bool { return dotOf(n.vecs[row.ID], n.vecs[k.ID]) >= least })
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
func (n *Twin) grouped(rows []Row, t *syntax.Tail, tails []syntax.Tail, ranked bool) []Row {
	type group struct {
		value any
		rows  []Row
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
	var out []Row
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
	if tail(tails, syntax.TailAfter) != nil && len(out) > 0 {
		out[len(out)-1].More = offset+top < len(groups)
	}
	return out
}

// values are those of an item's field, each once.
func (n *Twin) values(id, field string) []any {
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
func (n *Twin) moved(f *syntax.Find, rows []Row) []Row {
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
	before := slices.DeleteFunc(n.ranked(&plain), func(r Row) bool { return slices.Contains(hidden, r.ID) })
	for i, row := range rows {
		at := slices.IndexFunc(before, func(b Row) bool { return b.ID == row.ID })
		rows[i].Was = -1
		if at >= 0 && at < rows[len(rows)-1].Rank {
			rows[i].Was = at + 1
		}
	}
	return rows
}

// compareField orders rows by their score, or by a field of one kind; without it they come last.
func (n *Twin) compareField(order *syntax.Tail, a, b Row) int {
	switch {
	case order.Arg.Text == "score" && order.Desc:
		return cmp.Compare(b.Score, a.Score)
	case order.Arg.Text == "score":
		return cmp.Compare(a.Score, b.Score)
	case order.Arg.Text == "id" && order.Desc:
		return cmp.Compare(b.ID, a.ID)
	case order.Arg.Text == "id":
		return cmp.Compare(a.ID, b.ID)
	}
	x, hasX := n.item(a.ID).Meta[order.Arg.Text]
	y, hasY := n.item(b.ID).Meta[order.Arg.Text]
	switch {
	case hasX && hasY && order.Desc:
		return compareValues(y, x)
	case hasX && hasY:
		return compareValues(x, y)
	case hasX:
		return -1
	case hasY:
		return 1
	}
	return 0
}

// compareValues orders two values of one kind.
func compareValues(x, y any) int {
	switch x := x.(type) {
	case int64:
		return cmp.Compare(x, y.(int64))
	case time.Time:
		return x.Compare(y.(time.Time))
	}
	return cmp.Compare(x.(string), y.(string))
}

func (n *Twin) item(id string) Item {
	return n.d.Items[slices.IndexFunc(n.d.Items, func(item Item) bool { return item.ID == id })]
}

// cut numbers the rows and keeps those that offset and top ask for.
func cut(rows []Row, tails []syntax.Tail, ranked bool) []Row {
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
	shown := rows[:min(top, len(rows))]
	if tail(tails, syntax.TailAfter) != nil && len(shown) > 0 {
		shown[len(shown)-1].More = len(shown) < len(rows)
	}
	return shown
}

func tail(tails []syntax.Tail, kind syntax.TailKind) *syntax.Tail {
	for i := range tails {
		if tails[i].Kind == kind {
			return &tails[i]
		}
	}
	return nil
}
