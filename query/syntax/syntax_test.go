package syntax

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
)

// cases reads the cases of a test file: the lines between blank lines, comments left out.
func cases(t testing.TB, file string) [][]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all [][]string
	for chunk := range strings.SplitSeq(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n\n") {
		var lines []string
		for line := range strings.SplitSeq(strings.Trim(chunk, "\n"), "\n") {
			if !strings.HasPrefix(line, "# ") {
				lines = append(lines, line)
			}
		}
		switch len(lines) {
		case 0:
		case 2, 3:
			all = append(all, lines)
		default:
			t.Fatalf("%s: a case of %d lines: %q", file, len(lines), lines)
		}
	}
	return all
}

func TestForms(t *testing.T) {
	for _, c := range cases(t, "testdata/forms.txt") {
		want := c[1]
		if want == "=" {
			want = c[0]
		}
		q, err := Parse(c[0])
		if err != nil {
			t.Errorf("%s\n%v", c[0], err)
			continue
		}
		if got := q.String(); got != want {
			t.Errorf("%s\n got %s\nwant %s", c[0], got, want)
		}
		if text := c[0][q.Start:q.End]; text != c[0] {
			t.Errorf("%s\nthe span of the query is over %q", c[0], text)
		}
		checkRoundTrip(t, q)
	}
}

// checkRoundTrip demands that the canonical form parses to the same tree and is its own canonical form.
func checkRoundTrip(t *testing.T, q *Query) {
	t.Helper()
	text := q.String()
	again, err := Parse(text)
	if err != nil {
		t.Errorf("the canonical form does not parse: %s\n%v", text, err)
		return
	}
	clearSpans(reflect.ValueOf(q))
	clearSpans(reflect.ValueOf(again))
	if !reflect.DeepEqual(q, again) {
		t.Errorf("the canonical form is another query: %s", text)
	}
	if got := again.String(); got != text {
		t.Errorf("canonical form of the canonical form\n got %s\nwant %s", got, text)
	}
}

