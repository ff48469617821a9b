package querytest

import (
	"regexp"
	"slices"
	"strings"

	"github.com/saedb/saedb/query/syntax"
)

// GrammarForms lists what grammar.txt says can be written: every production, every keyword and sign of one ("Tail top"), and every kind of
// word that one may be ("Name param"). Parentheses and commas come with the rest.
func GrammarForms(grammar string) []string {
	var forms []string
	production := ""
	for line := range strings.Lines(grammar) {
		if begins := productionHead.FindStringSubmatch(line); begins != nil {
			production = begins[1]
			forms = append(forms, production)
			line = line[len(begins[0]):]
		}
		if strings.TrimSpace(line) == "" || production == "" {
			production = ""
			continue
		}
		for _, word := range grammarWord.FindAllStringSubmatch(line, -1) {
			if form := production + " " + word[1] + word[2]; word[1] != "(" && word[1] != ")" && word[1] != "," && !slices.Contains(forms, form) {
				forms = append(forms, form)
			}
		}
	}
	return forms
}

// productionHead begins a production whose name has a function of the parser; grammarWord is a keyword, a sign, or a kind of word.
var (
	productionHead = regexp.MustCompile(`^([A-Z]\w*)\s+=`)
	grammarWord    = regexp.MustCompile(`"([^"]+)"|\b(word|number|date|run|string|param|glob)\b`)
)

// Forms tells which of these forms a query has, each as often as it stands there. text is what q was parsed from.
func Forms(text string, q *syntax.Query, have func(form string)) {
	f := &former{text: text, have: have}
	f.a("Query")
	f.the(q.Plan, "Query plan")
	f.the(strings.HasSuffix(strings.TrimSpace(text), ";"), "Query ;")
	switch s := q.Stmt.(type) {
	case *syntax.Find:
		f.find(s)
	case *syntax.Explain:
		f.a("Explain", "Explain explain")
		f.operand(s.What)
		if s.Against != nil {
			f.a("Explain vs")
			f.operand(s.Against)
		}
		f.tails(s.Tails)
	case *syntax.List:
		f.list(s)
	case *syntax.Count:
		f.a("Count", "Count count")
		if s.Where != nil {
			f.the(f.said(s.Span, "count where"), "Count where")
			f.expr(s.Where)
		}
		if s.By != nil {
			f.a("Count by", "Field", "Field word")
		}
		f.tails(s.Tails)
	case *syntax.Describe:
		f.a("Describe", "Describe describe", "Describe "+s.What)
		f.name(s.Name)
	}
}

// former walks a query.
type former struct {
	text string
	have func(string)
}

func (f *former) a(forms ...string) {
	for _, form := range forms {
		f.have(form)
	}
}

// the is a, if it is there.
func (f *former) the(there bool, form string) {
	if there {
		f.have(form)
	}
}

// word returns what was written at a place.
func (f *former) word(at syntax.Span) string { return f.text[at.Start:at.End] }

// said reports whether a piece of the text begins with some words.
func (f *former) said(at syntax.Span, words string) bool {
	return strings.HasPrefix(strings.Join(strings.Fields(strings.ToLower(f.word(at))), " "), words)
}

func (f *former) find(s *syntax.Find) {
	f.a("Find")
	f.the(f.said(s.Span, "find"), "Find find")
	f.the(s.All, "Find all")
	if n := s.Near; n != nil {
		f.a("Near", "Near near")
		f.operand(n.What)
		for _, steer := range n.Steer {
			f.the(steer.Minus, "Near -")
			f.the(!steer.Minus, "Near +")
			f.steer(steer)
		}
		if n.Space != syntax.SpaceDefault {
			f.a("Near in", "Near "+string(n.Space))
		}
		f.the(s.Where != nil, "Find where")
	}
	if s.Where != nil {
		f.expr(s.Where)
	}
	f.tails(s.Tails)
}

func (f *former) operand(o *syntax.Operand) {
	f.a("Operand", "Operand "+string(o.Kind))
	switch o.Kind {
	case syntax.OperandImage:
		f.name(o.Arg)
	case syntax.OperandMean:
		for _, x := range o.Mean {
			f.operand(x)
		}
	case syntax.OperandConcepts:
		for _, c := range o.Concepts {
			f.a("Weighted")
			f.name(c.Name)
			f.weight(c.Weight)
		}
	default:
		f.quoted(o.Arg)
	}
	for _, e := range o.Edits {
		f.a("Edit", "Target")
		f.the(e.Scale, "Edit *")
		f.the(e.Scale, "Edit number")
		if !e.Scale {
			f.a("Edit =")
			f.number(e.X)
		}
		f.target(e.Span, "Target", e.Concept, e.Latent)
	}
}

func (f *former) steer(s syntax.Steer) {
	f.a("Steer")
	if s.Scale != nil {
		f.a("Steer *", "Steer number")
	}
	if s.Operand != nil {
		f.operand(s.Operand)
		return
	}
	f.target(s.Span, "Steer", s.Concept, s.Latent)
}

func (f *former) target(at syntax.Span, production string, concept, latent *syntax.Name) {
	if latent != nil {
		f.a(production + " latent")
		f.name(*latent)
		return
	}
	f.the(strings.Contains(strings.ToLower(f.text[at.Start:concept.Start]), "concept"), production+" concept")
	f.name(*concept)
}

