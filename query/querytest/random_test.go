package querytest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/query/querytest/naive"
	"github.com/saedb/saedb/query/syntax"
)

var seed = flag.Uint64("seed", 1, "first seed of the random queries")

// A gambler writes random queries about its random data. Weights are powers of
// two, so that sums of scores are exact in any order.
type gambler struct {
	*rand.Rand
	d      *Data
	slow   *naive.Twin
	params query.Params // of the queries drawn so far
}

func newGambler(seed uint64) *gambler {
	g := &gambler{Rand: rand.New(rand.NewPCG(seed, 0)), params: query.Params{}}
	g.d = &Data{
		Latents: 6,
		K:       4,
		Names:   map[uint32]query.LatentName{0: {Word: "sea", RunnersUp: []string{"lake"}}, 3: {Word: "dog"}, 5: {Word: "barn", Common: true}},
		Concepts: map[string]query.Concept{
			"sea":      {Word: "sea", Group: []query.Weight{{Latent: 0, W: 0.5}, {Latent: 4, W: 0.3}, {Latent: 1, W: 0.2}}},
			"seaside":  {Word: "seaside", Group: []query.Weight{{Latent: 1, W: 1}}},
			"dog":      {Word: "dog", Group: []query.Weight{{Latent: 3, W: 0.75}, {Latent: 2, W: 0.25}}},
			"red barn": {Word: "red barn", Group: []query.Weight{{Latent: 5, W: 1}}},
		},
		Texts:   map[string][]float32{"the sea": {2, 1, 0, 0, 0.5, 0}, "a dog": {0, 0, 1, 2, 0, 0}, "x": {1, 1, 1, 1, 1, 1}},
		Decoder: map[uint32][]float32{1: {0.5, 1, 0, 0, 0, 0}, 4: {0.25, 0, 0, 0, 1, -0.5}},
		Clusters: []query.Cluster{
			{ID: 0, Name: "sea", Within: 0.75, Concepts: []query.ConceptShare{}}, {ID: 1, Name: "dog", Within: 0.5}, {ID: 2, Within: 1},
		},
	}
	for i := range 40 {
		g.d.Items = append(g.d.Items, g.item(i))
	}
	g.slow = twinOf(g.d)
	return g
}

// item makes an item with small integers in its vector, so that many scores tie. Some are those of another one but for the last bits of
// a number, so that weights do not tell them apart.
func (g *gambler) item(i int) Item {
	item := Item{ID: fmt.Sprintf("%c%d.jpg", 'a'+rune(g.IntN(26)), i), Meta: map[string]any{}}
	switch {
	case i < 4:
		item.ID = []string{"42", "1984", "2020-01-01", "2021-05-01T10:00:00Z"}[i]
	case i%3 == 0:
		item.ID = fmt.Sprintf("%dx%c.jpg", i, 'a'+rune(g.IntN(26)))
	case i%3 == 1:
		item.ID = fmt.Sprintf("red %d", i)
	}
	for range g.d.Latents {
		item.Vec = append(item.Vec, float32(max(0, g.IntN(6)-2)))
	}
	item.Vec[g.IntN(g.d.Latents)]++
	if i > 0 && g.IntN(3) == 0 {
		item.Vec = slices.Clone(g.d.Items[g.IntN(i)].Vec)
		at := g.IntN(g.d.Latents)
		for range g.IntN(3) {
			item.Vec[at] = math.Nextafter32(item.Vec[at], 9)
		}
	}
	item.Meta["path"] = g.pick("trips", "home") + "/" + item.ID
	if g.IntN(3) > 0 {
		item.Meta["meta.year"] = int64(2018 + g.IntN(5))
	}
	if g.IntN(3) > 0 {
		item.Meta["label"] = g.pick("dog", "sea", "red barn")
	}
	if g.IntN(2) > 0 {
		item.Meta["meta.tags"] = []string{g.pick("x", "y"), g.pick("y", "zoo")}
	}
	if g.IntN(2) > 0 {
		item.Meta["meta.on"] = g.IntN(2) > 0
	}
	if g.IntN(2) > 0 {
		item.Meta["meta.at"] = time.Date(2021, 5, 1+g.IntN(5), 6*g.IntN(4), 0, 0, 0, time.UTC)
	}
	if g.IntN(3) > 0 {
		item.Meta["cluster"] = int64(g.IntN(3))
	}
	return item
}

