package syntax

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What a text may hold at most.
const (
	MaxText  = 64 << 10 // bytes
	MaxDepth = 64       // "not", parentheses and mean within each other
	MaxTerms = 256      // names, values, conditions and operands
	MaxTop   = 10_000   // also of offset
)

// What to do about texts that hold more.
const (
	deepHint = "ask in two queries"
	manyHint = "ask in two queries, or use a pattern"
	longHint = "pass long lists as parameters"
)

// Parse reads a query. Every error is an *Error.
func Parse(text string) (q *Query, err error) {
	if len(text) > MaxText {
		return nil, &Error{Offset: MaxText, Msg: "the query is longer than 65,536 bytes", Hint: longHint}
	}
	if at := invalidUTF8(text); at >= 0 {
		return nil, &Error{Offset: at, Msg: "the query is not UTF-8 here"}
	}
	if q, err = parse(text, false); err != nil {
		q, err = parse(text, true) // again, to know what was looked for where it fails
	}
	return q, err
}

func parse(text string, notes bool) (q *Query, err error) {
	defer recoverError(func(bad *Error) { q, err = nil, bad })
	p := &parser{scan: scanner{text: text}, notes: notes}
	p.advance()
	return p.parseQuery(), nil
}

// recoverError hands on the *Error that fail ended a parse with; it is to be deferred.
func recoverError(f func(*Error)) {
	switch bad := recover().(type) {
	case nil:
	case *Error:
		f(bad)
	default:
		panic(bad)
	}
}

// invalidUTF8 returns the offset of the first byte that is no UTF-8, or -1.
func invalidUTF8(text string) int {
	if utf8.ValidString(text) {
		return -1
	}
	for i, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD") {
			return i
		}
	}
	return -1
}

// A parser reads tokens one ahead. Its functions are the productions of
// grammar.txt; each begins at its first token and ends behind its last.
type parser struct {
	scan  scanner
	tok   token // the next token
	last  int   // where the token before it ended
	depth int
	terms int

	listing Listing // whose fields are named now; empty: those of images

	// wants is what was looked for at the next token: what an error may suggest, and what may complete the text. It is noted only on
	// demand, for it takes longer than the parsing.
	wants Wants
	notes bool
}

func (p *parser) advance() { p.step(p.scan.next) }

// advanceGlob is advance where a pattern may follow.
func (p *parser) advanceGlob() { p.step(p.scan.nextGlob) }

func (p *parser) step(next func() token) {
	p.last = p.tok.End
	p.tok = next()
	if p.notes {
		p.wants = Wants{Words: p.wants.Words[:0]}
	}
}

// wantWords notes words and signs that may come next.
func (p *parser) wantWords(words ...string) {
	if p.notes {
		p.wants.Words = append(p.wants.Words, words...)
	}
}

// from is the span from start to the end of the token read last.
func (p *parser) from(start int) Span { return Span{start, p.last} }

// at reports whether the next token is one of some keywords.
func (p *parser) at(keywords ...string) bool {
	p.wantWords(keywords...)
	return p.isAt(keywords...)
}

// isAt is at for words that are not wanted here.
func (p *parser) isAt(keywords ...string) bool {
	if p.tok.kind != kindWord {
		return false
	}
	for _, k := range keywords {
		if strings.EqualFold(p.tok.text, k) {
			return true
		}
	}
	return false
}

// atSign reports whether the next token is a sign.
func (p *parser) atSign(sign string) bool { return p.tok.kind == kindSign && p.tok.text == sign }

// accept reads a keyword if it comes next.
func (p *parser) accept(keyword string) bool {
	if !p.at(keyword) {
		return false
	}
	p.advance()
	return true
}

// acceptSign reads a sign if it comes next.
func (p *parser) acceptSign(sign string) bool {
	if !p.atSign(sign) {
		return false
	}
	p.advance()
	return true
}

// expect reads a keyword that must come next.
func (p *parser) expect(keyword string) {
	if !p.accept(keyword) {
		p.failHere(strconv.Quote(keyword))
	}
}

