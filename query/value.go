package query

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/saedb/saedb/query/syntax"
)

// A literal is a value as the type of its field wants it. A date without a time
// of day stands for the whole day: from first to last.
type literal struct {
	first any
	last  any
}

// meta resolves a condition on a metadata field.
func (c *compiler) meta(m *syntax.Meta) (cond, error) {
	f, err := c.field(m.Field)
	if err != nil {
		return nil, err
	}
	preds, negate, err := c.preds(m, f)
	if err != nil {
		return nil, err
	}
	terms := make([]cond, len(preds))
	for i, p := range preds {
		terms[i] = &has{p, c.rowsOf(c.holders(f))}
	}
	if x := either(foldSum, terms...); negate {
		return &none{x, c.rowsOf(c.Len())}, nil
	} else {
		return x, nil
	}
}

// holders returns how many items have a field; every one has an id and a path.
func (c *compiler) holders(f Field) int {
	if f.Name == "id" || f.Name == "path" {
		return c.Len()
	}
	return f.Count
}

// field finds a field by name.
func (c *compiler) field(n syntax.Field) (Field, error) {
	fields, err := c.fields()
	if err != nil {
		return Field{}, err
	}
	f, known := fields[n.Name]
	if !known {
		return f, c.unknownField(n, fields)
	}
	return f, nil
}

// preds turns a condition on a field into tests of which one must hold, or none
// where negate is set.
func (c *compiler) preds(m *syntax.Meta, f Field) (preds []Pred, negate bool, err error) {
	if m.Op == syntax.Exists {
		return []Pred{{Field: f.Name, Op: Exists}}, false, nil
	}
	if m.Op == syntax.True {
		if !slices.Contains(f.Types, TypeBool) {
			return nil, false, c.fail(m.Field.Span, "compare it with a value, or ask exists "+f.Name,
				"%s holds %s, and only a field of true and false stands alone", f.Name, typeList(f))
		}
		return []Pred{{Field: f.Name, Op: Eq, Values: []any{true}}}, false, nil
	}
	if m.Op == syntax.Glob && len(f.Types) > 0 && !slices.Contains(f.Types, TypeString) {
		return nil, false, c.fail(m.Values[0].Span, "compare it: = < <= > >= between", "%s holds %s, and a pattern matches text only", f.Name, typeList(f))
	}
	var values []literal
	for _, v := range m.Values {
		list, err := c.literals(v, f, m.Op)
		if err != nil {
			return nil, false, err
		}
		values = append(values, list...)
	}
	if m.Op != syntax.In && m.Op != syntax.NotIn && m.Op != syntax.Eq && m.Op != syntax.Ne && len(values) != len(m.Values) {
		return nil, false, c.fail(m.Values[0].Span, `write "in"`, "a list cannot be compared by %q", m.Op)
	}
	test := func(op Op, values ...any) []Pred { return []Pred{{Field: f.Name, Op: op, Values: values}} }
	switch m.Op {
	case syntax.Lt:
		return test(Lt, values[0].first), false, nil
	case syntax.Le:
		return test(Le, values[0].last), false, nil
	case syntax.Gt:
		return test(Gt, values[0].last), false, nil
	case syntax.Ge:
		return test(Ge, values[0].first), false, nil
	case syntax.Between:
		return test(Between, values[0].first, values[1].last), false, nil
	case syntax.Glob:
		return test(Glob, values[0].first), false, nil
	}
	return equals(f.Name, values), m.Op == syntax.Ne || m.Op == syntax.NotIn, nil
}

// equals tests whether a field has one of some values.
func equals(field string, values []literal) []Pred {
	var preds []Pred
	var exact []any
	for _, v := range values {
		if v.first == v.last {
			exact = append(exact, v.first)
		} else {
			preds = append(preds, Pred{Field: field, Op: Between, Values: []any{v.first, v.last}})
		}
	}
	switch len(exact) {
	case 0:
	case 1:
		preds = append(preds, Pred{Field: field, Op: Eq, Values: exact})
	default:
		preds = append(preds, Pred{Field: field, Op: In, Values: exact})
	}
	return preds
}

