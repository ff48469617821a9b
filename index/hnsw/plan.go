package hnsw

import (
	"fmt"
	"math"
)

// Situation is what the way of answering a query depends on.
type Situation struct {
	Graph   bool // there is a graph
	Nodes   int  // rows of the graph, those among them that answer no more
	Passing int  // rows that may be answered: all that are left, or those that the filter lets through
	Outside bool // the query lies outside the cloud of rows, as a text does among pictures
	K       int
	Ef      int // what was asked for; 0: the default for the kind of query
	Options Options
}

// Plan is how a query is answered, and why.
type Plan struct {
	Scan   bool // look at every row that may be answered instead of walking the graph
	Ef     int  // rows that the walk keeps in mind
	Rerank int  // rows that are scored as they are
	Cost   int  // of the walk, in rows that could be scanned for it

	why reason
	of  Situation
}

// reason is what decided.
type reason uint8

const (
	noGraph reason = iota
	fewRows
	dearWalk
	cheapWalk
)

// Decide chooses the way that reads less. A walk comes to about half of M rows for each that it keeps in mind, and it has to keep as many
// more in mind as there are rows for one that may be answered; a scan reads every row that may be answered, each at less than half the
// price: their places are known beforehand.
func Decide(s Situation) Plan {
	o := s.Options.withDefaults()
	s.Options = o
	ef := s.ef()
	p := Plan{Rerank: max(s.K+s.K/2+8, ef/4), of: s}
	switch {
	case !s.Graph:
		p.Scan, p.why = true, noGraph
		return p
	case s.Passing <= p.Rerank:
		p.Scan, p.why = true, fewRows
		return p
	}
	p.Ef = int(int64(s.atLeast()) * int64(s.Nodes) / int64(s.Passing))
	p.Cost = p.Ef * o.M
	p.why = cheapWalk
	if p.Cost >= s.Passing {
		p.Scan, p.why = true, dearWalk
	}
	return p
}

// A walk for a text among a part of the rows keeps textAmongPart times EfText in mind: what a filter leaves lies deeper in the cloud than the
// nearest of all, and without that such searches found less than 0.95 of their rows where there were no bridges. Deleted rows that are still
// walked through are no filter: partial is below the share that they leave.
const (
	textAmongPart = 2
	partial       = 7 // eighths of the rows
)

func (s Situation) isPartial() bool { return s.Passing*8 < s.Nodes*partial }

// The defaults are for up to grownFrom rows. Beyond them the neighbours that a walk must tell apart lie ever closer, and the same breadth finds fewer:
// each tenfold number of rows doubles it, for texts makes it 2.5 times as large.
const (
	grownFrom   = 100_000
	grownBy     = 0.30103 // log10 2
	grownByText = 0.39794 // log10 2.5
)

// ef is what was asked for, or the default.
func (s Situation) ef() int {
	if s.Ef > 0 {
		return s.Ef
	}
	ef, by := s.Options.Ef, grownBy
	if s.Outside {
		ef, by = s.Options.EfText, grownByText
		if s.isPartial() {
			ef *= textAmongPart
		}
	}
	if s.Nodes > grownFrom {
		ef = int(float64(ef) * math.Pow(float64(s.Nodes)/grownFrom, by))
	}
	return ef
}

// atLeast is ef, or more if so many hits are wanted.
func (s Situation) atLeast() int { return max(s.ef(), s.K+s.K/2) }

// String tells people the way and the reason.
func (p Plan) String() string {
	switch s := p.of; p.why {
	case noGraph:
		return fmt.Sprintf("scan of %d rows: there is no graph below %d", s.Passing, s.Options.Exact)
	case fewRows:
		return fmt.Sprintf("scan of %d rows: so few are scored in any case", s.Passing)
	case dearWalk:
		return fmt.Sprintf("scan of %d rows: a walk would cost as much as %d (%s)", s.Passing, p.Cost, p.breadth())
	default:
		return fmt.Sprintf("walk over %d rows: it costs as much as a scan of %d (%s)", s.Nodes, p.Cost, p.breadth())
	}
}

func (p Plan) breadth() string {
	text := fmt.Sprintf("ef %d", p.of.ef())
	if p.of.Ef == 0 && p.of.Nodes > grownFrom {
		text += " among so many rows"
	}
	switch {
	case p.of.Ef > 0:
		text += ", as asked for"
	case p.of.Outside && p.of.isPartial():
		text += ", for a query far from all rows among a part of them"
	case p.of.Outside:
		text += ", for a query far from all rows, as texts are from pictures"
	default:
		text += ", for a query among the rows"
	}
	if least := p.of.atLeast(); least > p.of.ef() {
		text += fmt.Sprintf("; %d for %d hits", least, p.of.K)
	}
	if p.Ef > p.of.atLeast() {
		text += fmt.Sprintf("; %d because %d of %d rows may be answered", p.Ef, p.of.Passing, p.of.Nodes)
	}
	return text
}
