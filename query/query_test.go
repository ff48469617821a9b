package query_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/query/querytest"
	"github.com/saedb/saedb/query/syntax"
)

// shore is a source of three pictures.
func shore(t testing.TB) query.Source {
	t.Helper()
	d, err := querytest.ParseData(`
		latents 3 k 2
		name 0 sea 0.5 0.25 ocean
		confidence 0 0.375
		concept sea 0:1
		concept dog 2:1
		alias ocean_wave sea
		decoder 1 0.6 0.8 0
		text ocean 1 0 0
		cluster 0 sea 0.5 sea:0.75
		cluster 1 _ 1
		item a 3 4 0 cluster=0 meta.year=2020 meta.width=2 width=64 meta.at=2021-05-01T10:00:00Z meta.on=true
		item b 0 3 4 meta.year=2021 label=dog meta.x=0.5
		item 42 1 0 0 meta.year=2022 meta.x=2
	`)
	if err != nil {
		t.Fatal(err)
	}
	return querytest.NewMemory(d)
}

// answer returns the rows of a query, or its error.
func answer(src query.Source, text string, p query.Params, opts ...query.Option) ([]query.Row, error) {
	plan, err := query.Compile(context.Background(), text, src, p, opts...)
	if err != nil {
		return nil, err
	}
	var rows []query.Row
	for row, err := range plan.Run(context.Background(), src) {
		if err != nil {
			return rows, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// ids returns the ids of the rows of a query, joined by spaces.
func ids(t *testing.T, src query.Source, text string, p query.Params, opts ...query.Option) string {
	t.Helper()
	rows, err := answer(src, text, p, opts...)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var out []string
	for _, r := range rows {
		out = append(out, r.ID)
	}
	return strings.Join(out, " ")
}

// Scripts depend on these lines: they change only with a reason that is worth breaking them.
func TestRowsAsJSON(t *testing.T) {
	src := shore(t)
	for _, c := range []struct{ query, want string }{
		{"latent = 0 top 1", `{"rank":1,"id":"42","score":1,"path":"42"}`},
		{"latent = 0 top 1 with why, meta, codes, vector", `{"rank":1,"id":"42","score":1,"path":"42","meta":{"x":2,"year":2022},` +
			`"why":[{"latent":0,"concept":"sea","activation":1,"share":1}],"codes":{"latents":[0],"activations":[1]},"vector":[1,0,0]}`},
		{"id = a with meta", `{"rank":1,"id":"a","score":0,"path":"a","meta":{"at":"2021-05-01T10:00:00Z","cluster":0,"meta.width":2,"on":true,"width":64,"year":2020}}`},
		{"near image a + sea with why top 1", `{"rank":1,"id":"42","score":0.8682431578636169,"path":"42","why":[{"latent":0,"concept":"sea","activation":1,"share":1}],"was":1}`},
		{"all group by meta.year after \"\" top 1", `{"rank":1,"id":"42","score":0,"path":"42","by":"meta.year","value":2022,"cursor":"AaqjbfjybcD5JSMihOSc8ssBAQAAAAAAAAAANDK8kC89"}`},
		{"concepts like text \"ocean\" top 1", `{"rank":1,"concept":"sea","latents":[0],"count":2,"density":0.6666666666666666,"max":1,"mean":0.800000011920929,"score":1}`},
		{"describe latent 1", `{"rank":1,"latent":1,"concept":"","count":2,"density":0.6666666666666666,"max":0.800000011920929,"mean":0.7000000178813934,"dead":false,"confidence":0,"reason":"","cosine":0,"margin":0,"runners_up":[],"neighbours":[{"latent":0,"concept":"sea","cosine":0.6000000238418579}],"together":[{"latent":2,"concept":"","count":1,"share":0.5,"excess":0.16666666666666669}],"pictures":[{"id":"a","score":0.800000011920929},{"id":"b","score":0.6000000238418579}]}`},
		{"describe concept sea", `{"rank":1,"concept":"sea","latents":[0],"count":2,"density":0.6666666666666666,"max":1,"mean":0.800000011920929,"aliases":["ocean wave"],"neighbours":[{"latent":1,"concept":"","cosine":0.6000000238418579}],"pictures":[{"id":"42","score":1},{"id":"a","score":0.6000000238418579}]}`},
		{"describe image a", `{"rank":1,"id":"a","score":0,"path":"a","meta":{"at":"2021-05-01T10:00:00Z","cluster":0,"meta.width":2,"on":true,"width":64,"year":2020},"why":[{"latent":1,"concept":"","activation":0.800000011920929,"share":0.571428565346465},{"latent":0,"concept":"sea","activation":0.6000000238418579,"share":0.42857143465353503}],"pictures":[{"id":"42","score":0.6000000238418579},{"id":"b","score":0.48000001907348633}]}`},
		{"explain image 42", `{"rank":1,"latent":0,"concept":"sea","activation":1,"share":1,"confidence":0.375,"runners_up":["ocean"]}`},
		{"explain image 42 vs image 42", `{"rank":1,"latent":0,"concept":"sea","activation":1,"other":1,"share":1,"confidence":0.375,"runners_up":["ocean"]}`},
		{"concepts like dog", `{"rank":1,"concept":"dog","latents":[2],"count":1,"density":0.3333333333333333,"max":0.800000011920929,"mean":0.800000011920929}`},
		{"latents like sea", `{"rank":1,"latent":0,"concept":"sea","count":2,"density":0.6666666666666666,"max":1,"mean":0.800000011920929,"dead":false,` +
			`"confidence":0.375,"reason":"","cosine":0.5,"margin":0.25,"runners_up":["ocean"]}`},
		{"fields like meta.x", `{"rank":1,"field":"meta.x","types":["float","int"],"count":2}`},
		{"clusters", `{"rank":1,"cluster":0,"name":"sea","count":1,"density":0.3333333333333333,"mean_cosine":0.5,"concepts":[{"word":"sea","share":0.75}]}`},
		{"clusters where cluster = 1", `{"rank":1,"cluster":1,"name":"","count":0,"density":0,"mean_cosine":1,"concepts":[]}`},
		{"count by cluster", `{"rank":1,"by":"cluster","value":0,"name":"sea","count":1}`},
		{"count", `{"rank":1,"count":3}`},
		{"count by meta.on", `{"rank":1,"by":"meta.on","value":true,"count":1}`},
		{"count concept = dog by latent top 1", `{"rank":1,"by":"latent","value":1,"count":1}`},
		{"plan all", `{"rank":1,"plan":"rows by id"}`},
	} {
		rows, err := answer(src, c.query, nil)
		if err != nil || len(rows) == 0 {
			t.Errorf("%s: %d rows, %v", c.query, len(rows), err)
			continue
		}
		got, err := json.Marshal(rows[0])
		if err != nil || string(got) != c.want {
			t.Errorf("%s\n got %s %v\nwant %s", c.query, got, err, c.want)
		}
		var read query.Row
		err = json.Unmarshal(got, &read)
		again, err2 := json.Marshal(read)
		if err != nil || err2 != nil || read.Kind != rows[0].Kind || string(again) != c.want {
			t.Errorf("%s read and written again: a row of kind %s, %s %v %v\nwant kind %s, %s", c.query, read.Kind, again, err, err2, rows[0].Kind, c.want)
		}
	}
	if err := json.Unmarshal([]byte(`{"rank":"first"}`), new(query.Row)); err == nil {
		t.Error("a rank that is text was read")
	}
}

func TestErrorAsJSONAndText(t *testing.T) {
	src := shore(t)
	text := "concept = sea\n  and concept = \"dög\" top 3"
	_, err := answer(src, text, nil)
	var bad *query.Error
	if !errors.As(err, &bad) {
		t.Fatal(err)
	}
	got, err := json.Marshal(bad)
	want := `{"error":"unknown concept \"dög\"","offset":30,"hint":"did you mean dog (latent 2)?"}`
	if err != nil || string(got) != want {
		t.Errorf(" got %s %v\nwant %s", got, err, want)
	}
	wantText := "unknown concept \"dög\"\n    and concept = \"dög\" top 3\n                  ^\ndid you mean dog (latent 2)?\n"
	if bad.Render() != wantText {
		t.Errorf(" got %q\nwant %q", bad.Render(), wantText)
	}
	if want := `query:2:17: unknown concept "dög" (did you mean dog (latent 2)?)`; bad.Error() != want {
		t.Errorf(" got %s\nwant %s", bad, want)
	}
}

// A long line is cut around the struck place, and the caret still stands under it.
func TestCaretInALongLine(t *testing.T) {
	src := shore(t)
	text := strings.Repeat("concept = sea or ", 20) + "concept\t= cat" + strings.Repeat(" or concept = dog", 20)
	_, err := answer(src, text, nil)
	var bad *query.Error
	if !errors.As(err, &bad) {
		t.Fatal(err)
	}
	lines := strings.Split(bad.Render(), "\n")
	if at := strings.Index(lines[2], "^"); len(lines[1]) > 110 || !strings.HasPrefix(lines[1][at:], "cat ") {
		t.Errorf("the caret is not under cat:\n%s", bad.Render())
	}
}

func TestKindsOfErrors(t *testing.T) {
	src := shore(t)
	d, err := querytest.ParseData("item a 1 2")
	if err != nil {
		t.Fatal(err)
	}
	bare := querytest.NewMemory(d)
	for _, c := range []struct {
		src  query.Source
		text string
		kind error
	}{
		{bare, "concept = sea", query.ErrNoModel},
		{bare, "near image a in latent", query.ErrNoModel},
		{src, "near image nobody", query.ErrNotFound},
		{src, "describe image nobody", query.ErrNotFound},
		{src, "concepts like text \"sea\"", query.ErrNoEncoder},
		{bare, "clusters", query.ErrNoClusters},
		{src, `near file "x"`, query.ErrNoEncoder},
		{src, `near text "x"`, querytest.ErrNoText},
	} {
		if _, err := answer(c.src, c.text, nil); !errors.Is(err, c.kind) {
			t.Errorf("%s: got %v, want %v", c.text, err, c.kind)
		}
	}
}

func TestParams(t *testing.T) {
	src := shore(t)
	day := time.Date(2021, 5, 1, 10, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		text string
		v    any
		want string
	}{
		{"concept = $v", "dog", "b"},
		{"concept in ($v) top 1", []string{"dog", "sea"}, "42"},
		{"concept ~ $v", "do*", "b"},
		{"latent = $v", 2, "b"},
		{"latent = $v", uint32(2), "b"},
		{"near image $v top 1", 42, "a"},
		{"meta.year = $v", int8(0), ""},
		{"meta.year = $v", int64(2021), "b"},
		{"meta.year > $v", 2020.5, "42 b"},
		{"meta.x = $v", float32(0.5), "b"},
		{"meta.x <= $v", uint64(2), "42 b"},
		{"meta.on = $v", true, "a"},
		{"meta.at = $v", day, "a"},
		{"meta.at = $v", day.In(time.FixedZone("", 3600)), "a"},
		{"meta.at < $v", "2021-05-02", "a"},
		{"label = $v", `dog" or id = "a`, ""},
		{"id in ($v)", []string{"a", "b"}, "a b"},
		{"id not in ($v)", []string{"a", "b"}, "42"},
		{"id = $v", 42, "42"},
		{"near vector $v in dense top 1", []float32{0, 0, 5}, "b"},
		{"near vector $v top 1", []float32{0, 0, 5}, "b"},
	} {
		if got := ids(t, src, c.text, query.Params{"v": c.v}); got != c.want {
			t.Errorf("%s with %T %v: got %q, want %q", c.text, c.v, c.v, got, c.want)
		}
	}
	for _, c := range []struct {
		text string
		v    any
		want string
	}{
		{"concept = $v", 2.5, "a name is a string or a whole number"},
		{"concept = $v", []string{"dog"}, "a name is a string or a whole number"},
		{"concept in ($v)", []string{}, "is empty"},
		{"meta.year = $v", struct{}{}, "which no field holds"},
		{"meta.year > $v", []string{"1", "2"}, "a list cannot be compared"},
		{"meta.year = $v", "soon", "no such value"},
		{"id in ($v)", []string{}, "is empty"},
		{"near vector $v", []float32{0, 0, 0}, "no direction"},
		{"near vector $v", []float32{0, float32(math.NaN()), 0}, "no direction"},
	} {
		if _, err := answer(src, c.text, query.Params{"v": c.v}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %v: got %v, want %q", c.text, c.v, err, c.want)
		}
	}
}

func TestLoader(t *testing.T) {
	src := shore(t)
	load := query.WithLoader(func(_ context.Context, kind syntax.OperandKind, name string) ([]float32, error) {
		switch fmt.Sprint(kind, " ", name) {
		case "file dog.jpg", "vector dog.npy", "url x://dog":
			return []float32{0, 0, 2}, nil
		case "file wide.jpg":
			return []float32{1, 2, 3, 4}, nil
		}
		return nil, errors.New("there is no " + name)
	})
	for _, text := range []string{`near file "dog.jpg" top 1`, `near vector "dog.npy" in dense top 1`, `near url "x://dog" + image b top 1 include self`} {
		if got := ids(t, src, text, nil, load); got != "b" {
			t.Errorf("%s: got %q, want b", text, got)
		}
	}
	for text, want := range map[string]string{
		`near file "x"`: "there is no x",
		`near image a + file "wide.jpg" in dense`:         "a vector of 4 numbers cannot be added to one of 3",
		`near mean (image a, file "wide.jpg") in dense`:   "a vector of 4 numbers has no mean with one of 3",
		`near concepts (sea) in dense`:                    "concepts have codes and no vectors",
		`near image a - image a in dense`:                 "no direction",
		`near mean (image a, image a) - image a in dense`: "no direction",
	} {
		if _, err := answer(src, text, nil, load); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

// A plan stays as it is: it runs again, and in several goroutines.
func TestPlanRunsAgain(t *testing.T) {
	src := shore(t)
	plan, err := query.Compile(t.Context(), "concept = sea or concept = dog with why", src, nil)
	if err != nil {
		t.Fatal(err)
	}
	run := func() string {
		var b strings.Builder
		for row, err := range plan.Run(context.Background(), src) {
			fmt.Fprintln(&b, querytest.FormatRow(row), err)
		}
		return b.String()
	}
	want := run()
	results := make(chan string)
	for range 4 {
		go func() { results <- run() }()
	}
	for range 4 {
		if got := <-results; got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	}
}

func TestCancelledContext(t *testing.T) {
	src := shore(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, text := range []string{"concept = sea", "concept = sea < 1 and meta.year > 1", "all", "all distinct", "all group by meta.year", "all order by meta.year", "near image a",
		"near image a in dense", "count concept = sea", "count by meta.year", "count by concept", "concepts order by max", "describe concept sea", `all after ""`} {
		plan, err := query.Compile(t.Context(), text, src, nil)
		if err != nil {
			t.Fatal(err)
		}
		ended := false
		for row, err := range plan.Run(ctx, src) {
			if ended = errors.Is(err, context.Canceled); !ended {
				t.Errorf("%s: got %v and %v, want the context's error", text, row, err)
			}
		}
		if !ended {
			t.Errorf("%s: no error", text)
		}
	}
}

func TestPred(t *testing.T) {
	day := time.Date(2021, 5, 1, 0, 0, 0, 0, time.UTC)
	const big = int64(1)<<53 + 1
	for _, c := range []struct {
		op     query.Op
		values []any
		v      any
		want   bool
	}{
		{query.Exists, nil, nil, false},
		{query.Exists, nil, []string{}, true},
		{query.Exists, nil, false, true},
		{query.Eq, []any{"a"}, []string{"b", "a"}, true},
		{query.Eq, []any{"a"}, nil, false},
		{query.Eq, []any{int64(2)}, 2.0, true},
		{query.Eq, []any{2.0}, int64(2), true},
		{query.Eq, []any{float64(1 << 53)}, big, false},
		{query.Gt, []any{float64(1 << 53)}, big, true},
		{query.Lt, []any{big}, float64(1 << 53), true},
		{query.Lt, []any{1e300}, int64(math.MaxInt64), true},
		{query.Gt, []any{-1e300}, int64(math.MinInt64), true},
		{query.Gt, []any{int64(2)}, 2.5, true},
		{query.Lt, []any{int64(-2)}, -2.5, true},
		{query.Eq, []any{math.NaN()}, math.NaN(), false},
		{query.Le, []any{math.NaN()}, int64(1), false},
		{query.Eq, []any{"2"}, int64(2), false},
		{query.Lt, []any{"b"}, "a", true},
		{query.Ge, []any{true}, false, false},
		{query.Ge, []any{false}, true, true},
		{query.Eq, []any{day}, day.In(time.FixedZone("", -7200)), true},
		{query.Lt, []any{day}, "2020", false},
		{query.In, []any{int64(1), "x"}, "x", true},
		{query.In, []any{int64(1), "x"}, "y", false},
		{query.Between, []any{int64(1), 2.5}, 2.5, true},
		{query.Between, []any{int64(1), 2.5}, int64(3), false},
		{query.Glob, []any{"a*"}, []string{"b", "ab"}, true},
		{query.Glob, []any{"*"}, int64(3), false},
	} {
		p := query.Pred{Field: "f", Op: c.op, Values: c.values}
		if got := p.Match(c.v); got != c.want {
			t.Errorf("%s of %v (%T): got %v", p, c.v, c.v, got)
		}
	}
}

// slowGlob is the definition of a pattern, a character at a time.
func slowGlob(pattern, s []rune) bool {
	switch {
	case len(pattern) == 0:
		return len(s) == 0
	case pattern[0] == '*':
		return slowGlob(pattern[1:], s) || len(s) > 0 && slowGlob(pattern, s[1:])
	}
	return len(s) > 0 && (pattern[0] == '?' || pattern[0] == s[0]) && slowGlob(pattern[1:], s[1:])
}

func FuzzMatchGlob(f *testing.F) {
	for _, c := range [][2]string{{"trips/*", "trips/a/b.jpg"}, {"*a?c*", "xxabacd"}, {"?", "é"}, {"*é", "aé"}, {"", ""}, {"**", ""}, {"a*b*c", "abcbc"}} {
		f.Add(c[0], c[1])
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		pattern, s = strings.ToValidUTF8(pattern, "?"), strings.ToValidUTF8(s, "?")
		if len(pattern) > 12 || len(s) > 12 {
			return // the definition takes exponential time
		}
		if got, want := query.MatchGlob(pattern, s), slowGlob([]rune(pattern), []rune(s)); got != want {
			t.Errorf("%q over %q: %v, by definition %v", pattern, s, got, want)
		}
	})
}

func ExampleCompile() {
	d, err := querytest.ParseData("latents 2 k 1\nconcept sea 0:1\nitem a.jpg 3 4\nitem b.jpg 4 3")
	if err != nil {
		fmt.Println(err)
		return
	}
	src := querytest.NewMemory(d)
	plan, err := query.Compile(context.Background(), "concept = $word top 5", src, query.Params{"word": "sea"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for row, err := range plan.Run(context.Background(), src) {
		fmt.Println(row.Rank, row.ID, err)
	}
	// Output: 1 b.jpg <nil>
}