// literals gives a value the type of its field. It returns several where a
// parameter is a list, or where the field holds text beside other types and the
// value may be either.
func (c *compiler) literals(v syntax.Value, f Field, op syntax.Op) ([]literal, error) {
	if op == syntax.Glob {
		name, err := c.name(syntax.Name{Span: v.Span, Text: v.Text, Param: v.Kind == syntax.ValueParam})
		return []literal{{name.Text, name.Text}}, err
	}
	if v.Kind == syntax.ValueParam {
		return c.paramLiterals(v, f, op)
	}
	var out []literal
	if typed, ok := typedLiteral(v, f); ok {
		out = append(out, typed)
	}
	asText := v.Kind == syntax.ValueString || op == syntax.Eq || op == syntax.Ne || op == syntax.In || op == syntax.NotIn
	if slices.Contains(f.Types, TypeString) && (asText || len(out) == 0) {
		out = append(out, literal{v.Text, v.Text})
	}
	if len(out) == 0 {
		return nil, c.fail(v.Span, "", "%s holds %s, and %q is no such value", f.Name, typeList(f), v.Text)
	}
	return out, nil
}

// typedLiteral reads a value as one of the field's types other than text.
func typedLiteral(v syntax.Value, f Field) (l literal, ok bool) {
	holds := func(types ...string) bool {
		return slices.ContainsFunc(types, func(t string) bool { return slices.Contains(f.Types, t) })
	}
	if holds(TypeInt, TypeFloat) && (v.Kind == syntax.ValueNumber || v.Kind == syntax.ValueString) {
		if i, err := strconv.ParseInt(v.Text, 10, 64); err == nil {
			return literal{i, i}, true
		}
		if x, err := strconv.ParseFloat(v.Text, 64); err == nil && v.Kind == syntax.ValueNumber {
			return literal{x, x}, true
		}
	}
	if holds(TypeTime) && (v.Kind == syntax.ValueDate || v.Kind == syntax.ValueString) {
		if first, last, ok := parseTime(v.Text); ok {
			return literal{first, last}, true
		}
	}
	if holds(TypeBool) && (v.Kind == syntax.ValueBool || v.Kind == syntax.ValueString) {
		switch v.Text {
		case "true":
			return literal{true, true}, true
		case "false":
			return literal{false, false}, true
		}
	}
	return l, false
}

// parseTime reads a date or a time. A date alone goes from the first to the last
// nanosecond of the day; UTC is meant where no zone is given.
func parseTime(s string) (first, last time.Time, ok bool) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, t.AddDate(0, 0, 1).Add(-1), true
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, t, true
		}
	}
	return first, last, false
}

// paramLiterals gives a parameter the type of its field.
func (c *compiler) paramLiterals(v syntax.Value, f Field, op syntax.Op) ([]literal, error) {
	value, err := c.param(v.Span, v.Text)
	if err != nil {
		return nil, err
	}
	as := func(kind syntax.ValueKind, text string) ([]literal, error) {
		return c.literals(syntax.Value{Span: v.Span, Kind: kind, Text: text}, f, op)
	}
	switch value := value.(type) {
	case string:
		return as(syntax.ValueString, value)
	case int64:
		return as(syntax.ValueNumber, strconv.FormatInt(value, 10))
	case float64:
		return as(syntax.ValueNumber, strconv.FormatFloat(value, 'g', -1, 64))
	case bool:
		return as(syntax.ValueBool, strconv.FormatBool(value))
	case time.Time:
		return as(syntax.ValueDate, value.Format(time.RFC3339Nano))
	case []string:
		if len(value) == 0 {
			return nil, c.fail(v.Span, "", "the list $%s is empty", v.Text)
		}
		var out []literal
		for _, s := range value {
			list, err := as(syntax.ValueString, s)
			if err != nil {
				return nil, err
			}
			out = append(out, list...)
		}
		return out, nil
	}
	return nil, c.fail(v.Span, "", "$%s is a %T, which no field holds", v.Text, value)
}

// typeList names the types of a field for an error message.
func typeList(f Field) string {
	if len(f.Types) == 0 {
		return "nothing"
	}
	return strings.Join(f.Types, " and ")
}
