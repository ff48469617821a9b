package syntax

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

// toJSON is the JSON form of a query.
func toJSON(t testing.TB, q *Query) string {
	t.Helper()
	data, err := q.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// checkJSON demands that the JSON form of a query reads as the same tree, and is written as the same JSON again.
func checkJSON(t *testing.T, q *Query) {
	t.Helper()
	text := toJSON(t, q)
	if !json.Valid([]byte(text)) {
		t.Fatalf("not JSON: %s", text)
	}
	var again Query
	if err := again.UnmarshalJSON([]byte(text)); err != nil {
		t.Errorf("the JSON form is refused: %s\n%v", text, err)
		return
	}
	clearSpans(reflect.ValueOf(q))
	if !reflect.DeepEqual(q, &again) {
		t.Errorf("the JSON form is another query: %s\n got %s\nwant %s", text, again.String(), q.String())
	}
	if got := toJSON(t, &again); got != text {
		t.Errorf("JSON of the JSON form\n got %s\nwant %s", got, text)
	}
	if got, err := q.Text(); err != nil || got != q.String() {
		t.Errorf("Text: got %s, %v, want %s", got, err, q.String())
	}
}

func TestFormsAsJSON(t *testing.T) {
	for _, c := range cases(t, "testdata/forms.txt") {
		q, err := Parse(c[0])
		if err != nil {
			t.Errorf("%s\n%v", c[0], err)
			continue
		}
		checkJSON(t, q)
	}
}

func TestJSON(t *testing.T) {
	for _, c := range cases(t, "testdata/json.txt") {
		q, err := Parse(c[0])
		if err != nil {
			t.Errorf("%s\n%v", c[0], err)
			continue
		}
		if got := toJSON(t, q); got != c[1] {
			t.Errorf("%s\n got %s\nwant %s", c[0], got, c[1])
		}
	}
}

func TestErrorsInJSON(t *testing.T) {
	for _, c := range cases(t, "testdata/json_errors.txt") {
		before, want, marked := strings.Cut(c[1], "### ")
		if !marked {
			t.Fatalf("no ### below %q", c[0])
		}
		var q Query
		var bad *Error
		if err := q.UnmarshalJSON([]byte(c[0])); !errors.As(err, &bad) {
			t.Errorf("%s\nno error, but %v", c[0], q)
			continue
		}
		hint := ""
		if len(c) == 3 {
			hint = strings.TrimSpace(c[2])
		}
		if bad.Msg != want || bad.Offset != len(before) || bad.Hint != hint {
			mark := strings.Repeat(" ", bad.Offset)
			t.Errorf("\n%s\n%s### %s\n%s%s\nwant %s\n%s", c[0], mark, bad.Msg, mark, bad.Hint, c[1], hint)
		}
	}
}

// What fits into a text fits into JSON, and what does not does not.
func TestLimitsInJSON(t *testing.T) {
	repeat := func(s string, n int) string { return strings.Repeat(s, n) }
	list := func(s string, n int) string { return "[" + strings.TrimSuffix(strings.Repeat(s+",", n), ",") + "]" }
	where := func(x string) string { return `{"find":{"where":` + x + `}}` }
	const all = `{"find":{"all":true}}`
	nots := func(n int) string { return where(repeat(`{"not":`, n) + `{"field":"a"}` + repeat(`}`, n)) }
	for _, c := range []struct {
		name, fits, exceeds, msg string
	}{
		{"text", where(`{"field":"a","=":"` + repeat("x", MaxText-4) + `"}`), where(`{"field":"a","=":"` + repeat("x", MaxText-3) + `"}`), "the query is longer than 65,536 bytes as text"},
		{"JSON", repeat(" ", MaxJSON-len(all)) + all, repeat(" ", MaxJSON-len(all)+1) + all, "the query as JSON is longer than 524,288 bytes"},
		{"not", nots(MaxDepth), nots(MaxDepth + 1), "nested deeper than 64 levels"},
		{"terms", where(`{"or":` + list(`{"field":"a"}`, MaxTerms) + `}`), where(`{"or":` + list(`{"field":"a"}`, MaxTerms+1) + `}`), "more than 256 terms"},
		{"names", where(`{"concept":{"in":` + list(`"a"`, MaxTerms) + `}}`), where(`{"concept":{"in":` + list(`"a"`, MaxTerms+1) + `}}`), "more than 256 terms"},
		{"values", where(`{"field":"a","in":` + list(`1`, MaxTerms) + `}`), where(`{"field":"a","in":` + list(`1`, MaxTerms+1) + `}`), "more than 256 terms"},
		{"top", `{"find":{"all":true,"top":10000}}`, `{"find":{"all":true,"top":10001}}`, "/find/top: goes from 1 to 10000, not 10001"},
		{"offset", `{"find":{"all":true,"offset":10000}}`, `{"find":{"all":true,"offset":10001}}`, "/find/offset: goes from 0 to 10000, not 10001"},
	} {
		var q Query
		if err := q.UnmarshalJSON([]byte(c.fits)); err != nil {
			t.Errorf("%s: what just fits: %v", c.name, err)
		}
		var bad *Error
		if err := q.UnmarshalJSON([]byte(c.exceeds)); !errors.As(err, &bad) || !strings.HasSuffix(bad.Msg, c.msg) {
			t.Errorf("%s: got %v, want %s", c.name, err, c.msg)
		}
	}
}

// A tree that no text parses to has no text either.
func TestTextOfBadTrees(t *testing.T) {
	find := func(x Expr, tails ...Tail) *Query { return &Query{Stmt: &Find{Where: x, Tails: tails}} }
	nan := math.NaN()
	meta := func(field string, op Op, v ...Value) Expr {
		return &Meta{Field: Field{Name: field}, Op: op, Values: v}
	}
	for _, c := range []struct {
		q   *Query
		msg string
	}{
		{&Query{}, "the query is empty"},
		{find(nil), "/find: expected near, where or all"},
		{find(meta("a or id", Eq, Value{Text: "x"})), `/find/where/field: "a or id" is no name of a field`},
		{find(meta("and", Eq, Value{Text: "x"})), `/find/where/field: "and" is a word of the language and no field here`},
		{find(meta("a", Between, Value{Text: "x"})), "/find/where/between: expected a list of the lowest and the highest value, found 1"},
		{find(meta("a", Eq, Value{Kind: ValueNumber, Text: "1 or b"})), `/find/where/=: "1 or b" is no number`},
		{find(meta("a", Eq, Value{Kind: ValueDate, Text: "today"})), `/find/where/=: "today" is no date`},
		{find(meta("a", Eq, Value{Kind: ValueParam, Text: "a b"})), `/find/where/=/param: "a b" is no name of a parameter`},
		{find(meta("a", "contains", Value{Text: "x"})), `/find/where/contains: unknown key "contains"`},
		{find(&And{Terms: []Expr{meta("a", True)}}), "/find/where/and: expected a list of 2 or more conditions, found 1"},
		{find(&Not{}), "/find/where/not: expected a condition: one of and, or, not, concept, latent, field, exists; found 0 keys"},
		{find(&Act{Op: Eq}), "/find/where/concept/=: expected the name of a concept or {\"param\":…}, found a list"},
		{find(&Act{Op: Eq, Names: []Name{{Text: "sea"}}, Weight: &nan}), "/find/where/concept/weight: expected a number, found null"},
		{find(meta("a", True), Tail{Kind: TailTop}), "/find/top: goes from 1 to 10000, not 0"},
		{find(meta("a", True), Tail{Kind: "limit"}), `/find/limit: unknown key "limit"`},
		{find(meta("a", True), Tail{Kind: TailSelf}, Tail{Kind: TailSelf}), `/find: "include_self" stands twice`},
		{&Query{Stmt: &Find{Near: &Near{}}}, "/find/near: expected one of image, file, url, text, vector, mean and concepts"},
	} {
		text, err := c.q.Text()
		var bad *Error
		if !errors.As(err, &bad) || !strings.Contains(bad.Msg, c.msg) {
			t.Errorf("got %q, %v, want %s", text, err, c.msg)
		}
	}
}

// FuzzJSON: no JSON makes the reader panic, errors lie within it, and what is read is a query that a text says as well.
func FuzzJSON(f *testing.F) {
	for _, c := range cases(f, "testdata/forms.txt") {
		q, err := Parse(c[0])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(toJSON(f, q))
	}
	for _, c := range cases(f, "testdata/json_errors.txt") {
		f.Add(c[0])
	}
	f.Fuzz(func(t *testing.T, text string) {
		var q Query
		if err := q.UnmarshalJSON([]byte(text)); err != nil {
			var bad *Error
			if !errors.As(err, &bad) || bad.Offset < 0 || bad.Offset > len(text) || bad.Msg == "" {
				t.Fatalf("%q: a bad error: %#v", text, err)
			}
			return
		}
		checkRoundTrip(t, &q)
		checkJSON(t, &q)
	})
}