// expectSign reads a sign that must come next.
func (p *parser) expectSign(sign string) {
	if !p.acceptSign(sign) {
		p.failHere(strconv.Quote(sign))
	}
}

// failHere ends the parse: something else was expected at the next token.
func (p *parser) failHere(expected string) {
	fail(p.tok.Start, p.rightSpelling(), "expected %s, found %s", expected, p.tok.describe())
}

// rightSpelling is the hint that the next token may be one of the words or signs that are wanted here, written wrong.
func (p *parser) rightSpelling() string {
	switch p.tok.kind {
	case kindWord:
		return didYouMean(p.tok.text, p.wants.Words)
	case kindSign:
		return p.signHint()
	}
	return ""
}

// didYouMean is the hint that a word may be one of some others; empty where none is like it.
func didYouMean(word string, others []string) string {
	if near := Nearest(word, others); len(near) > 0 {
		return "did you mean " + JoinOr(near) + "?"
	}
	return ""
}

// signHint is what to write for signs that other languages have.
func (p *parser) signHint() string {
	if p.tok.Start == 0 || p.last != p.tok.Start {
		return ""
	}
	switch p.scan.text[p.tok.Start-1 : p.tok.End] {
	case "==":
		return `write one "="`
	case "=<":
		return `write "<="`
	case "=>":
		return `write ">="`
	case "<>":
		return `write "!="`
	}
	return ""
}

// nest enters one level of depth; the caller leaves it with p.depth--.
func (p *parser) nest() {
	if p.depth++; p.depth > MaxDepth {
		fail(p.tok.Start, deepHint, "nested deeper than %d levels", MaxDepth)
	}
}

// count takes note of one term.
func (p *parser) count() {
	if p.terms++; p.terms > MaxTerms {
		fail(p.tok.Start, manyHint, "more than %d terms", MaxTerms)
	}
}

func (p *parser) parseQuery() *Query {
	q := &Query{}
	start := p.tok.Start
	q.Plan = p.accept("plan")
	q.Stmt = p.parseStmt()
	p.acceptSign(";")
	if p.tok.kind != kindEOF {
		p.failTrailing(q)
	}
	q.Span = p.from(start)
	return q
}

// failTrailing says what to do about text behind a complete query.
func (p *parser) failTrailing(q *Query) {
	p.failMisspelt(q)
	hint := p.rightSpelling()
	switch {
	case p.isAt("limit"):
		hint = `write "top" for "limit"`
	case p.isAt("where"):
		hint = `"where" follows near, count and listings; after a condition, write "and"`
	case p.atSign("*"):
		hint = `a pattern follows "~": concept ~ sea*`
	case p.atSign("+"), p.atSign("-"):
		hint = "only near takes + and -"
	case p.atSign("("), p.atSign(")"):
		hint = "parentheses come in pairs"
	case hint == "":
		hint = p.joinHint(q)
	}
	fail(p.tok.Start, hint, "expected the end or a tail such as top, found %s", p.tok.describe())
}

// joinHint says how what follows a query may have been meant to belong to it.
func (p *parser) joinHint(q *Query) string {
	f, isFind := q.Stmt.(*Find)
	l, isList := q.Stmt.(*List)
	c, isCount := q.Stmt.(*Count)
	switch {
	case isFind && f.Where == nil && f.Near != nil, isList && l.Where == nil:
		return `conditions follow "where"`
	case !(isFind && f.Where != nil || isList || isCount && c.Where != nil):
		return ""
	case p.tok.kind == kindWord:
		return `join conditions with "and" or "or"; put a name of several words in quotes`
	}
	return `join conditions with "and" or "or"`
}

// failMisspelt fails where a query is one lone field with more behind it, and that word is like one that begins a statement.
func (p *parser) failMisspelt(q *Query) {
	f, isFind := q.Stmt.(*Find)
	if !isFind {
		return
	}
	m, isMeta := f.Where.(*Meta)
	if !isMeta || m.Op != True || len(f.Tails) > 0 || m.End != p.last {
		return
	}
	if hint := didYouMean(m.Field.Name, beginnings); hint != "" {
		fail(m.Start, hint, "expected a statement or a condition, found %q", m.Field.Name)
	}
}