// clearSpans zeroes every Span below v, so that trees compare by what they mean.
func clearSpans(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			clearSpans(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			clearSpans(v.Index(i))
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[Span]() {
			v.SetZero()
			return
		}
		for i := range v.NumField() {
			clearSpans(v.Field(i))
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range cases(t, "testdata/errors.txt") {
		before, want, marked := strings.Cut(c[1], "### ")
		if !marked {
			t.Fatalf("no ### below %q", c[0])
		}
		q, err := Parse(c[0])
		var bad *Error
		if !errors.As(err, &bad) {
			t.Errorf("%s\nno error, but %v", c[0], q)
			continue
		}
		hint := ""
		if len(c) == 3 {
			hint = strings.TrimSpace(c[2])
		}
		if bad.Msg != want || bad.Offset != len([]byte(before)) || bad.Hint != hint {
			mark := strings.Repeat(" ", bad.Offset)
			t.Errorf("\n%s\n%s### %s\n%s%s\nwant %s\n%s", c[0], mark, bad.Msg, mark, bad.Hint, c[1], hint)
		}
	}
}

func TestLimits(t *testing.T) {
	repeat := func(s, sep string, n int) string { return strings.TrimSuffix(strings.Repeat(s+sep, n), sep) }
	for _, c := range []struct {
		name, fits, exceeds, msg string
	}{
		{"text", "all" + strings.Repeat(" ", MaxText-3), "all" + strings.Repeat(" ", MaxText-2), "the query is longer than 65,536 bytes"},
		{"not", repeat("not", " ", MaxDepth) + " a", repeat("not", " ", MaxDepth+1) + " a", "nested deeper than 64 levels"},
		{"parentheses", repeat("(", "", MaxDepth) + "a" + repeat(")", "", MaxDepth), repeat("(", "", MaxDepth+1) + "a", "nested deeper than 64 levels"},
		{"mean", "near " + repeat("mean (", "", MaxDepth) + "image 1" + repeat(")", "", MaxDepth), "near " + repeat("mean (", "", MaxDepth+1), "nested deeper than 64 levels"},
		{"conditions", repeat("a", " or ", MaxTerms), repeat("a", " or ", MaxTerms+1), "more than 256 terms"},
		{"names", "concept in (" + repeat("a", ",", MaxTerms) + ")", "concept in (" + repeat("a", ",", MaxTerms+1) + ")", "more than 256 terms"},
		{"values", "id in (" + repeat("a", ",", MaxTerms) + ")", "id in (" + repeat("a", ",", MaxTerms+1) + ")", "more than 256 terms"},
		{"top", "all top 10000", "all top 10001", "top goes from 1 to 10000, not 10001"},
		{"offset", "all offset 10000", "all offset 10001", "offset goes from 0 to 10000, not 10001"},
	} {
		if _, err := Parse(c.fits); err != nil {
			t.Errorf("%s: what just fits: %v", c.name, err)
		}
		var bad *Error
		if _, err := Parse(c.exceeds); !errors.As(err, &bad) || bad.Msg != c.msg {
			t.Errorf("%s: got %v, want %s", c.name, err, c.msg)
		}
	}
}

func TestTextThatIsNotUTF8(t *testing.T) {
	var bad *Error
	if _, err := Parse("concept = \uFFFD\xff"); !errors.As(err, &bad) || bad.Offset != 13 {
		t.Errorf("got %v, want an error at offset 13", err)
	}
}

// Every production that a function of the parser reads has that function's name, and the other way round.
func TestGrammarNamesTheFunctions(t *testing.T) {
	grammar, err := os.ReadFile("grammar.txt")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("parse.go")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(grammar), "\n") {
		name, _, found := strings.Cut(line, " ")
		if found && name != "" && strings.Contains(line, "=") && name[0] >= 'A' && name[0] <= 'Z' &&
			!strings.Contains(string(source), ") parse"+name+"(") {
			t.Errorf("grammar.txt has the production %s and the parser no parse%s", name, name)
		}
	}
}

func TestSpansStandOverTheText(t *testing.T) {
	text := `find  concept = dog >= 40 % and  label = "x" top 5`
	q, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	f := q.Stmt.(*Find)
	both := f.Where.(*And)
	for _, c := range []struct {
		span Span
		want string
	}{
		{both.Span, `concept = dog >= 40 % and  label = "x"`},
		{both.Terms[0].Range(), `concept = dog >= 40 %`},
		{both.Terms[0].(*Act).Names[0].Span, `dog`},
		{both.Terms[0].(*Act).Threshold.Span, `>= 40 %`},
		{both.Terms[1].(*Meta).Field.Span, `label`},
		{both.Terms[1].(*Meta).Values[0].Span, `"x"`},
		{f.Tails[0].Span, `top 5`},
	} {
		if got := text[c.span.Start:c.span.End]; got != c.want {
			t.Errorf("span over %q, want %q", got, c.want)
		}
	}
}

// FuzzParse: no text makes the parser panic, errors lie within the text, and the
// canonical form of what parses is the same query.
func FuzzParse(f *testing.F) {
	for _, c := range cases(f, "testdata/forms.txt") {
		f.Add(c[0])
	}
	for _, c := range cases(f, "testdata/errors.txt") {
		f.Add(c[0])
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text)
		if err != nil {
			var bad *Error
			if !errors.As(err, &bad) || bad.Offset < 0 || bad.Offset > len(text) || bad.Msg == "" {
				t.Fatalf("%q: a bad error: %#v", text, err)
			}
			return
		}
		if len(q.String()) <= MaxText { // spaces may make it longer than what was written
			checkRoundTrip(t, q)
			checkJSON(t, q)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := Parse("concept = seascape >= 0.4 and meta.year >= 2020 and not concept = people top 20"); err != nil {
			b.Fatal(err)
		}
	}
}