// pick draws one of some texts.
func (g *gambler) pick(texts ...string) string { return texts[g.IntN(len(texts))] }

// maybe draws a text or nothing.
func (g *gambler) maybe(text string) string { return g.pick("", text) }

func (g *gambler) cmp() string { return g.pick("=", "!=", "<", "<=", ">", ">=") }

func (g *gambler) concept() string { return g.name(g.pick("sea", "seaside", "dog", "red barn")) }

func (g *gambler) latent() string { return g.or(g.IntN(6), fmt.Sprint) }

func (g *gambler) text() string { return g.or(g.pick("the sea", "a dog"), quoted) }

func (g *gambler) glob(patterns ...string) string {
	return g.or(g.pick(patterns...), func(pattern ...any) string {
		if bare := fmt.Sprint(pattern...); !strings.Contains(bare, " ") {
			return g.pick(bare, quoted(bare))
		}
		return quoted(pattern...)
	})
}

func (g *gambler) anyID() string { return g.d.Items[g.IntN(len(g.d.Items))].ID }

func (g *gambler) id() string { return g.name(g.anyID()) }

// name writes a name, sometimes with quotes that it does not need.
func (g *gambler) name(s string) string {
	return g.or(s, func(...any) string {
		return g.pick(syntax.Name{Text: s}.String(), syntax.Name{Text: s}.String(), quoted(s))
	})
}

func quoted(s ...any) string { return syntax.Quote(fmt.Sprint(s...)) }

// or writes a value, or sometimes a parameter that has it.
func (g *gambler) or(v any, write func(...any) string) string {
	if g.IntN(8) > 0 {
		return write(v)
	}
	name := fmt.Sprint("p", len(g.params))
	g.params[name] = v
	return "$" + name
}

func (g *gambler) expr(depth int) string {
	if depth > 0 {
		switch g.IntN(5) {
		case 0:
			return g.expr(depth-1) + " or " + g.expr(depth-1)
		case 1:
			return g.expr(depth-1) + " and " + g.expr(depth-1)
		case 2:
			return "(" + g.expr(depth-1) + ")"
		case 3:
			return "not (" + g.expr(depth-1) + ")"
		}
	}
	if g.IntN(2) == 0 {
		return g.meta()
	}
	return g.act()
}

func (g *gambler) act() string {
	threshold := g.maybe(g.cmp() + " " + g.pick("0.2", "0.5", "0.8", "50%", "100%", "99%", "-0.5", g.activation(), g.activation(), g.activation()))
	weight := g.maybe(g.pick(" ^2", " ^0.5"))
	switch g.IntN(8) {
	case 0:
		return fmt.Sprintf("concept != %s %s", g.concept(), threshold)
	case 1:
		return fmt.Sprintf("concept in (%s, %s) %s%s", g.concept(), g.concept(), threshold, weight)
	case 2:
		return fmt.Sprintf("concept not in (%s) %s", g.concept(), threshold)
	case 3:
		return fmt.Sprintf("concept ~ %s %s%s", g.glob("sea*", "*", "?o?", "*barn"), threshold, weight)
	case 4:
		return fmt.Sprintf("latent %s %s %s", g.pick("=", "=", "!="), g.latent(), threshold)
	case 5:
		return fmt.Sprintf("latent in (%s, %s) %s%s", g.latent(), g.latent(), threshold, weight)
	}
	return fmt.Sprintf("concept = %s %s%s", g.concept(), threshold, weight)
}

// activation draws one that some item has, or its neighbour, of a latent or a concept.
func (g *gambler) activation() string {
	group := []query.Weight{{Latent: uint32(g.IntN(g.d.Latents)), W: 1}}
	if word := g.pick("sea", "seaside", "dog", ""); word != "" {
		group = g.d.Concepts[word].Group
	}
	x := g.slow.Activation(weightsOf(group), g.anyID())
	if g.IntN(3) == 0 {
		x = math.Nextafter32(x, float32(g.IntN(2)))
	}
	return strconv.FormatFloat(float64(x), 'f', -1, 64)
}