// beginnings are the words that begin a statement or a condition.
var beginnings = []string{
	"plan", "find", "near", "all", "explain", "concepts", "latents", "clusters", "fields", "images", "count", "describe", "concept", "latent", "exists", "not",
}

func (p *parser) parseStmt() Stmt {
	switch {
	case p.tok.kind == kindEOF:
		p.at(beginnings...)
		p.want(AField)
		fail(p.tok.Start, "for example: concept = dog top 10", "the query is empty")
	case p.at("explain"):
		return p.parseExplain()
	case p.at("concepts", "latents", "clusters", "fields", "images"):
		return p.parseList()
	case p.at("count"):
		return p.parseCount()
	case p.at("describe"):
		return p.parseDescribe()
	}
	return p.parseFind()
}

func (p *parser) parseFind() *Find {
	f := &Find{}
	start := p.tok.Start
	p.accept("find")
	switch {
	case p.at("near"):
		f.Near = p.parseNear()
		if p.accept("where") {
			f.Where = p.parseExpr()
		}
	case p.accept("all"):
		f.All = true
	default:
		f.Where = p.parseExpr()
	}
	f.Tails = p.parseTails()
	f.Span = p.from(start)
	return f
}

func (p *parser) parseNear() *Near {
	start := p.tok.Start
	p.expect("near")
	n := &Near{What: p.parseOperand()}
	for p.atSign("+") || p.atSign("-") {
		n.Steer = append(n.Steer, p.parseSteer())
	}
	if p.accept("in") {
		switch {
		case p.accept("latent"):
			n.Space = SpaceLatent
		case p.accept("dense"):
			n.Space = SpaceDense
		default:
			p.failHere(`"latent" or "dense"`)
		}
	}
	n.Span = p.from(start)
	return n
}

// atOperand reports whether the next token begins an operand.
func (p *parser) atOperand() bool {
	return p.at("image", "file", "url", "text", "vector", "mean", "concepts")
}

func (p *parser) parseOperand() *Operand {
	if !p.atOperand() {
		p.failHere("image, file, url, text, vector, mean or concepts")
	}
	p.count()
	start := p.tok.Start
	o := &Operand{Kind: OperandKind(strings.ToLower(p.tok.text))}
	p.advance()
	switch o.Kind {
	case OperandImage:
		o.Arg = p.parseName(AnImage)
	case OperandMean:
		p.nest()
		p.expectSign("(")
		o.Mean = append(o.Mean, p.parseOperand())
		for p.acceptSign(",") {
			o.Mean = append(o.Mean, p.parseOperand())
		}
		p.expectSign(")")
		p.depth--
	case OperandConcepts:
		p.expectSign("(")
		o.Concepts = append(o.Concepts, p.parseWeighted())
		for p.acceptSign(",") {
			o.Concepts = append(o.Concepts, p.parseWeighted())
		}
		p.expectSign(")")
	default:
		o.Arg = p.parseText()
	}
	if p.acceptSign("(") {
		o.Edits = append(o.Edits, p.parseEdit())
		for p.acceptSign(",") {
			o.Edits = append(o.Edits, p.parseEdit())
		}
		p.expectSign(")")
	}
	o.Span = p.from(start)
	return o
}

func (p *parser) parseEdit() Edit {
	p.count()
	start := p.tok.Start
	e := Edit{Scale: p.tok.kind == kindNumber}
	if e.Scale {
		e.X = p.parseUnsigned()
		p.expectSign("*")
	}
	e.Concept, e.Latent = p.parseTarget()
	if !e.Scale {
		p.expectSign("=")
		e.X = p.parseNumber()
	}
	e.Span = p.from(start)
	return e
}

