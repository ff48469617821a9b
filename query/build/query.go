package build

import (
	"slices"

	"github.com/saedb/saedb/query/syntax"
)

// A Query is a query that is being written. Its methods change it, and return it for the next call.
type Query struct {
	q     syntax.Query
	tails *[]syntax.Tail // of the statement; nil for Describe
}

// Tree returns the tree. Later calls may change it.
func (q *Query) Tree() *syntax.Query { return &q.q }

// String returns the query as text, in its canonical form.
func (q *Query) String() string { return q.q.String() }

func find(f *syntax.Find) *Query { return &Query{syntax.Query{Stmt: f}, &f.Tails} }

// Find asks for the pictures that fulfil a condition.
func Find(c Cond) *Query { return find(&syntax.Find{Where: c.expr()}) }

// All asks for all pictures.
func All() *Query { return find(&syntax.Find{All: true}) }

// Near asks for the pictures nearest to something, perhaps steered.
func Near(what Operand, steer ...Steer) *Query {
	n := &syntax.Near{What: what.o}
	for _, s := range steer {
		n.Steer = append(n.Steer, s.s)
	}
	return find(&syntax.Find{Near: n})
}

// Explain asks which latents make up something.
func Explain(what Operand) *Query {
	e := &syntax.Explain{What: what.o}
	return &Query{syntax.Query{Stmt: e}, &e.Tails}
}

// ExplainBoth asks what two things have in common.
func ExplainBoth(what, against Operand) *Query {
	e := &syntax.Explain{What: what.o, Against: against.o}
	return &Query{syntax.Query{Stmt: e}, &e.Tails}
}

// List asks for everything of one sort.
func List(what syntax.Listing) *Query {
	l := &syntax.List{What: what}
	return &Query{syntax.Query{Stmt: l}, &l.Tails}
}

// Count asks how many pictures fulfil a condition.
func Count(c Cond) *Query {
	s := &syntax.Count{Where: c.expr()}
	return &Query{syntax.Query{Stmt: s}, &s.Tails}
}

// CountAll asks how many pictures there are.
func CountAll() *Query {
	s := &syntax.Count{}
	return &Query{syntax.Query{Stmt: s}, &s.Tails}
}

// DescribeConcept asks for everything about a concept.
func DescribeConcept[N Named](n N) *Query { return describe("concept", name(n)) }

// DescribeLatent asks for everything about a latent.
func DescribeLatent(latent int) *Query { return describe("latent", latents(latent)[0]) }

// DescribeImage asks for everything about a picture.
func DescribeImage[N Named](id N) *Query { return describe("image", name(id)) }

func describe(what string, n syntax.Name) *Query {
	return &Query{q: syntax.Query{Stmt: &syntax.Describe{What: what, Name: n}}}
}

// Plan asks how the query would be answered, instead of the answer.
func (q *Query) Plan() *Query {
	q.q.Plan = true
	return q
}

// In says in which space Near measures.
func (q *Query) In(space syntax.Space) *Query {
	if f, isFind := q.q.Stmt.(*syntax.Find); isFind && f.Near != nil {
		f.Near.Space = space
	}
	return q
}

// Where restricts Near and List to what fulfils a condition.
func (q *Query) Where(c Cond) *Query {
	switch s := q.q.Stmt.(type) {
	case *syntax.Find:
		s.Where = c.expr()
	case *syntax.List:
		s.Where = c.expr()
	}
	return q
}

// Like restricts List to the names that fit a pattern.
func (q *Query) Like(pattern string) *Query { return q.like(pattern, false) }

// LikeText orders List by how near the names are to a text.
func (q *Query) LikeText(text string) *Query { return q.like(text, true) }

func (q *Query) like(s string, isText bool) *Query {
	if l, isList := q.q.Stmt.(*syntax.List); isList {
		l.Like, l.LikeText = &syntax.Name{Text: s}, isText
	}
	return q
}