func (g *gambler) meta() string {
	switch g.IntN(11) {
	case 8:
		return fmt.Sprintf("meta.at %s %s", g.cmp(), g.time())
	case 9:
		return fmt.Sprintf("meta.at %s %s and %s", "between", g.time(), g.time())
	case 0:
		return fmt.Sprintf("meta.year %s %s", g.cmp(), g.pick("2019", "2020.5", "-3", g.or(2020, fmt.Sprint), g.or(2021, fmt.Sprint)))
	case 1:
		return fmt.Sprintf("meta.year between %d and %d", 2017+g.IntN(4), 2018+g.IntN(5))
	case 2:
		return fmt.Sprintf("meta.year %s (2019, %d)", g.pick("in", "not in"), 2018+g.IntN(5))
	case 3:
		return fmt.Sprintf("label %s %s", g.cmp(), g.pick("dog", `"red barn"`, "none", g.or("sea", quoted), g.or("dog", quoted)))
	case 4:
		return fmt.Sprintf("meta.tags %s %s", g.cmp(), g.pick("x", "y", "zoo"))
	case 5:
		return fmt.Sprintf("%s ~ %s", g.pick("path", "id", "label", "meta.tags"), g.glob("*", "trips/*", "?1*", "z*", "*o*g"))
	case 6:
		return "exists " + g.pick("meta.year", "label", "meta.tags", "meta.on", "width")
	case 7:
		return fmt.Sprintf("id %s (%s, %s)", g.pick("in", "not in"), g.id(), g.id())
	}
	return g.pick("meta.on", "meta.on = false", "meta.on != true", "id = "+g.id())
}

func (g *gambler) time() string {
	return fmt.Sprintf("2021-05-%02d", 1+g.IntN(5)) + g.pick("", "", "", "T06:00:00Z", "T14:00:00+02:00", "T12:00")
}

func (g *gambler) tails() string {
	return g.maybe(fmt.Sprint(" top ", 1+g.IntN(12))) + g.maybe(fmt.Sprint(" offset ", g.IntN(8)))
}

// chosen draws tails that leave rows out or put them together.
func (g *gambler) chosen() string {
	distinct, group := "", ""
	if g.IntN(3) == 0 {
		distinct = " distinct" + g.pick("", " 0.8", " 0.99", " 1")
	}
	if g.IntN(3) == 0 {
		group = " group by " + g.pick("label", "meta.year", "meta.tags", "meta.on", "path", "id", "cluster") + g.maybe(fmt.Sprint(" top ", 1+g.IntN(4)))
	}
	return distinct + group + g.tails() + g.pick("", "", "", " exact", " effort 7")
}

// shown draws tails that say what of the rows is shown.
func (g *gambler) shown(parts ...string) string {
	out := ""
	if g.IntN(4) == 0 {
		out += " after " + g.pick(`""`, g.or("", quoted))
	}
	if g.IntN(3) == 0 {
		g.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		out += " with " + strings.Join(parts[:1+g.IntN(len(parts))], ", ")
	}
	return out
}

// target draws what is edited or steered by.
func (g *gambler) target() string {
	return g.pick("", "concept ") + g.concept()
}

func (g *gambler) operand() string {
	o := ""
	switch g.IntN(6) {
	case 0:
		o = g.pick("text ", "text ", "file ", "vector ", "url ") + g.text()
	case 1:
		o = "mean (" + g.operand() + ", " + g.operand() + ")"
	default:
		o = "image " + g.id()
	}
	if g.IntN(3) == 0 {
		o += " (" + g.edit() + g.maybe(", "+g.edit()) + ")"
	}
	return o
}

func (g *gambler) edit() string {
	what := g.pick(g.target(), g.target(), "latent "+g.latent())
	if g.IntN(2) == 0 {
		return g.pick("0", "0.5", "2", "3") + "*" + what
	}
	return what + " = " + g.pick("0", "0.25", "0.5", "1.5")
}