// parseTarget reads the name of a concept, or the number of a latent.
func (p *parser) parseTarget() (concept, latent *Name) {
	if p.accept("latent") {
		name := p.parseName(ALatent)
		return nil, &name
	}
	p.accept("concept")
	name := p.parseName(AConcept)
	return &name, nil
}

func (p *parser) parseWeighted() Weighted {
	p.count()
	return Weighted{Name: p.parseName(AConcept), Weight: p.parseWeight()}
}

func (p *parser) parseSteer() Steer {
	p.count()
	start := p.tok.Start
	s := Steer{Minus: p.tok.text == "-"}
	p.advance()
	if p.tok.kind == kindNumber {
		x := p.parseUnsigned()
		s.Scale = &x
		p.expectSign("*")
	}
	if p.atOperand() {
		s.Operand = p.parseOperand()
	} else {
		s.Concept, s.Latent = p.parseTarget()
	}
	s.Span = p.from(start)
	return s
}

func (p *parser) parseExpr() Expr {
	start := p.tok.Start
	terms := []Expr{p.parseAnd()}
	for p.accept("or") {
		terms = append(terms, p.parseAnd())
	}
	if len(terms) == 1 {
		return terms[0]
	}
	return &Or{p.from(start), terms}
}

func (p *parser) parseAnd() Expr {
	start := p.tok.Start
	terms := []Expr{p.parseNot()}
	for p.accept("and") {
		terms = append(terms, p.parseNot())
	}
	if len(terms) == 1 {
		return terms[0]
	}
	return &And{p.from(start), terms}
}

func (p *parser) parseNot() Expr {
	start := p.tok.Start
	if !p.accept("not") {
		return p.parsePrim()
	}
	p.nest()
	x := p.parseNot()
	p.depth--
	return &Not{p.from(start), x}
}

func (p *parser) parsePrim() Expr {
	if p.acceptSign("(") {
		p.nest()
		x := p.parseExpr()
		p.expectSign(")")
		p.depth--
		return x
	}
	p.count()
	if p.at("concept", "latent") {
		return p.parseAct()
	}
	return p.parseMeta()
}

func (p *parser) parseAct() *Act {
	start := p.tok.Start
	a := &Act{Latent: p.at("latent")}
	what := AConcept
	if a.Latent {
		what = ALatent
	}
	p.advance()
	p.wantWords("=", "!=", "~")
	switch {
	case p.acceptSign("="):
		a.Op, a.Names = Eq, []Name{p.parseName(what)}
	case p.acceptSign("!="):
		a.Op, a.Names = Ne, []Name{p.parseName(what)}
	case p.at("not", "in"):
		a.Op = p.parseIn()
		a.Names = p.parseNames(what)
	case p.atSign("~"):
		a.Op, a.Names = Glob, []Name{p.parseGlob()}
	default:
		p.failHere(`"=", "!=", "in" or "~"`)
	}
	a.Threshold = p.parseThreshold()
	a.Weight = p.parseWeight()
	a.Span = p.from(start)
	return a
}

// parseIn reads [ "not" ] "in".
func (p *parser) parseIn() Op {
	op := In
	if p.accept("not") {
		op = NotIn
	}
	p.expect("in")
	return op
}

func (p *parser) parseNames(what Thing) []Name {
	p.expectSign("(")
	names := []Name{p.parseName(what)}
	for p.acceptSign(",") {
		p.count()
		names = append(names, p.parseName(what))
	}
	p.expectSign(")")
	return names
}

// parseThreshold returns nil where there is none.
func (p *parser) parseThreshold() *Threshold {
	start := p.tok.Start
	op, found := p.parseCmp()
	if !found {
		return nil
	}
	t := &Threshold{Op: op, X: p.parseNumber()}
	t.Percent = p.acceptSign("%")
	t.Span = p.from(start)
	return t
}

// parseWeight returns nil where there is none.
func (p *parser) parseWeight() *float64 {
	if !p.acceptSign("^") {
		return nil
	}
	if p.atSign("-") {
		fail(p.tok.Start, `exclude with "not"`, "a weight is not negative")
	}
	x := p.parseUnsigned()
	return &x
}

