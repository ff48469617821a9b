package build_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	. "github.com/saedb/saedb/query/build"
	"github.com/saedb/saedb/query/syntax"
)

// Every form of syntax/testdata/forms.txt that a program would write is written here, and parses to the tree that was built.
func TestBuilderMakesTheParsersTree(t *testing.T) {
	day := time.Date(2020, 5, 1, 10, 0, 0, 0, time.FixedZone("", 7200))
	for _, c := range []struct {
		q    *Query
		want string
	}{
		{Find(Concept("seascape")).Top(10), `concept = seascape top 10`},
		{Find(And(Concept("seascape").AtLeast(0.4), Not(Concept("people")))).Top(20), `concept = seascape >= 0.4 and not concept = people top 20`},
		{Find(Or(Concept("sea").Weight(2), Concept("cliff").Weight(0.5))).Score("sum").Top(10), `concept = sea ^2 or concept = cliff ^0.5 score sum top 10`},
		{Find(ConceptNot("red barn").Activation(syntax.Lt, 1e6)), `concept != "red barn" < 1e+06`},
		{Find(And(Concept("1984"), Latent(1234).Activation(syntax.Ge, -1.5))), `concept = 1984 and latent = 1234 >= -1.5`},
		{Find(Concept("sea").AtLeastPercent(40)), `concept = sea >= 40%`},
		{Find(And(ConceptLike("sea*"), ConceptLike("red *").Activation(syntax.Gt, 3))), `concept ~ sea* and concept ~ "red *" > 3`},
		{Find(Or(ConceptIn("dog", "cat").AtLeast(0.3), ConceptNotIn("fog"), LatentIn(1, 2), LatentNotIn(3), LatentNot(4))),
			`concept in (dog, cat) >= 0.3 or concept not in (fog) or latent in (1, 2) or latent not in (3) or latent != 4`},
		{Find(And(Concept(Param("c")), ConceptIn(Param("list")), Eq("id", Param("id")), Like("path", Param("p")))),
			`concept = $c and concept in ($list) and id = $id and path ~ $p`},
		{Find(And(Concept("a"), Or(Concept("b"), Concept("c")))), `concept = a and (concept = b or concept = c)`},
		{Find(Not(Not(And(Concept("a"), Gt("width", 3))))), `not not (concept = a and width > 3)`},
		{Find(And(Ge("meta.year", 2020), Like("path", "trips/*"))), `meta.year >= 2020 and path ~ trips/*`},
		{Find(Or(Between("meta.year", -5, 2000), Between("meta.at", day, day))),
			`meta.year between -5 and 2000 or meta.at between 2020-05-01T10:00:00+02:00 and 2020-05-01T10:00:00+02:00`},
		{Find(And(In("meta.name", "true", "12", "2020-01-01", ""), NotIn("meta.x", 0.5, 1e300), Ne("meta.on", true), Le("meta.n", int64(1)<<60), Lt("meta.d", 0.1))),
			`meta.name in ("true", "12", "2020-01-01", "") and meta.x not in (0.5, 1e+300) and meta.on != true and meta.n <= 1152921504606846976 and meta.d < 0.1`},
		{Find(And(Exists("meta.labels"), Is("meta.hidden"), Not(Eq("label", `"x" or id = "a`)))), `exists meta.labels and meta.hidden and not label = "\"x\" or id = \"a"`},
		{All().OrderByDesc("mtime").Offset(20), `all order by mtime desc offset 20`},
		{All().OrderBy("id").Top(5).Top(6), `all order by id top 6`},
		{Find(Gt("count", 3)), `find count > 3`},
		{Near(Image("a b")).In(syntax.SpaceLatent).Where(Eq("meta.year", 2021)).IncludeSelf().Exact(), `near image "a b" in latent where meta.year = 2021 include self exact`},
		{Near(File("a.jpg")).In(syntax.SpaceDense), `near file "a.jpg" in dense`},
		{Near(URL("x://y")).With("why", "meta"), `near url "x://y" with why, meta`},
		{Near(Text("red barn")).MinScore(0.25).After("c"), `near text "red barn" min score 0.25 after "c"`},
		{Near(Vector(Param("v"))), `near vector $v`},
		{Near(Mean(Image("1"), Text(`a"b`), Mean(File("x"))), Plus(2, "seascape-x"), Minus(1, "people"), Minus(1, LatentNumber(7)), Plus(0.5, Image("9")), Plus(1, Param("c"))),
			`near mean (image 1, text "a\"b", mean (file "x")) + 2*concept seascape-x - concept people - latent 7 + 0.5*image 9 + concept $c`},
		{Near(Scale(Set(Set(Image("42"), "people", 0), LatentNumber(7), -1.5), Param("c"), 2)).In(syntax.SpaceDense),
			`near image 42 (concept people = 0, latent 7 = -1.5, 2*concept $c) in dense`},
		{Near(Concepts(Weigh("seascape", 2), Weigh("sun set", 1))).Signed(), `near concepts (seascape ^2, "sun set") signed`},
		{Find(Concept("sea")).GroupBy("cluster", 3).Top(50).DistinctBy(0.1).Effort(64), `concept = sea group by cluster top 3 top 50 distinct 0.1 effort 64`},
		{Find(Concept("sea")).GroupBy("cluster", 0).Top(3), `concept = sea top 3 group by cluster`},
		{Find(Concept("sea")).GroupBy("cluster", 0).Distinct(), `concept = sea group by cluster distinct`},
		{ExplainBoth(Image("42"), File("b.jpg")).Top(8), `explain image 42 vs file "b.jpg" top 8`},
		{Explain(Image("42")).With("common"), `explain image 42 with common`},
		{List(syntax.ListConcepts).Like("sea*").OrderByDesc("count").Top(50), `concepts like sea* order by count desc top 50`},
		{List(syntax.ListConcepts).LikeText("the sea"), `concepts like text "the sea"`},
		{List(syntax.ListLatents).Where(Or(Is("dead"), Lt("max", 0.5))), `latents where dead or max < 0.5`},
		{CountAll(), `count`},
		{Count(Concept("seascape")).By("meta.year"), `count where concept = seascape by meta.year`},
		{CountAll().By("concept").Top(30), `count by concept top 30`},
		{DescribeConcept("red barn"), `describe concept "red barn"`},
		{DescribeLatent(1234), `describe latent 1234`},
		{DescribeImage("42"), `describe image 42`},
		{Find(And(Concept("sea"))).Plan(), `plan concept = sea`},
		{Find(Or(Concept("sea"))), `concept = sea`},
	} {
		if got := c.q.String(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
			continue
		}
		if text, err := c.q.Tree().Text(); err != nil || text != c.want {
			t.Errorf("%s: as checked text: %s, %v", c.want, text, err)
		}
		parsed, err := syntax.Parse(c.want)
		if err != nil {
			t.Errorf("%s\n%v", c.want, err)
			continue
		}
		if got, want := asJSON(t, c.q.Tree()), asJSON(t, parsed); got != want {
			t.Errorf("%s\n built  %s\nparsed %s", c.want, got, want)
		}
	}
}