func (g *gambler) steer() string {
	return g.pick(" + ", " - ") + g.pick("", "0.5*", "2*") + g.pick(g.target(), g.target(), "latent "+g.latent(), "image "+g.id(), g.operand())
}

// near draws a query for what is near to something, in codes or in vectors.
func (g *gambler) near() string {
	q := "near " + g.operand()
	if g.IntN(4) > 0 {
		q += g.steer() + g.maybe(g.steer())
	}
	steered := strings.Contains(q, " + ") || strings.Contains(q, " - ") || strings.Contains(q, "*") || strings.Contains(q, "=")
	q += g.maybe(g.pick(" in dense", " in latent")) + g.maybe(" where "+g.expr(2)) + g.maybe(" include self") + g.maybe(" min score 0.5")
	if steered {
		q += g.maybe(" signed")
	}
	return q + g.chosen()
}

// nearShown is near with more of every row. A search by vectors knows no reasons, unless it was steered.
func (g *gambler) nearShown() string {
	q := g.near()
	why := "codes"
	if strings.ContainsAny(strings.SplitN(q, " where ", 2)[0], "+*=") || !strings.Contains(q, " in dense") && !strings.HasPrefix(q, "near text") {
		why = "why"
	}
	return q + g.shown("meta", "vector", why)
}

// query draws one query of any form.
func (g *gambler) query() string {
	if g.IntN(40) == 0 {
		return "plan " + g.statement()
	}
	return g.statement()
}

func (g *gambler) statement() string {
	switch g.IntN(20) {
	case 0:
		return "count " + g.maybe(g.pick("", "where ")+g.expr(2)) + g.maybe(" by "+g.pick("concept", "latent", "label", "meta.tags", "meta.year", "cluster")) + g.tails() + g.end()
	case 1, 14:
		return "explain " + g.operand() + g.maybe(" vs "+g.operand()) + g.maybe(" with common") + g.tails() + g.end()
	case 2, 12, 15:
		return g.listing() + g.end()
	case 3, 4, 11:
		return g.nearShown() + g.end()
	case 5:
		return "near concepts (" + g.concept() + " ^2, " + g.concept() + ")" + g.maybe(" where "+g.expr(2)) + g.chosen() + g.shown("why", "codes") + g.end()
	case 10:
		return g.scored() + g.shown("why", "meta", "codes", "vector") + g.end()
	case 13, 16:
		return "images" + g.pick(" like "+g.glob("*1*", "red *"), " like text "+g.text(), "", "") + g.maybe(" where "+g.expr(2)) + g.chosen() + g.shown("meta", "codes") + g.end()
	case 17, 18:
		return "describe " + g.pick("concept "+g.concept(), "latent "+g.latent(), "image "+g.id()) + g.end()
	}
	order := g.pick("meta.year", "meta.at", "label", "id") + g.pick("", " asc", " desc")
	return g.maybe("find ") + g.pick("all", g.expr(3), g.expr(3), g.expr(3)) + g.maybe(" min score "+g.pick("0.25", "-1", g.activation())) +
		g.maybe(" score "+g.pick("sum", "min", "max")) + g.maybe(" order by "+order) + g.chosen() + g.shown("why", "meta", "codes", "vector") + g.end()
}

// end draws what may end a query.
func (g *gambler) end() string { return g.pick("", "", " ;") }

// listing draws a list of anything but images.
func (g *gambler) listing() string {
	what := g.pick("concepts", "latents", "clusters", "fields")
	if g.IntN(4) == 0 && (what == "concepts" || what == "latents") {
		return what + " like text " + g.text() + g.maybe(" min score 0.25") + g.tails()
	}
	where := g.pick("count > 9", "not count <= 20 or name ~ s*", "name != sea", "count between 5 and 30 and name > b")
	if what == "concepts" || what == "latents" {
		where = g.pick(where, "max >= 0.9", "dead or mean < 0.6")
	}
	order := ""
	if g.IntN(2) > 0 {
		order = " order by " + g.pick("count", "name", "count") + g.pick("", " desc")
	}
	return what + g.maybe(" like "+g.glob("s*", "*", "meta.*", "?o?")) + g.maybe(" where "+where) + order + g.tails()
}