func (p *parser) parseMeta() *Meta {
	start := p.tok.Start
	m := &Meta{}
	if p.accept("exists") {
		m.Op, m.Field = Exists, p.parseField()
		m.Span = p.from(start)
		return m
	}
	if p.want(AField); p.tok.kind == kindString {
		fail(p.tok.Start, "write concept = "+Quote(p.tok.text)+", or near text "+Quote(p.tok.text), "expected a condition, found a string")
	} else if p.tok.kind != kindWord || isReserved(p.tok.text) {
		p.failHere("a condition")
	}
	m.Field = p.parseField()
	p.wantWords("~")
	if op, found := p.parseCmp(); found {
		m.Op, m.Values = op, []Value{p.parseValue(m.Field)}
		m.Span = p.from(start)
		return m
	}
	switch {
	case p.at("not", "in"):
		m.Op = p.parseIn()
		p.expectSign("(")
		m.Values = append(m.Values, p.parseValue(m.Field))
		for p.acceptSign(",") {
			p.count()
			m.Values = append(m.Values, p.parseValue(m.Field))
		}
		p.expectSign(")")
	case p.accept("between"):
		m.Op = Between
		low := p.parseValue(m.Field)
		p.expect("and")
		m.Values = []Value{low, p.parseValue(m.Field)}
	case p.atSign("~"):
		pattern := p.parseGlob()
		value := Value{Span: pattern.Span, Text: pattern.Text}
		if pattern.Param {
			value.Kind = ValueParam
		}
		m.Op, m.Values = Glob, []Value{value}
	}
	m.Span = p.from(start)
	return m
}

// isReserved reports whether a word begins something else where a field may stand.
func isReserved(word string) bool {
	switch strings.ToLower(word) {
	case "and", "or", "not", "in", "between", "exists", "concept", "latent", "near", "where", "like", "vs", "by",
		"top", "offset", "after", "min", "score", "order", "group", "distinct", "include", "signed", "exact", "effort", "with":
		return true
	}
	return false
}

// parseCmp reads a comparison if one comes next.
func (p *parser) parseCmp() (op Op, found bool) {
	p.wantWords("=", "!=", "<", "<=", ">", ">=")
	if p.tok.kind != kindSign {
		return "", false
	}
	switch op = Op(p.tok.text); op {
	case Eq, Ne, Lt, Le, Gt, Ge:
		p.advance()
		return op, true
	}
	return "", false
}

func (p *parser) parseTails() []Tail {
	var tails []Tail
	for {
		t, found := p.parseTail()
		if !found {
			return tails
		}
		if slices.ContainsFunc(tails, func(u Tail) bool { return u.Kind == t.Kind }) {
			fail(t.Start, "leave one of them out", "%q stands twice", t.Kind)
		}
		tails = append(tails, t)
	}
}

// parseTail reads a tail if one comes next.
func (p *parser) parseTail() (t Tail, found bool) {
	start := p.tok.Start
	switch {
	case p.accept("top"):
		t = Tail{Kind: TailTop, N: p.parseInt("top", 1, MaxTop)}
	case p.accept("offset"):
		t = Tail{Kind: TailOffset, N: p.parseInt("offset", 0, MaxTop)}
	case p.accept("after"):
		t = Tail{Kind: TailAfter, Arg: p.parseText()}
	case p.accept("min"):
		p.expect("score")
		x := p.parseNumber()
		t = Tail{Kind: TailMinScore, X: &x}
	case p.accept("order"):
		t = p.parseOrder()
	case p.accept("group"):
		t = p.parseGroup()
	case p.accept("score"):
		t = Tail{Kind: TailScore, Arg: p.parseWordOf("sum", "min", "max")}
	case p.accept("distinct"):
		t = Tail{Kind: TailDistinct}
		if p.tok.kind == kindNumber {
			x := p.parseUnsigned()
			t.X = &x
		}
	case p.accept("include"):
		p.expect("self")
		t = Tail{Kind: TailSelf}
	case p.accept("signed"):
		t = Tail{Kind: TailSigned}
	case p.accept("exact"):
		t = Tail{Kind: TailExact}
	case p.accept("effort"):
		t = Tail{Kind: TailEffort, N: p.parseInt("effort", 1, MaxTop)}
	case p.accept("with"):
		t = p.parseWith()
	default:
		return Tail{}, false
	}
	t.Span = p.from(start)
	return t, true
}