// By makes Count count for every value of a field, or for every concept, latent or cluster.
func (q *Query) By(field string) *Query {
	if c, isCount := q.q.Stmt.(*syntax.Count); isCount {
		c.By = &syntax.Field{Name: field}
	}
	return q
}

// tail adds a tail, in the place of an earlier one of its kind.
func (q *Query) tail(t syntax.Tail) *Query {
	if q.tails == nil {
		return q
	}
	for i, old := range *q.tails {
		if old.Kind == t.Kind {
			(*q.tails)[i] = t
			return q
		}
	}
	at := len(*q.tails)
	if last := at - 1; t.Kind == syntax.TailTop && last >= 0 && (*q.tails)[last].Kind == syntax.TailGroup && (*q.tails)[last].N == 0 {
		at = last // written behind a group, a top would be the group's
	}
	*q.tails = slices.Insert(*q.tails, at, t)
	return q
}

// Top asks for the first n rows.
func (q *Query) Top(n int) *Query { return q.tail(syntax.Tail{Kind: syntax.TailTop, N: n}) }

// Offset leaves the first n rows out.
func (q *Query) Offset(n int) *Query { return q.tail(syntax.Tail{Kind: syntax.TailOffset, N: n}) }

// After continues behind the row that a cursor stands for.
func (q *Query) After(cursor string) *Query {
	return q.tail(syntax.Tail{Kind: syntax.TailAfter, Arg: syntax.Name{Text: cursor}})
}

// MinScore leaves rows of a smaller score out.
func (q *Query) MinScore(x float64) *Query {
	return q.tail(syntax.Tail{Kind: syntax.TailMinScore, X: &x})
}

// OrderBy orders the rows by a field.
func (q *Query) OrderBy(field string) *Query {
	return q.tail(syntax.Tail{Kind: syntax.TailOrder, Arg: syntax.Name{Text: field}})
}

// OrderByDesc orders the rows by a field, the largest first.
func (q *Query) OrderByDesc(field string) *Query {
	return q.tail(syntax.Tail{Kind: syntax.TailOrder, Arg: syntax.Name{Text: field}, Desc: true})
}

// GroupBy puts the rows into groups by a field, of at most top rows each; 0: all.
func (q *Query) GroupBy(field string, top int) *Query {
	return q.tail(syntax.Tail{Kind: syntax.TailGroup, Arg: syntax.Name{Text: field}, N: top})
}

// Score says how the scores of several conditions make one: sum, min or max.
func (q *Query) Score(fold string) *Query {
	return q.tail(syntax.Tail{Kind: syntax.TailScore, Arg: syntax.Name{Text: fold}})
}

// Distinct leaves near-duplicates of earlier rows out.
func (q *Query) Distinct() *Query { return q.tail(syntax.Tail{Kind: syntax.TailDistinct}) }

// DistinctBy is Distinct with a limit of its own.
func (q *Query) DistinctBy(x float64) *Query {
	return q.tail(syntax.Tail{Kind: syntax.TailDistinct, X: &x})
}

// IncludeSelf lets the picture that others shall be near to answer as well.
func (q *Query) IncludeSelf() *Query { return q.tail(syntax.Tail{Kind: syntax.TailSelf}) }

// Signed lets what is taken away become negative.
func (q *Query) Signed() *Query { return q.tail(syntax.Tail{Kind: syntax.TailSigned}) }

// Exact asks for the exact answer.
func (q *Query) Exact() *Query { return q.tail(syntax.Tail{Kind: syntax.TailExact}) }

// Effort says how much an approximate search may look at.
func (q *Query) Effort(n int) *Query { return q.tail(syntax.Tail{Kind: syntax.TailEffort, N: n}) }

// With asks for more of every row: why, codes, meta, vector, or common.
func (q *Query) With(parts ...string) *Query {
	return q.tail(syntax.Tail{Kind: syntax.TailWith, Parts: parts})
}