// scored draws a query whose rows have scores, in the order of them.
func (g *gambler) scored() string {
	return "find " + g.pick("concept = sea", "concept = dog ^2", "latent = 1") + g.pick(" and ", " or ") + g.pick("concept in (sea, dog)", "latent = 4", "(concept = dog and meta.on)") +
		g.maybe(" min score "+g.activation()) + g.maybe(" score "+g.pick("sum", "min", "max")) + " order by score" + g.maybe(" desc") + g.chosen()
}

// answer runs a query through package query and prints its rows, scores to the last bit.
func answer(t *testing.T, src query.Source, p query.Params, text string) string {
	t.Helper()
	plan, err := query.Compile(t.Context(), text, src, p, texts(src))
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	var rows []query.Row
	for row, err := range plan.Run(t.Context(), src) {
		var bad *query.Error
		if errors.As(err, &bad) && (strings.HasPrefix(bad.Msg, "nothing is left of the code") || strings.HasPrefix(bad.Msg, "this vector has no direction")) {
			return "" // steered to nowhere; near nothing
		}
		if err != nil {
			t.Fatalf("%s\n%v", text, err)
		}
		rows = append(rows, row)
	}
	return lines(rows)
}

// with is p and one parameter more.
func with(p query.Params, name string, v any) query.Params {
	more := maps.Clone(p)
	more[name] = v
	return more
}

func lines(rows []query.Row) string {
	var b strings.Builder
	for _, r := range rows {
		r.Why = byLatent(r.Why)
		fmt.Fprintf(&b, "%s %v\n", FormatRow(r), r.Score)
	}
	return b.String()
}

// texts lets a query name files and URLs: each has the vector of the text of that name.
func texts(src query.Source) query.Option {
	return query.WithLoader(func(ctx context.Context, _ syntax.OperandKind, name string) ([]float32, error) {
		v, _, err := src.TextVector(ctx, name)
		return v, err
	})
}

// bound is a query with parameters in their places.
func bound(q *syntax.Query, p query.Params) *syntax.Query {
	bind(reflect.ValueOf(q), p)
	return q
}

func bind(v reflect.Value, p query.Params) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			bind(v.Elem(), p)
		}
	case reflect.Slice:
		for i := range v.Len() {
			bind(v.Index(i), p)
		}
	case reflect.Struct:
		switch at := v.Addr().Interface().(type) {
		case *syntax.Name:
			if at.Param {
				*at = syntax.Name{Text: fmt.Sprint(p[at.Text])}
			}
		case *syntax.Value:
			if at.Kind == syntax.ValueParam {
				*at = syntax.Value{Text: fmt.Sprint(p[at.Text])}
			}
		default:
			for i := range v.NumField() {
				bind(v.Field(i), p)
			}
		}
	}
}

// TestAgainstNaive: every answer is that of the slow twin, row for row, whichever form a query has. With $SAEDB_LONG there are 10,000 queries,
// and a table of how often each form of the grammar was among them.
func TestAgainstNaive(t *testing.T) {
	rounds, least := 40, 10
	if os.Getenv("SAEDB_LONG") != "" {
		rounds, least = 100, 100
	}
	grammar, err := os.ReadFile("../syntax/grammar.txt")
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, form := range GrammarForms(string(grammar)) {
		counts[form] = 0
	}
	queries, nonEmpty := 0, 0
	for s := *seed; s < *seed+uint64(rounds); s++ {
		g := newGambler(s)
		src, slow := NewMemory(g.d), twinOf(g.d)
		for range 100 {
			queries++
			text := g.query()
			q, err := syntax.Parse(text)
			if err != nil {
				t.Fatalf("seed %d: %s\n%v", s, text, err)
			}
			Forms(text, q, func(form string) {
				if _, known := counts[form]; !known {
					t.Fatalf("the grammar has no form %q", form)
				}
				counts[form]++
			})
			if text, err := q.Text(); err != nil || text != q.String() {
				t.Fatalf("seed %d: %s\nas JSON and back: %s %v", s, text, text, err)
			}
			if q.Plan {
				checkPlan(t, src, g.params, text)
				continue
			}
			got, want := answer(t, src, g.params, text), lines(rowsOf(slow.Answer(bound(q, g.params))))
			if got != want {
				t.Fatalf("seed %d: %s\nparameters %v\ngot\n%swant\n%s", s, text, g.params, got, want)
			}
			if want != "" {
				nonEmpty++
			}
		}
	}
	var table strings.Builder
	for _, form := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&table, "%7d  %s\n", counts[form], form)
		if counts[form] < least {
			t.Errorf("%s: only %d of %d queries, want %d", form, counts[form], queries, least)
		}
	}
	t.Logf("%d queries, %d with an answer that is not empty\n%s", queries, nonEmpty, table.String())
	if nonEmpty < queries/2 {
		t.Errorf("only %d of %d random queries have an answer", nonEmpty, queries)
	}
}

