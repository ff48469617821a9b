package naive

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/saedb/saedb/query/syntax"
)

// A verdict is what a condition says about one item.
type verdict struct {
	match  bool
	scored bool
	score  float64
}

// judge applies a condition to an item; f is sum, min or max.
func (n *Twin) judge(x syntax.Expr, item Item, f string) verdict {
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
func (n *Twin) judgeAct(a *syntax.Act, item Item, f string) verdict {
	var out verdict
	for _, name := range n.expand(a) {
		group := n.group(a.Latent, name)
		act := n.Activation(group, item.ID)
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
func (n *Twin) expand(a *syntax.Act) []string {
	var names []string
	for _, name := range a.Names {
		if a.Op != syntax.Glob {
			names = append(names, name.Text)
			continue
		}
		for _, w := range n.words() {
			if glob(name.Text, w) {
				names = append(names, w)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (n *Twin) group(latent bool, name string) []Weight {
	if !latent {
		return n.d.Concepts[name]
	}
	i, err := strconv.Atoi(name)
	if err != nil {
		panic(err)
	}
	return []Weight{{Latent: uint32(i), W: 1}}
}

// activation sums W*activation over a group, by ascending latent.
func (n *Twin) Activation(group []Weight, id string) float32 {
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

func (n *Twin) passes(t *syntax.Threshold, group []Weight, act float32) bool {
	limit := t.X
	if t.Percent {
		largest := float32(0)
		for _, item := range n.d.Items {
			largest = max(largest, n.Activation(group, item.ID))
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
	return judgeValue(m, v, there)
}

// judgeValue applies a condition to the value of its field.
func judgeValue(m *syntax.Meta, v any, there bool) bool {
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

// compareLiteral orders a value and a literal of its type. A date without a time of day is all times of that day.
func compareLiteral(v any, text string) int {
	switch v := v.(type) {
	case int64:
		return compareLiteral(float64(v), text)
	case float64:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			panic(err)
		}
		return cmp.Compare(v, x)
	case bool:
		return cmp.Compare(strconv.FormatBool(v), text)
	case time.Time:
		if day, err := time.Parse(time.DateOnly, text); err == nil {
			return v.UTC().Truncate(24 * time.Hour).Compare(day)
		}
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04"} {
			if at, err := time.Parse(layout, text); err == nil {
				return v.Compare(at)
			}
		}
		panic(fmt.Sprintf("%q is no time", text))
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

// contributions adds what each latent gives to the score of an item by a condition that it fulfils.
func (n *Twin) contributions(x syntax.Expr, item Item, sum map[uint32]float64) {
	if !n.judge(x, item, "sum").match {
		return
	}
	switch x := x.(type) {
	case *syntax.And:
		for _, t := range x.Terms {
			n.contributions(t, item, sum)
		}
	case *syntax.Or:
		for _, t := range x.Terms {
			n.contributions(t, item, sum)
		}
	case *syntax.Act:
		if x.Op == syntax.Ne || x.Op == syntax.NotIn {
			return
		}
		for _, name := range n.expand(x) {
			one := *x
			one.Op, one.Names = syntax.Eq, []syntax.Name{{Text: name}}
			if n.judgeAct(&one, item, "sum").match {
				n.contribute(n.group(x.Latent, name), x.Weight, item, sum)
			}
		}
	}
}

func (n *Twin) contribute(group []Weight, weight *float64, item Item, sum map[uint32]float64) {
	times := 1.0
	if weight != nil {
		times = *weight
	}
	has := n.dense(n.codes[item.ID])
	for _, w := range group {
		if act := has[w.Latent]; act > 0 {
			sum[w.Latent] += times * float64(w.W) * act
		}
	}
}

// why makes reasons of contributions, by latent.
func (n *Twin) why(item Item, sum map[uint32]float64) []Why {
	total := 0.0
	for _, part := range sum {
		total += part
	}
	why := []Why{}
	for i, latent := range n.codes[item.ID].Latents {
		if part, gave := sum[latent]; gave {
			if total != 0 {
				part /= total
			}
			why = append(why, Why{latent, n.d.Names[latent].Word, float64(n.codes[item.ID].Acts[i]), part})
		}
	}
	return why
}
