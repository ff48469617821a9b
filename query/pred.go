package query

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// An Op is a test on the value of one metadata field.
type Op uint8

// The tests. "!=", "not in" and "not" are no tests of their own: they are the
// items that fail the opposite test, those without the field among them.
const (
	Eq      Op = iota // = Values[0]
	Lt                // < Values[0]
	Le                // <= Values[0]
	Gt                // > Values[0]
	Ge                // >= Values[0]
	In                // equal to one of Values
	Between           // >= Values[0] and <= Values[1]
	Glob              // a string that the pattern Values[0] matches as a whole
	Exists            // the field is there; no Values
)

var opNames = [...]string{"=", "<", "<=", ">", ">=", "in", "between", "~", "exists"}

// String returns the test as the language writes it.
func (op Op) String() string {
	if int(op) < len(opNames) {
		return opNames[op]
	}
	return fmt.Sprintf("Op(%d)", uint8(op))
}

// A Pred is a test of one field. Values hold string, int64, float64, time.Time or
// bool. Integers and floats compare as numbers; otherwise a value only ever
// equals, or is ordered with, a value of its own type: strings by their bytes,
// times by the instant, false before true.
type Pred struct {
	Field  string
	Op     Op
	Values []any
}

// Match reports whether a field with the value v passes the test: nil is a field
// that is not there, and a list of strings passes if any member does. It is the
// slow twin of every secondary index, which may also call it once for each
// distinct value that it holds.
func (p Pred) Match(v any) bool {
	switch list := v.(type) {
	case nil:
		return false
	case []string:
		if p.Op == Exists {
			return true
		}
		for _, s := range list {
			if p.matchOne(s) {
				return true
			}
		}
		return false
	}
	return p.matchOne(v)
}

// matchOne is Match for a single value.
func (p Pred) matchOne(v any) bool {
	holds := func(i int, ok func(int) bool) bool {
		c, comparable := Compare(v, p.Values[i])
		return comparable && ok(c)
	}
	switch p.Op {
	case Exists:
		return true
	case Eq, In:
		for i := range p.Values {
			if holds(i, func(c int) bool { return c == 0 }) {
				return true
			}
		}
		return false
	case Lt:
		return holds(0, func(c int) bool { return c < 0 })
	case Le:
		return holds(0, func(c int) bool { return c <= 0 })
	case Gt:
		return holds(0, func(c int) bool { return c > 0 })
	case Ge:
		return holds(0, func(c int) bool { return c >= 0 })
	case Between:
		return holds(0, func(c int) bool { return c >= 0 }) && holds(1, func(c int) bool { return c <= 0 })
	case Glob:
		s, isText := v.(string)
		pattern, _ := p.Values[0].(string)
		return isText && MatchGlob(pattern, s)
	}
	return false
}

// String returns the test as the language writes it, values quoted where they are text.
func (p Pred) String() string {
	var text []string
	for _, v := range p.Values {
		text = append(text, formatValue(v))
	}
	switch p.Op {
	case Exists:
		return "exists " + p.Field
	case In:
		return p.Field + " in (" + strings.Join(text, ", ") + ")"
	case Between:
		return p.Field + " between " + strings.Join(text, " and ")
	}
	return p.Field + " " + p.Op.String() + " " + strings.Join(text, ", ")
}

// formatValue writes a metadata value for people.
func formatValue(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v)
}

// Compare orders two metadata values; ok is false where they have no order,
// being of different kinds or not a number.
func Compare(a, b any) (c int, ok bool) {
	switch a := a.(type) {
	case string:
		if b, isText := b.(string); isText {
			return strings.Compare(a, b), true
		}
	case time.Time:
		if b, isTime := b.(time.Time); isTime {
			return a.Compare(b), true
		}
	case bool:
		if b, isBool := b.(bool); isBool {
			return compareBool(a, b), true
		}
	case int64:
		switch b := b.(type) {
		case int64:
			return cmp.Compare(a, b), true
		case float64:
			c, ok := compareIntFloat(a, b)
			return c, ok
		}
	case float64:
		switch b := b.(type) {
		case int64:
			c, ok := compareIntFloat(b, a)
			return -c, ok
		case float64:
			return cmp.Compare(a, b), a == a && b == b
		}
	}
	return 0, false
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// compareIntFloat orders an integer and a float without rounding the integer.
func compareIntFloat(i int64, f float64) (c int, ok bool) {
	const two63 = 1 << 63
	switch {
	case f != f:
		return 0, false
	case f >= two63:
		return -1, true
	case f < -two63:
		return 1, true
	}
	whole := int64(f) // towards zero
	if c := cmp.Compare(i, whole); c != 0 {
		return c, true
	}
	return cmp.Compare(0, f-float64(whole)), true
}

// MatchGlob reports whether pattern matches the whole of s. In it '*' stands for
// any run of characters, '/' among them, '?' for exactly one, and everything
// else for itself. It takes at most len(pattern)*len(s) steps.
func MatchGlob(pattern, s string) bool {
	// On a mismatch only the last star need be tried again, one character longer.
	star, retry := -1, 0
	p, i := 0, 0
	for i < len(s) {
		_, width := utf8.DecodeRuneInString(s[i:])
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, retry = p, i
			p++
		case p < len(pattern) && pattern[p] == '?':
			p++
			i += width
		case p < len(pattern) && pattern[p] == s[i]:
			p++
			i++
		case star >= 0:
			_, width := utf8.DecodeRuneInString(s[retry:])
			retry += width
			p, i = star+1, retry
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
