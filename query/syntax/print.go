package syntax

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// String returns the query in its canonical form: one line, keywords in lower
// case, one space between words, quotes and parentheses only where they are
// needed. Parsing it gives the same tree again, but for the spans.
func (q *Query) String() string {
	p := &printer{}
	if q.Plan {
		p.word("plan")
	}
	q.Stmt.write(p)
	return p.b.String()
}

// A printer collects words, with single spaces between them.
type printer struct{ b strings.Builder }

func (p *printer) word(s string) {
	if p.b.Len() > 0 {
		p.b.WriteByte(' ')
	}
	p.b.WriteString(s)
}

func (f *Find) write(p *printer) {
	switch {
	case f.Near != nil:
		f.Near.write(p)
		if f.Where != nil {
			p.word("where")
		}
	case f.All:
		p.word("all")
	case fieldFirst(f.Where):
		p.word("find") // else the field's name would begin another statement
	}
	if f.Where != nil {
		f.Where.writeExpr(p, levelOr)
	}
	writeTails(p, f.Tails)
}

// fieldFirst reports whether an expression begins with a field whose name would
// be taken for a statement.
func fieldFirst(x Expr) bool {
	switch x := x.(type) {
	case *Or:
		return fieldFirst(x.Terms[0])
	case *And:
		if _, or := x.Terms[0].(*Or); or {
			return false // in parentheses
		}
		return fieldFirst(x.Terms[0])
	case *Meta:
		switch strings.ToLower(x.Field.Name) {
		case "plan", "find", "explain", "concepts", "latents", "clusters", "fields", "images", "count", "describe", "all":
			return x.Op != Exists
		}
	}
	return false
}

func (n *Near) write(p *printer) {
	p.word("near " + n.What.text())
	for _, s := range n.Steer {
		p.word(s.text())
	}
	if n.Space != SpaceDefault {
		p.word("in " + string(n.Space))
	}
}

// text writes the operand with its edits.
func (o *Operand) text() string {
	if len(o.Edits) == 0 {
		return o.plain()
	}
	edits := make([]string, len(o.Edits))
	for i, e := range o.Edits {
		edits[i] = e.text()
	}
	return o.plain() + " (" + strings.Join(edits, ", ") + ")"
}

func (e Edit) text() string {
	if e.Scale {
		return number(e.X) + "*" + targetText(e.Concept, e.Latent)
	}
	return targetText(e.Concept, e.Latent) + " = " + number(e.X)
}

// targetText writes the name of a concept or the number of a latent.
func targetText(concept, latent *Name) string {
	if latent != nil {
		return "latent " + latent.text()
	}
	return "concept " + concept.text()
}

// plain writes the operand without its edits.
func (o *Operand) plain() string {
	var args []string
	switch o.Kind {
	case OperandImage:
		return "image " + o.Arg.text()
	case OperandMean:
		for _, x := range o.Mean {
			args = append(args, x.text())
		}
	case OperandConcepts:
		for _, c := range o.Concepts {
			args = append(args, c.Name.text()+weightText(c.Weight))
		}
	default:
		return string(o.Kind) + " " + o.Arg.quoted()
	}
	return string(o.Kind) + " (" + strings.Join(args, ", ") + ")"
}

// String returns the operand in its canonical form.
func (o *Operand) String() string { return o.text() }

// text writes a steer with its sign.
func (s Steer) text() string {
	sign := "+ "
	if s.Minus {
		sign = "- "
	}
	if s.Scale != nil {
		sign += number(*s.Scale) + "*"
	}
	if s.Operand != nil {
		return sign + s.Operand.text()
	}
	return sign + targetText(s.Concept, s.Latent)
}

// How tightly an expression binds; what binds less than its place asks for goes
// into parentheses.
const (
	levelOr = iota
	levelAnd
	levelNot
)

func (x *Or) writeExpr(p *printer, level int) { writeTerms(p, x.Terms, "or", levelOr, level) }

func (x *And) writeExpr(p *printer, level int) { writeTerms(p, x.Terms, "and", levelAnd, level) }

// writeTerms joins terms by an operator of level own, at a place that asks for level.
func writeTerms(p *printer, terms []Expr, operator string, own, level int) {
	inner := &printer{}
	for i, t := range terms {
		if i > 0 {
			inner.word(operator)
		}
		t.writeExpr(inner, own+1)
	}
	s := inner.b.String()
	if own < level {
		s = "(" + s + ")"
	}
	p.word(s)
}

func (x *Not) writeExpr(p *printer, level int) {
	p.word("not")
	x.X.writeExpr(p, levelNot)
}

func (a *Act) writeExpr(p *printer, level int) {
	what := "concept"
	if a.Latent {
		what = "latent"
	}
	var names []string
	for _, n := range a.Names {
		names = append(names, n.text())
	}
	switch a.Op {
	case In, NotIn:
		p.word(fmt.Sprintf("%s %s (%s)", what, a.Op, strings.Join(names, ", ")))
	case Glob:
		p.word(what + " ~ " + a.Names[0].globText())
	default:
		p.word(what + " " + string(a.Op) + " " + names[0])
	}
	if t := a.Threshold; t != nil {
		p.word(t.String())
	}
	if a.Weight != nil {
		p.word("^" + number(*a.Weight))
	}
}