// asJSON is the tree without its spans.
func asJSON(t *testing.T, q *syntax.Query) string {
	t.Helper()
	data, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestWhatIsNoQuery(t *testing.T) {
	for _, c := range []struct {
		q    *Query
		want string
	}{
		{Find(Eq("id = a or id", "b")), "no name of a field"},
		{Find(Eq("meta.x", math.NaN())), "no number"},
		{Find(Eq("meta.x", time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC))), "no date"},
		{Find(Concept("sea").AtLeast(math.Inf(1))), "expected a number"},
		{Find(Concept("sea").Weight(-1)), "not negative"},
		{Find(ConceptIn[string]()), "1 or more names"},
		{Find(Concept(Param("a b"))), "no name of a parameter"},
		{Find(Latent(-1)), ""}, // a name like any other: that there is no such latent is found out later
		{All().Where(Concept("sea")), "stands alone"},
		{All().Top(0), "goes from 1 to 10000"},
		{All().Score("average"), "expected sum, min or max"},
		{Near(Mean()), "1 or more operands"},
		{List("people"), "unknown key"},
	} {
		text, err := c.q.Tree().Text()
		if c.want == "" && err == nil {
			continue
		}
		if err == nil || c.want == "" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %q, %v, want %q", text, err, c.want)
		}
	}
}

func Example() {
	q := Find(And(Concept("seascape").AtLeast(0.4), Ge("meta.year", 2020), Not(Concept("people")))).Top(20).With("why")
	fmt.Println(q)
	enc := json.NewEncoder(os.Stdout)
	enc.SetEscapeHTML(false)
	fmt.Println(enc.Encode(q.Tree()))
	// Output:
	// concept = seascape >= 0.4 and meta.year >= 2020 and not concept = people top 20 with why
	// {"find":{"where":{"and":[{"concept":{"=":"seascape","activation":{">=":0.4}}},{"field":"meta.year",">=":2020},{"not":{"concept":{"=":"people"}}}]},"top":20,"with":["why"]}}
	// <nil>
}