// checkPlan demands that a plan has lines, and that they say the same again.
func checkPlan(t *testing.T, src query.Source, p query.Params, text string) {
	t.Helper()
	if plan := answer(t, src, p, text); plan == "" || plan != answer(t, src, p, text) {
		t.Fatalf("%s\nthe plan is\n%s", text, plan)
	}
}

// TestOperandsInAnyOrder: the order in which "and" and "or" are written changes no bit of the answer.
func TestOperandsInAnyOrder(t *testing.T) {
	for s := *seed; s < *seed+20; s++ {
		g := newGambler(s)
		src := NewMemory(g.d)
		for range 20 {
			operator := g.pick(" and ", " or ")
			terms := []string{"(" + g.expr(1) + ")", "(" + g.act() + ")", "(" + g.expr(2) + ")", g.act() + " ^0.3"}
			if strings.Contains(terms[3], "!=") || strings.Contains(terms[3], "not in") || strings.Count(terms[3], "^") > 1 {
				terms = terms[:3]
			}
			want := answer(t, src, g.params, strings.Join(terms, operator)+" top 40")
			g.Shuffle(len(terms), func(i, j int) { terms[i], terms[j] = terms[j], terms[i] })
			if got := answer(t, src, g.params, strings.Join(terms, operator)+" top 40"); got != want {
				t.Fatalf("seed %d: %s\ngot\n%swant\n%s", s, strings.Join(terms, operator), got, want)
			}
		}
	}
}

// TestNotNot: not not x lets through the items of x, and de Morgan holds.
func TestNotNot(t *testing.T) {
	for s := *seed; s < *seed+20; s++ {
		g := newGambler(s)
		src := NewMemory(g.d)
		for range 20 {
			x, y := "("+g.expr(2)+")", "("+g.expr(2)+")"
			for _, pair := range [][2]string{
				{x, "not not " + x},
				{x + " and " + y, "not (not " + x + " or not " + y + ")"},
				{x + " or " + y, "not (not " + x + " and not " + y + ")"},
			} {
				a, b := answer(t, src, g.params, "images where "+pair[0]), answer(t, src, g.params, "images where "+pair[1])
				if a != b {
					t.Fatalf("seed %d: %s\n%s%s\n%s", s, pair[0], a, pair[1], b)
				}
			}
		}
	}
}

// TestPagesMakeTheWhole: pages by offset are the pieces of the whole answer.
func TestPagesMakeTheWhole(t *testing.T) {
	g := newGambler(*seed)
	src := NewMemory(g.d)
	for range 50 {
		x := g.expr(2)
		whole := answer(t, src, g.params, x+" top 40")
		var pages []string
		for offset := 0; offset < 40; offset += 7 {
			pages = append(pages, answer(t, src, g.params, fmt.Sprintf("%s top %d offset %d", x, min(7, 40-offset), offset)))
		}
		if got := strings.Join(pages, ""); got != whole {
			t.Fatalf("seed %d: %s\npages\n%swhole\n%s", *seed, x, got, whole)
		}
	}
}