func (p *parser) parseOrder() Tail {
	p.expect("by")
	p.wantWords("score")
	t := Tail{Kind: TailOrder, Arg: p.parseFieldName()}
	if t.Desc = p.accept("desc"); !t.Desc {
		p.accept("asc")
	}
	return t
}

func (p *parser) parseGroup() Tail {
	p.expect("by")
	t := Tail{Kind: TailGroup, Arg: p.parseFieldName()}
	if p.accept("top") {
		t.N = p.parseInt("top", 1, MaxTop)
	}
	return t
}

func (p *parser) parseWith() Tail {
	t := Tail{Kind: TailWith}
	for {
		part := p.parsePart()
		if !slices.Contains(t.Parts, part.Text) {
			t.Parts = append(t.Parts, part.Text)
		}
		if !p.acceptSign(",") {
			return t
		}
	}
}

// parts are the words that may follow "with".
var parts = []string{"why", "codes", "meta", "vector", "common"}

func (p *parser) parsePart() Name { return p.parseWordOf(parts...) }

func (p *parser) parseExplain() *Explain {
	start := p.tok.Start
	p.expect("explain")
	e := &Explain{What: p.parseOperand()}
	if p.accept("vs") {
		e.Against = p.parseOperand()
	}
	e.Tails = p.parseTails()
	e.Span = p.from(start)
	return e
}

func (p *parser) parseList() *List {
	start := p.tok.Start
	l := &List{What: Listing(strings.ToLower(p.tok.text))}
	p.advance()
	if l.What != ListImages {
		p.listing = l.What
	}
	if p.at("like") {
		l.Like, l.LikeText = p.parseLike()
	}
	if p.accept("where") {
		l.Where = p.parseExpr()
	}
	l.Tails = p.parseTails()
	l.Span = p.from(start)
	return l
}

// parseLike reads "like" ( "text" Text | Glob ).
func (p *parser) parseLike() (like *Name, isText bool) {
	p.count()
	word := p.parseGlob()
	bare := word.End-word.Start == len("text") && strings.EqualFold(word.Text, "text")
	if bare && (p.tok.kind == kindString || p.tok.kind == kindParam) {
		word, isText = p.parseText(), true
	}
	return &word, isText
}

func (p *parser) parseCount() *Count {
	start := p.tok.Start
	p.expect("count")
	c := &Count{}
	if p.accept("where") || !p.atCountEnd() {
		c.Where = p.parseExpr()
	}
	if p.accept("by") {
		p.wantWords("concept", "latent", "cluster")
		by := p.parseFieldName()
		c.By = &Field{by.Span, by.Text}
	}
	c.Tails = p.parseTails()
	c.Span = p.from(start)
	return c
}

// atCountEnd reports whether what follows count is no condition.
func (p *parser) atCountEnd() bool {
	return p.tok.kind == kindEOF || p.atSign(";") ||
		p.at("by", "top", "offset", "after", "min", "order", "group", "score", "distinct", "include", "signed", "exact", "effort", "with")
}

// described are the words that may follow "describe".
var described = []string{"concept", "latent", "image"}

// describedThing is what follows such a word.
func describedThing(word string) Thing {
	switch word {
	case "concept":
		return AConcept
	case "latent":
		return ALatent
	}
	return AnImage
}

func (p *parser) parseDescribe() *Describe {
	start := p.tok.Start
	p.expect("describe")
	if !p.at(described...) {
		p.failHere("concept, latent or image")
	}
	d := &Describe{What: strings.ToLower(p.tok.text)}
	p.advance()
	p.count()
	d.Name = p.parseName(describedThing(d.What))
	d.Span = p.from(start)
	return d
}