// String returns the threshold as it is written.
func (t *Threshold) String() string {
	s := string(t.Op) + " " + number(t.X)
	if t.Percent {
		s += "%"
	}
	return s
}

func (m *Meta) writeExpr(p *printer, level int) {
	var values []string
	for _, v := range m.Values {
		values = append(values, v.text())
	}
	switch m.Op {
	case True:
		p.word(m.Field.Name)
	case Exists:
		p.word("exists " + m.Field.Name)
	case In, NotIn:
		p.word(fmt.Sprintf("%s %s (%s)", m.Field.Name, m.Op, strings.Join(values, ", ")))
	case Between:
		p.word(m.Field.Name + " between " + values[0] + " and " + values[1])
	case Glob:
		pattern := Name{Text: m.Values[0].Text, Param: m.Values[0].Kind == ValueParam}
		p.word(m.Field.Name + " ~ " + pattern.globText())
	default:
		p.word(m.Field.Name + " " + string(m.Op) + " " + values[0])
	}
}

func writeTails(p *printer, tails []Tail) {
	for _, t := range tails {
		p.word(t.text())
	}
}

func (t Tail) text() string {
	s := string(t.Kind)
	switch t.Kind {
	case TailTop, TailOffset, TailEffort:
		s += " " + strconv.Itoa(t.N)
	case TailAfter:
		s += " " + t.Arg.quoted()
	case TailMinScore:
		s += " " + number(*t.X)
	case TailOrder, TailGroup, TailScore:
		s += " " + t.Arg.Text
		if t.Desc {
			s += " desc"
		}
		if t.N > 0 {
			s += " top " + strconv.Itoa(t.N)
		}
	case TailDistinct:
		if t.X != nil {
			s += " " + number(*t.X)
		}
	case TailWith:
		s += " " + strings.Join(t.Parts, ", ")
	}
	return s
}

func (e *Explain) write(p *printer) {
	p.word("explain " + e.What.text())
	if e.Against != nil {
		p.word("vs " + e.Against.text())
	}
	writeTails(p, e.Tails)
}

func (l *List) write(p *printer) {
	p.word(string(l.What))
	switch {
	case l.Like != nil && l.LikeText:
		p.word("like text " + l.Like.quoted())
	case l.Like != nil:
		p.word("like " + l.Like.globText())
	}
	if l.Where != nil {
		p.word("where")
		l.Where.writeExpr(p, levelOr)
	}
	writeTails(p, l.Tails)
}

func (c *Count) write(p *printer) {
	p.word("count")
	if c.Where != nil {
		p.word("where")
		c.Where.writeExpr(p, levelOr)
	}
	if c.By != nil {
		p.word("by " + c.By.Name)
	}
	writeTails(p, c.Tails)
}

func (d *Describe) write(p *printer) { p.word("describe " + d.What + " " + d.Name.text()) }

// text writes a name, in quotes only where it must have them.
func (n Name) text() string {
	if n.Param || isBare(n.Text) {
		return n.bare()
	}
	return Quote(n.Text)
}

// String returns the name as it is written.
func (n Name) String() string { return n.text() }

// quoted writes a name where only a string or a parameter may stand.
func (n Name) quoted() string {
	if n.Param {
		return n.bare()
	}
	return Quote(n.Text)
}

// globText writes a pattern.
func (n Name) globText() string {
	if n.Param || n.Text != "" && strings.IndexFunc(n.Text, func(r rune) bool { return !inWord(r) && r != '*' && r != '?' }) < 0 {
		return n.bare()
	}
	return Quote(n.Text)
}

func (n Name) bare() string {
	if n.Param {
		return "$" + n.Text
	}
	return n.Text
}

// isBare reports whether a text scans as one token without quotes.
func isBare(s string) bool {
	first, _ := utf8.DecodeRuneInString(s)
	if startsWord(first) || isDigit(first) {
		return strings.IndexFunc(s, func(r rune) bool { return !inWord(r) }) < 0
	}
	return false
}

// text writes a value so that it keeps its kind.
func (v Value) text() string {
	switch v.Kind {
	case ValueParam:
		return "$" + v.Text
	case ValueString:
		isOther := isNumber(v.Text) || isDate(v.Text) || strings.EqualFold(v.Text, "true") || strings.EqualFold(v.Text, "false")
		if isOther || !isBare(v.Text) {
			return Quote(v.Text)
		}
	}
	return v.Text
}

// weightText writes a weight, or nothing.
func weightText(w *float64) string {
	if w == nil {
		return ""
	}
	return " ^" + number(*w)
}

// number writes a number in the shortest form that reads back as the same.
func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// Quote writes a text as a string of the language.
func Quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