// TestCursorsMakeTheWhole: pages by cursor are the pieces of the whole answer, for every form that has cursors.
func TestCursorsMakeTheWhole(t *testing.T) {
	pages := 0
	for s := *seed; s < *seed+10; s++ {
		g := newGambler(s)
		src := NewMemory(g.d)
		for range 40 {
			text := g.pick("find "+g.expr(2)+g.maybe(" order by "+g.pick("meta.year", "label", "id", "meta.tags")+g.maybe(" desc")), g.scored(), g.near(), "all", "images where "+g.expr(2)) + g.maybe(" distinct") + g.maybe(" group by label")
			text = withoutTop.ReplaceAllString(text, "")
			if q, err := syntax.Parse(text); err != nil || q.String() == "" {
				continue // a tail stands twice
			}
			whole := answer(t, src, g.params, text+" exact top 100") // "exact", lest the number is that of the rows of a group
			var got strings.Builder
			cursor := ""
			for first := true; first || cursor != ""; first = false {
				plan, err := query.Compile(t.Context(), fmt.Sprintf("%s exact top %d after $c", text, 1+g.IntN(7)), src, with(g.params, "c", cursor), texts(src))
				if err != nil {
					t.Fatalf("seed %d: %s\n%v", s, text, err)
				}
				cursor = ""
				for row, err := range plan.Run(t.Context(), src) {
					if err != nil && got.Len() == 0 && whole == "" {
						break // steered to nowhere
					}
					if err != nil {
						t.Fatalf("seed %d: %s\n%v", s, text, err)
					}
					cursor, row.Cursor, row.Was = row.Cursor, "", 0
					got.WriteString(lines([]query.Row{row}))
				}
				pages++
			}
			if want := withoutWas.ReplaceAllString(whole, ""); got.String() != want {
				t.Fatalf("seed %d: %s\npages\n%swhole\n%s", s, text, got.String(), want)
			}
		}
	}
	if pages < 1000 {
		t.Errorf("only %d pages", pages)
	}
}

// withoutTop finds what says how much of an answer is shown, but for that of groups; withoutWas what depends on it.
var (
	withoutTop = regexp.MustCompile(`(?: offset \d+)|(?: effort \d+| exact)|(?: group by [a-z.]+ top \d+)|(?: top \d+)`)
	withoutWas = regexp.MustCompile(` was \d+| new`)
)

// TestBreakingOff: a consumer may stop after any row.
func TestBreakingOff(t *testing.T) {
	g := newGambler(*seed)
	src := NewMemory(g.d)
	for _, text := range []string{"all", "near image " + g.id(), "concepts", "latents", "fields", "count by label", "explain image " + g.id(), "plan all"} {
		plan, err := query.Compile(t.Context(), text, src, nil)
		if err != nil {
			t.Fatal(err)
		}
		rows := 0
		for _, err := range plan.Run(t.Context(), src) {
			if err != nil {
				t.Fatal(err)
			}
			rows++
			break
		}
		if rows != 1 {
			t.Errorf("%s: %d rows before breaking off, want 1", text, rows)
		}
	}
}

// TestRankOfTies: the k-th row is chosen by id among those that tie, whatever their ordinals.
func TestRankOfTies(t *testing.T) {
	d := &Data{Latents: 2, K: 1, Concepts: map[string]query.Concept{"sea": {Word: "sea", Group: []query.Weight{{Latent: 0, W: 1}}}}}
	ids := []string{"m", "b", "z", "a", "k"}
	for _, id := range ids {
		d.Items = append(d.Items, Item{ID: id, Vec: []float32{1, 0}, Meta: map[string]any{}})
	}
	slices.Sort(ids)
	for _, text := range []string{"concept = sea top 3", "near image m in dense include self top 3", "near image m include self top 3", "all top 3"} {
		src := NewMemory(d)
		plan, err := query.Compile(t.Context(), text, src, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for row, err := range plan.Run(t.Context(), src) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, row.ID)
		}
		if !slices.Equal(got, ids[:3]) {
			t.Errorf("%s: got %v, want %v", text, got, ids[:3])
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	src := NewMemory(newGambler(1).d)
	for _, text := range []string{"concept = sea top 10", "concept = sea >= 0.4 and not concept = dog and latent = 3 top 20"} {
		b.Run(strings.ReplaceAll(text, " ", "_"), func(b *testing.B) {
			for b.Loop() {
				if _, err := query.Compile(b.Context(), text, src, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
