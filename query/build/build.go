// Package build makes queries in Go, where a program would otherwise paste texts together:
//
//	q := build.Find(build.And(build.Concept("seascape").AtLeast(0.4), build.Ge("meta.year", 2020))).Top(20)
//
// is the tree that syntax.Parse makes of
//
//	concept = seascape >= 0.4 and meta.year >= 2020 top 20
//
// Whatever a string holds, it stays a name or a value: no quotes are needed, and nobody's text becomes a condition. db.QueryTree answers
// Query.Tree; there, or in syntax.Query.Text, it is found out if the tree is no query, such as where a field's name has a space in it.
//
// Find, Near, All, Explain, List, Count and Describe begin a query; the methods of Query add its tails.
package build

import (
	"strconv"
	"time"

	"github.com/saedb/saedb/query/syntax"
)

// Param stands for the parameter of that name wherever a name or a value may stand.
type Param string

// Named is what names a concept or an image.
type Named interface{ string | Param }

// Valued is what a field is compared with.
type Valued interface {
	string | int | int64 | float64 | bool | time.Time | Param
}

func name[N Named](n N) syntax.Name {
	if p, isParam := any(n).(Param); isParam {
		return syntax.Name{Text: string(p), Param: true}
	}
	return syntax.Name{Text: any(n).(string)}
}

func names[N Named](list []N) []syntax.Name {
	var out []syntax.Name
	for _, n := range list {
		out = append(out, name(n))
	}
	return out
}

func value[V Valued](v V) syntax.Value {
	switch v := any(v).(type) {
	case int:
		return syntax.Value{Kind: syntax.ValueNumber, Text: strconv.Itoa(v)}
	case int64:
		return syntax.Value{Kind: syntax.ValueNumber, Text: strconv.FormatInt(v, 10)}
	case float64:
		return syntax.Value{Kind: syntax.ValueNumber, Text: strconv.FormatFloat(v, 'g', -1, 64)}
	case bool:
		return syntax.Value{Kind: syntax.ValueBool, Text: strconv.FormatBool(v)}
	case time.Time:
		return syntax.Value{Kind: syntax.ValueDate, Text: v.Format(time.RFC3339Nano)}
	case Param:
		return syntax.Value{Kind: syntax.ValueParam, Text: string(v)}
	case string:
		return syntax.Value{Text: v}
	}
	return syntax.Value{} // no other type is Valued
}

// weight is nil for 1, which is what no weight means.
func weight(w float64) *float64 {
	if w == 1 {
		return nil
	}
	return &w
}