// want says that a thing is wanted at the next token.
func (p *parser) want(what Thing) Thing {
	p.wants.Thing, p.wants.Listing = what, p.listing
	return what
}

// failWant is failHere for a thing.
func (p *parser) failWant(what Thing) { p.failHere(string(what)) }

// parseName reads a name; what says of which thing.
func (p *parser) parseName(what Thing) Name {
	p.want(what)
	switch p.tok.kind {
	case kindWord, kindNumber, kindDate, kindRun, kindString, kindParam:
		return p.takeName()
	}
	p.failWant(what)
	return Name{}
}

func (p *parser) parseText() Name {
	if p.want(AText); p.tok.kind != kindString && p.tok.kind != kindParam {
		p.failWant(AText)
	}
	return p.takeName()
}

// takeName makes the next token a name.
func (p *parser) takeName() Name {
	n := Name{Span: p.tok.Span, Text: p.tok.text, Param: p.tok.kind == kindParam}
	p.advance()
	return n
}

// parseGlob reads a pattern; the next token is the sign or keyword before it.
func (p *parser) parseGlob() Name {
	p.advanceGlob()
	p.want(APattern)
	switch p.tok.kind {
	case kindGlob, kindString, kindParam:
		return p.takeName()
	}
	p.failWant(APattern)
	return Name{}
}

func (p *parser) parseField() Field {
	n := p.parseFieldName()
	return Field{n.Span, n.Text}
}

// parseFieldName is parseField where any word may name one.
func (p *parser) parseFieldName() Name {
	if p.want(AField); p.tok.kind != kindWord {
		p.failWant(AField)
	}
	return p.takeName()
}

// parseWordOf reads one of some keywords.
func (p *parser) parseWordOf(words ...string) Name {
	if !p.at(words...) {
		p.failHere(strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1])
	}
	n := p.takeName()
	n.Text = strings.ToLower(n.Text)
	return n
}

// parseValue reads what a field is compared with.
func (p *parser) parseValue(of Field) Value {
	p.want(AValue)
	p.wants.Field = of.Name
	v := Value{Span: p.tok.Span, Text: p.tok.text}
	switch p.tok.kind {
	case kindString, kindRun:
	case kindWord:
		if p.at("true", "false") {
			v.Kind, v.Text = ValueBool, strings.ToLower(v.Text)
		}
	case kindNumber:
		v.Kind = ValueNumber
	case kindDate:
		v.Kind = ValueDate
	case kindParam:
		v.Kind = ValueParam
	default:
		if !p.acceptSign("-") || p.tok.kind != kindNumber {
			p.failWant(AValue)
		}
		v = Value{Span{v.Start, p.tok.End}, ValueNumber, "-" + p.tok.text}
	}
	p.advance()
	return v
}

// parseNumber reads a number that may have a minus.
func (p *parser) parseNumber() float64 {
	if p.acceptSign("-") {
		return -p.parseUnsigned()
	}
	return p.parseUnsigned()
}

func (p *parser) parseUnsigned() float64 {
	if p.want(ANumber); p.tok.kind != kindNumber {
		p.failWant(ANumber)
	}
	x, err := strconv.ParseFloat(p.tok.text, 64)
	if err != nil {
		fail(p.tok.Start, "", "the number %s is too large", p.tok.text)
	}
	p.advance()
	return x
}

// parseInt reads a whole number between low and high; what names it.
func (p *parser) parseInt(what string, low, high int) int {
	if p.want(AnInt); p.tok.kind != kindNumber {
		p.failWant(AnInt)
	}
	n, err := strconv.Atoi(p.tok.text)
	if err != nil && strings.ContainsAny(p.tok.text, ".eE") {
		p.failWant(AnInt)
	}
	if err != nil || n < low || n > high {
		fail(p.tok.Start, "", "%s goes from %d to %d, not %s", what, low, high, p.tok.text)
	}
	p.advance()
	return n
}