// expr counts every level of the grammar that an expression stands on.
func (f *former) expr(x syntax.Expr) {
	f.a("Expr")
	terms := []syntax.Expr{x}
	if or, is := x.(*syntax.Or); is {
		f.a("Expr or")
		terms = or.Terms
	}
	for _, t := range terms {
		f.a("And")
		factors := []syntax.Expr{t}
		if and, is := t.(*syntax.And); is && len(terms) > 1 || is && t == x {
			f.a("And and")
			factors = and.Terms
		}
		for _, factor := range factors {
			f.factor(factor)
		}
	}
}

func (f *former) factor(x syntax.Expr) {
	f.a("Not")
	switch x := x.(type) {
	case *syntax.Not:
		f.a("Not not")
		f.factor(x.X)
	case *syntax.Act:
		f.a("Prim")
		f.act(x)
	case *syntax.Meta:
		f.a("Prim")
		f.meta(x)
	default: // in parentheses
		f.a("Prim")
		f.expr(x)
	}
}

func (f *former) act(a *syntax.Act) {
	f.a("Act")
	f.the(a.Latent, "Act latent")
	f.the(!a.Latent, "Act concept")
	switch a.Op {
	case syntax.In:
		f.a("Act in", "Names")
	case syntax.NotIn:
		f.a("Act not", "Act in", "Names")
	default:
		f.a("Act " + string(a.Op))
	}
	for _, n := range a.Names {
		if a.Op == syntax.Glob {
			f.glob(n.Span, n.Param)
		} else {
			f.name(n)
		}
	}
	if t := a.Threshold; t != nil {
		f.a("Threshold", "Cmp", "Cmp "+string(t.Op))
		f.the(t.Percent, "Threshold %")
		f.number(t.X)
	}
	f.weight(a.Weight)
}

func (f *former) weight(w *float64) {
	if w != nil {
		f.a("Weight", "Weight ^", "Weight number")
	}
}

func (f *former) meta(m *syntax.Meta) {
	f.a("Meta", "Field", "Field word")
	switch m.Op {
	case syntax.True:
	case syntax.Exists, syntax.In:
		f.a("Meta " + string(m.Op))
	case syntax.NotIn:
		f.a("Meta not", "Meta in")
	case syntax.Between:
		f.a("Meta between", "Meta and")
	case syntax.Glob:
		f.a("Meta ~")
		f.glob(m.Values[0].Span, m.Values[0].Kind == syntax.ValueParam)
		return
	default:
		f.a("Cmp", "Cmp "+string(m.Op))
	}
	for _, v := range m.Values {
		f.a("Value")
		switch w := f.word(v.Span); v.Kind {
		case syntax.ValueNumber:
			f.a("Number", "Number number")
			f.the(w[0] == '-', "Number -")
		case syntax.ValueDate:
			f.a("Value date")
		case syntax.ValueParam:
			f.a("Value param")
		default:
			f.a("Value " + kindOf(w))
		}
	}
}

// kindOf is the kind of word that a name or a value was written as.
func kindOf(w string) string {
	q, err := syntax.Parse("x = " + w)
	if err != nil {
		return ""
	}
	switch v := q.Stmt.(*syntax.Find).Where.(*syntax.Meta).Values[0]; {
	case v.Kind == syntax.ValueNumber:
		return "number"
	case v.Kind == syntax.ValueDate:
		return "date"
	case v.Kind == syntax.ValueParam:
		return "param"
	case w[0] == '"' || w[0] == '\'':
		return "string"
	case '0' <= w[0] && w[0] <= '9':
		return "run"
	}
	return "word"
}

func (f *former) name(n syntax.Name) { f.a("Name", "Name "+kindOf(f.word(n.Span))) }

// quoted counts a name where only a string or a parameter may stand.
func (f *former) quoted(n syntax.Name) { f.a("Text", "Text "+kindOf(f.word(n.Span))) }

func (f *former) glob(at syntax.Span, param bool) {
	f.a("Glob")
	switch w := f.word(at); {
	case param:
		f.a("Glob param")
	case w[0] == '"' || w[0] == '\'':
		f.a("Glob string")
	default:
		f.a("Glob glob")
	}
}

func (f *former) number(x float64) {
	f.a("Number", "Number number")
	f.the(x < 0, "Number -")
}

func (f *former) list(l *syntax.List) {
	f.a("List", "List "+string(l.What))
	switch {
	case l.Like == nil:
	case l.LikeText:
		f.a("List like", "List text")
		f.quoted(*l.Like)
	default:
		f.a("List like")
		f.glob(l.Like.Span, l.Like.Param)
	}
	if l.Where != nil {
		f.a("List where")
		f.expr(l.Where)
	}
	f.tails(l.Tails)
}

func (f *former) tails(tails []syntax.Tail) {
	f.a("Tails")
	for _, t := range tails {
		f.a("Tail")
		for word := range strings.FieldsSeq(string(t.Kind)) {
			f.a("Tail " + word)
		}
		f.tail(t)
	}
}

func (f *former) tail(t syntax.Tail) {
	switch t.Kind {
	case syntax.TailAfter:
		f.quoted(t.Arg)
	case syntax.TailMinScore:
		f.number(*t.X)
	case syntax.TailOrder:
		f.a("Field", "Field word")
		f.the(t.Desc, "Tail desc")
		f.the(strings.HasSuffix(strings.ToLower(f.word(t.Span)), " asc"), "Tail asc")
	case syntax.TailGroup:
		f.a("Field", "Field word")
		f.the(t.N > 0, "Tail top")
	case syntax.TailScore:
		f.a("Tail " + t.Arg.Text)
	case syntax.TailDistinct:
		f.the(t.X != nil, "Tail number")
	case syntax.TailWith:
		for _, part := range t.Parts {
			f.a("Part", "Part "+part)
		}
	}
}
