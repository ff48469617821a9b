package syntax

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// UnmarshalJSON reads the JSON form of a query. It takes nothing that no text parses to, and keeps the limits of Parse. Every error is an
// *Error: its offset is a byte of data, and its message begins with the place as a JSON pointer.
func (q *Query) UnmarshalJSON(data []byte) (err error) {
	defer recoverError(func(bad *Error) { err = bad })
	r := &jsonReader{}
	*q = *r.query(r.readJSON(data))
	if len(q.String()) > MaxText {
		fail(0, longHint, "the query is longer than 65,536 bytes as text")
	}
	return nil
}

// A jsonKey is a member that an object may have.
type jsonKey struct {
	name string
	read func(v *jsonNode)
}

// object reads the members of an object in their order, each by its key. One that has no key is an error.
func (r *jsonReader) object(n *jsonNode, what string, keys ...jsonKey) {
	if n.kind != '{' {
		r.failKind(n, what)
	}
	for _, m := range n.members {
		i := slices.IndexFunc(keys, func(k jsonKey) bool { return k.name == m.key })
		r.below(m.key, func() {
			if i < 0 {
				r.failKey(m, keys)
			}
			keys[i].read(m.value)
		})
	}
}

// failKey says that an object has no such member, and which it may have.
func (r *jsonReader) failKey(m jsonMember, keys []jsonKey) {
	var names []string
	for _, k := range keys {
		names = append(names, k.name)
	}
	hint := didYouMean(m.key, names)
	if hint == "" {
		hint = "there are " + strings.Join(names, ", ")
	}
	r.fail(m.value, hint, "unknown key %q", m.key)
}

// list reads a list of at least so many elements.
func (r *jsonReader) list(n *jsonNode, what string, least int, element func(v *jsonNode)) {
	if n.kind != '[' {
		r.failKind(n, "a list of "+what)
	}
	if len(n.items) < least {
		r.fail(n, "", "expected a list of %d or more %s, found %d", least, what, len(n.items))
	}
	for i, v := range n.items {
		r.below(strconv.Itoa(i), func() { element(v) })
	}
}

// flag reads true or false.
func (r *jsonReader) flag(n *jsonNode) bool {
	if n.kind != 't' {
		r.failKind(n, "true or false")
	}
	return n.truth
}

// string reads a text.
func (r *jsonReader) string(n *jsonNode, what string) string {
	if n.kind != '"' {
		r.failKind(n, what)
	}
	return n.text
}

// oneOf reads one of some texts.
func (r *jsonReader) oneOf(n *jsonNode, words ...string) string {
	s := r.string(n, "one of "+strings.Join(words, ", "))
	if !slices.Contains(words, s) {
		r.fail(n, didYouMean(s, words), "expected %s, found %q", JoinOr(words), s)
	}
	return s
}

// number reads a number; without a minus unless signed.
func (r *jsonReader) number(n *jsonNode, signed bool) float64 {
	if n.kind != '0' {
		r.failKind(n, string(ANumber))
	}
	x, err := strconv.ParseFloat(n.text, 64)
	switch {
	case err != nil:
		r.fail(n, "", "the number %s is too large", n.text)
	case !signed && math.Signbit(x):
		r.fail(n, "", "expected a number that is not negative, found %s", n.text)
	}
	return x
}

func (r *jsonReader) numberPointer(n *jsonNode, signed bool) *float64 {
	x := r.number(n, signed)
	return &x
}

// int reads a whole number between low and high.
func (r *jsonReader) int(n *jsonNode, low, high int) int {
	if n.kind != '0' || strings.ContainsAny(n.text, ".eE") {
		r.failKind(n, string(AnInt))
	}
	i, err := strconv.Atoi(n.text)
	if err != nil || i < low || i > high {
		r.fail(n, "", "goes from %d to %d, not %s", low, high, n.text)
	}
	return i
}

// tagged reads {"tag":"text"}.
func (r *jsonReader) tagged(n *jsonNode, tags ...string) (tag, text string) {
	if len(n.members) != 1 {
		r.fail(n, "", "expected an object with one of %s", strings.Join(tags, ", "))
	}
	m := n.members[0]
	r.below(m.key, func() {
		if !slices.Contains(tags, m.key) {
			r.fail(m.value, didYouMean(m.key, tags), "unknown key %q", m.key)
		}
		tag, text = m.key, r.string(m.value, "a text")
		if tag == "param" && !isParam(text) {
			r.fail(m.value, "a letter, then letters, digits and _", "%q is no name of a parameter", text)
		}
	})
	return tag, text
}

// name reads a name: a text, a whole number or a parameter.
func (r *jsonReader) name(n *jsonNode, what Thing) Name {
	switch {
	case n.kind == '"':
		return Name{Text: n.text}
	case n.kind == '0' && strings.Trim(n.text, "0123456789") == "":
		return Name{Text: n.text}
	case n.kind == '{':
		_, text := r.tagged(n, "param")
		return Name{Text: text, Param: true}
	}
	r.failKind(n, string(what)+` or {"param":…}`)
	return Name{}
}

func (r *jsonReader) namePointer(n *jsonNode, what Thing) *Name {
	name := r.name(n, what)
	return &name
}

// text reads a text or a parameter.
func (r *jsonReader) text(n *jsonNode, what Thing) Name {
	if n.kind == '0' {
		r.failKind(n, `a text or {"param":…}`)
	}
	return r.name(n, what)
}

// isParam reports whether a text scans as a parameter behind its dollar.
func isParam(s string) bool {
	first, _ := utf8.DecodeRuneInString(s)
	return startsWord(first) && strings.IndexFunc(s, func(r rune) bool { return !startsWord(r) && !unicode.IsNumber(r) }) < 0
}

// isWord reports whether a text scans as a word.
func isWord(s string) bool {
	first, _ := utf8.DecodeRuneInString(s)
	return startsWord(first) && isBare(s)
}

// field reads the name of a field.
func (r *jsonReader) field(n *jsonNode) Field {
	s := r.string(n, string(AField))
	if !isWord(s) {
		r.fail(n, "a letter, then letters, digits and _ . / : -", "%q is no name of a field", s)
	}
	return Field{Name: s}
}

func (r *jsonReader) value(n *jsonNode) Value {
	switch n.kind {
	case '"':
		return Value{Text: n.text}
	case '0':
		return Value{Kind: ValueNumber, Text: n.text}
	case 't':
		return Value{Kind: ValueBool, Text: strconv.FormatBool(n.truth)}
	case '{':
		tag, text := r.tagged(n, "param", "date", "number")
		switch tag {
		case "param":
			return Value{Kind: ValueParam, Text: text}
		case "date":
			if !isDate(text) {
				r.fail(n, "write YYYY-MM-DD, or YYYY-MM-DDThh:mm:ssZ", "%q is no date", text)
			}
			return Value{Kind: ValueDate, Text: text}
		}
		if !isNumber(strings.TrimPrefix(text, "-")) {
			r.fail(n, "", "%q is no number", text)
		}
		return Value{Kind: ValueNumber, Text: text}
	}
	r.failKind(n, "a value")
	return Value{}
}

// count is parser.count.
func (r *jsonReader) count(n *jsonNode) {
	if r.counted++; r.counted > MaxTerms {
		r.fail(n, manyHint, "more than %d terms", MaxTerms)
	}
}

// nest is parser.nest: f is run one level deeper.
func (r *jsonReader) nest(n *jsonNode, f func()) {
	if r.depth++; r.depth > MaxDepth {
		r.fail(n, deepHint, "nested deeper than %d levels", MaxDepth)
	}
	f()
	r.depth--
}

func (r *jsonReader) query(n *jsonNode) *Query {
	q := &Query{}
	keys := []jsonKey{{"plan", func(v *jsonNode) { q.Plan = r.flag(v) }}}
	statement := func(name string, read func(v *jsonNode) Stmt) {
		keys = append(keys, jsonKey{name, func(v *jsonNode) {
			if q.Stmt != nil {
				r.fail(v, "ask in two queries", "a second statement")
			}
			q.Stmt = read(v)
		}})
	}
	statement("find", r.find)
	statement("explain", r.explain)
	for _, what := range []Listing{ListConcepts, ListLatents, ListClusters, ListFields, ListImages} {
		statement(string(what), func(v *jsonNode) Stmt { return r.listing(v, what) })
	}
	statement("count", r.countStmt)
	statement("describe", r.describe)
	r.object(n, "a query: an object", keys...)
	if q.Stmt == nil {
		r.fail(n, `for example: {"find":{"where":{"concept":{"=":"dog"}},"top":10}}`, "the query is empty")
	}
	return q
}

func (r *jsonReader) find(n *jsonNode) Stmt {
	f := &Find{}
	r.object(n, "an object", append(r.tailKeys(&f.Tails),
		jsonKey{"near", func(v *jsonNode) { f.Near = r.near(v) }},
		jsonKey{"all", func(v *jsonNode) { f.All = r.flag(v) }},
		jsonKey{"where", func(v *jsonNode) { f.Where = r.expr(v, levelOr) }})...)
	switch {
	case f.All && (f.Near != nil || f.Where != nil):
		r.fail(n, `leave "all" out`, `"all" stands alone`)
	case !f.All && f.Near == nil && f.Where == nil:
		r.fail(n, "", "expected near, where or all")
	}
	return f
}

func (r *jsonReader) near(n *jsonNode) *Near {
	near := &Near{}
	near.What = r.operand(n,
		jsonKey{"steer", func(v *jsonNode) {
			r.list(v, "steers", 0, func(v *jsonNode) { near.Steer = append(near.Steer, r.steer(v)) })
		}},
		jsonKey{"in", func(v *jsonNode) { near.Space = Space(r.oneOf(v, string(SpaceLatent), string(SpaceDense))) }})
	return near
}

// operand reads an operand from an object that may have some members more.
func (r *jsonReader) operand(n *jsonNode, more ...jsonKey) *Operand {
	o := r.operandOr(n, more...)
	if o == nil {
		r.fail(n, "", "expected one of image, file, url, text, vector, mean and concepts")
	}
	return o
}

// operandOr is operand, but nil where there is none.
func (r *jsonReader) operandOr(n *jsonNode, more ...jsonKey) *Operand {
	var o *Operand
	begin := func(v *jsonNode, kind OperandKind) {
		if o != nil {
			r.fail(v, "", "a second operand beside %s", o.Kind)
		}
		r.count(v)
		o = &Operand{Kind: kind}
	}
	keys := []jsonKey{
		{"image", func(v *jsonNode) {
			begin(v, OperandImage)
			o.Arg = r.name(v, AnImage)
		}},
		{"mean", func(v *jsonNode) {
			begin(v, OperandMean)
			r.nest(v, func() {
				r.list(v, "operands", 1, func(v *jsonNode) { o.Mean = append(o.Mean, r.operand(v)) })
			})
		}},
		{"concepts", func(v *jsonNode) {
			begin(v, OperandConcepts)
			r.list(v, "concepts", 1, func(v *jsonNode) { o.Concepts = append(o.Concepts, r.weighted(v)) })
		}},
	}
	for _, kind := range []OperandKind{OperandFile, OperandURL, OperandText, OperandVector} {
		keys = append(keys, jsonKey{string(kind), func(v *jsonNode) {
			begin(v, kind)
			o.Arg = r.text(v, AText)
		}})
	}
	var edits []Edit
	edited := false
	keys = append(keys, jsonKey{"edits", func(v *jsonNode) {
		edited = true
		r.list(v, "edits", 0, func(v *jsonNode) { edits = append(edits, r.edit(v)) })
	}})
	r.object(n, "an object with an operand", append(keys, more...)...)
	switch {
	case o != nil:
		o.Edits = edits
	case edited:
		r.fail(n, "", "edits without an operand")
	}
	return o
}

func (r *jsonReader) edit(n *jsonNode) (e Edit) {
	r.count(n)
	done := 0
	change := func(scale bool) func(v *jsonNode) {
		return func(v *jsonNode) {
			e.Scale, e.X = scale, r.number(v, !scale)
			done++
		}
	}
	r.object(n, "an object with an edit", append(r.targetKeys(&e.Concept, &e.Latent), jsonKey{"set", change(false)}, jsonKey{"scale", change(true)})...)
	if (e.Concept != nil) == (e.Latent != nil) {
		r.fail(n, "", "expected one of concept and latent")
	}
	if done != 1 {
		r.fail(n, "", "expected one of set and scale")
	}
	return e
}

// targetKeys are the keys of what a steer or an edit is about.
func (r *jsonReader) targetKeys(concept, latent **Name) []jsonKey {
	return []jsonKey{
		{"concept", func(v *jsonNode) { *concept = r.namePointer(v, AConcept) }},
		{"latent", func(v *jsonNode) { *latent = r.namePointer(v, ALatent) }},
	}
}

func (r *jsonReader) weighted(n *jsonNode) (w Weighted) {
	r.count(n)
	named := false
	r.object(n, "an object with a concept",
		jsonKey{"concept", func(v *jsonNode) { w.Name, named = r.name(v, AConcept), true }},
		jsonKey{"weight", func(v *jsonNode) { w.Weight = r.numberPointer(v, false) }})
	if !named {
		r.fail(n, "", "expected a concept")
	}
	return w
}

func (r *jsonReader) steer(n *jsonNode) (s Steer) {
	r.count(n)
	s.Operand = r.operandOr(n, append(r.targetKeys(&s.Concept, &s.Latent),
		jsonKey{"minus", func(v *jsonNode) { s.Minus = r.flag(v) }},
		jsonKey{"scale", func(v *jsonNode) { s.Scale = r.numberPointer(v, false) }})...)
	things := 0
	for _, there := range []bool{s.Operand != nil, s.Concept != nil, s.Latent != nil} {
		if there {
			things++
		}
	}
	if things != 1 {
		r.fail(n, "", "expected one of concept, latent and an operand, found %d", things)
	}
	return s
}

// exprKeys are the keys of the kinds of conditions, one of which every condition has.
var exprKeys = []string{"and", "or", "not", "concept", "latent", "field", "exists"}

// expr reads a condition at a place that asks for level, as writeExpr has it.
func (r *jsonReader) expr(n *jsonNode, level int) (x Expr) {
	if n.kind != '{' {
		r.failKind(n, "a condition: an object")
	}
	if slices.ContainsFunc(n.members, func(m jsonMember) bool { return m.key == "field" }) {
		return r.meta(n)
	}
	if len(n.members) != 1 {
		r.fail(n, "", "expected a condition: one of %s; found %d keys", strings.Join(exprKeys, ", "), len(n.members))
	}
	r.object(n, "a condition",
		jsonKey{"and", func(v *jsonNode) {
			a := &And{}
			r.terms(v, levelAnd, level, &a.Terms)
			x = a
		}},
		jsonKey{"or", func(v *jsonNode) {
			o := &Or{}
			r.terms(v, levelOr, level, &o.Terms)
			x = o
		}},
		jsonKey{"not", func(v *jsonNode) { r.nest(v, func() { x = &Not{X: r.expr(v, levelNot)} }) }},
		jsonKey{"concept", func(v *jsonNode) { x = r.act(v, false) }},
		jsonKey{"latent", func(v *jsonNode) { x = r.act(v, true) }},
		jsonKey{"exists", func(v *jsonNode) {
			r.count(v)
			x = &Meta{Op: Exists, Field: r.field(v)}
		}},
		jsonKey{"field", nil}) // for the list of what there is
	return x
}

// terms reads what "and" or "or" join, an operator of level own at a place that asks for level.
func (r *jsonReader) terms(n *jsonNode, own, level int, terms *[]Expr) {
	read := func() {
		r.list(n, "conditions", 2, func(v *jsonNode) { *terms = append(*terms, r.expr(v, own+1)) })
	}
	if own < level { // in the text there are parentheses
		r.nest(n, read)
		return
	}
	read()
}

func (r *jsonReader) act(n *jsonNode, latent bool) *Act {
	r.count(n)
	a := &Act{Latent: latent}
	what := AConcept
	if latent {
		what = ALatent
	}
	var keys []jsonKey
	for _, op := range []Op{Eq, Ne, In, NotIn, Glob} {
		keys = append(keys, jsonKey{opKey(op), func(v *jsonNode) {
			if a.Op != "" {
				r.fail(v, "join two conditions with and", "a second test beside %q", a.Op)
			}
			switch a.Op = op; op {
			case In, NotIn:
				r.list(v, "names", 1, func(m *jsonNode) {
					if m != v.items[0] {
						r.count(m)
					}
					a.Names = append(a.Names, r.name(m, what))
				})
			case Glob:
				a.Names = []Name{r.text(v, APattern)}
			default:
				a.Names = []Name{r.name(v, what)}
			}
		}})
	}
	r.object(n, "an object with a test", append(keys,
		jsonKey{"activation", func(v *jsonNode) { a.Threshold = r.threshold(v) }},
		jsonKey{"weight", func(v *jsonNode) { a.Weight = r.numberPointer(v, false) }})...)
	if a.Op == "" {
		r.fail(n, "", "expected one of =, !=, in, not_in and ~")
	}
	return a
}

func (r *jsonReader) threshold(n *jsonNode) *Threshold {
	t := &Threshold{}
	keys := []jsonKey{{"percent", func(v *jsonNode) { t.Percent = r.flag(v) }}}
	for _, op := range []Op{Eq, Ne, Lt, Le, Gt, Ge} {
		keys = append(keys, jsonKey{string(op), func(v *jsonNode) {
			if t.Op != "" {
				r.fail(v, "join two conditions with and", "a second comparison beside %q", t.Op)
			}
			t.Op, t.X = op, r.number(v, true)
		}})
	}
	r.object(n, "an object with a comparison", keys...)
	if t.Op == "" {
		r.fail(n, "", "expected one of =, !=, <, <=, > and >=")
	}
	return t
}

func (r *jsonReader) meta(n *jsonNode) *Meta {
	r.count(n)
	m := &Meta{}
	keys := []jsonKey{{"field", func(v *jsonNode) {
		m.Field = r.field(v)
		if isReserved(m.Field.Name) {
			r.fail(v, "", "%q is a word of the language and no field here", m.Field.Name)
		}
	}}}
	for _, op := range []Op{Eq, Ne, Lt, Le, Gt, Ge, In, NotIn, Between, Glob} {
		keys = append(keys, jsonKey{opKey(op), func(v *jsonNode) {
			if m.Op != True {
				r.fail(v, "join two conditions with and", "a second test beside %q", m.Op)
			}
			m.Op, m.Values = op, r.values(v, op)
		}})
	}
	r.object(n, "a condition", keys...)
	return m
}

// values reads what a field is tested against.
func (r *jsonReader) values(n *jsonNode, op Op) (values []Value) {
	switch op {
	case In, NotIn, Between:
		r.list(n, "values", 1, func(v *jsonNode) {
			if op != Between && v != n.items[0] {
				r.count(v)
			}
			values = append(values, r.value(v))
		})
		if op == Between && len(values) != 2 {
			r.fail(n, "", "expected a list of the lowest and the highest value, found %d", len(values))
		}
		return values
	case Glob:
		name := r.text(n, APattern)
		v := Value{Text: name.Text}
		if name.Param {
			v.Kind = ValueParam
		}
		return []Value{v}
	}
	return []Value{r.value(n)}
}

// tailKeys are the keys of every tail; what they read goes to tails.
func (r *jsonReader) tailKeys(tails *[]Tail) []jsonKey {
	add := func(t Tail) {
		// Written behind a group, a top would be the group's.
		if last := len(*tails) - 1; t.Kind == TailTop && last >= 0 && (*tails)[last].Kind == TailGroup && (*tails)[last].N == 0 {
			*tails = slices.Insert(*tails, last, t)
			return
		}
		*tails = append(*tails, t)
	}
	return []jsonKey{
		{tailKey(TailTop), func(v *jsonNode) { add(Tail{Kind: TailTop, N: r.int(v, 1, MaxTop)}) }},
		{tailKey(TailOffset), func(v *jsonNode) { add(Tail{Kind: TailOffset, N: r.int(v, 0, MaxTop)}) }},
		{tailKey(TailAfter), func(v *jsonNode) { add(Tail{Kind: TailAfter, Arg: r.text(v, AText)}) }},
		{tailKey(TailMinScore), func(v *jsonNode) { add(Tail{Kind: TailMinScore, X: r.numberPointer(v, true)}) }},
		{tailKey(TailOrder), func(v *jsonNode) { add(r.order(v)) }},
		{tailKey(TailGroup), func(v *jsonNode) { add(r.group(v)) }},
		{tailKey(TailScore), func(v *jsonNode) {
			add(Tail{Kind: TailScore, Arg: Name{Text: r.oneOf(v, "sum", "min", "max")}})
		}},
		{tailKey(TailDistinct), func(v *jsonNode) {
			if v.kind == '0' {
				add(Tail{Kind: TailDistinct, X: r.numberPointer(v, false)})
			} else if r.flag(v) {
				add(Tail{Kind: TailDistinct})
			}
		}},
		r.flagKey(TailSelf, add),
		r.flagKey(TailSigned, add),
		r.flagKey(TailExact, add),
		{tailKey(TailEffort), func(v *jsonNode) { add(Tail{Kind: TailEffort, N: r.int(v, 1, MaxTop)}) }},
		{tailKey(TailWith), func(v *jsonNode) { add(r.with(v)) }},
	}
}

// flagKey is the key of a tail that is there or not.
func (r *jsonReader) flagKey(kind TailKind, add func(Tail)) jsonKey {
	return jsonKey{tailKey(kind), func(v *jsonNode) {
		if r.flag(v) {
			add(Tail{Kind: kind})
		}
	}}
}

func (r *jsonReader) order(n *jsonNode) Tail {
	t := Tail{Kind: TailOrder}
	r.object(n, "an object with a field",
		jsonKey{"field", func(v *jsonNode) { t.Arg = Name{Text: r.field(v).Name} }},
		jsonKey{"desc", func(v *jsonNode) { t.Desc = r.flag(v) }})
	if t.Arg.Text == "" {
		r.fail(n, "", "expected a field")
	}
	return t
}

func (r *jsonReader) group(n *jsonNode) Tail {
	t := Tail{Kind: TailGroup}
	r.object(n, "an object with a field",
		jsonKey{"field", func(v *jsonNode) { t.Arg = Name{Text: r.field(v).Name} }},
		jsonKey{"top", func(v *jsonNode) { t.N = r.int(v, 1, MaxTop) }})
	if t.Arg.Text == "" {
		r.fail(n, "", "expected a field")
	}
	return t
}

func (r *jsonReader) with(n *jsonNode) Tail {
	t := Tail{Kind: TailWith}
	r.list(n, "parts", 1, func(v *jsonNode) {
		part := r.oneOf(v, parts...)
		if slices.Contains(t.Parts, part) {
			r.fail(v, "leave one of them out", "%q stands twice", part)
		}
		t.Parts = append(t.Parts, part)
	})
	return t
}

func (r *jsonReader) explain(n *jsonNode) Stmt {
	e := &Explain{}
	e.What = r.operand(n, append(r.tailKeys(&e.Tails),
		jsonKey{"vs", func(v *jsonNode) { e.Against = r.operand(v) }})...)
	return e
}

func (r *jsonReader) listing(n *jsonNode, what Listing) Stmt {
	l := &List{What: what}
	like := func(v *jsonNode, what Thing, isText bool) {
		if l.Like != nil {
			r.fail(v, "", "like and like_text exclude each other")
		}
		r.count(v)
		pattern := r.text(v, what)
		l.Like, l.LikeText = &pattern, isText
	}
	r.object(n, "an object", append(r.tailKeys(&l.Tails),
		jsonKey{"like", func(v *jsonNode) { like(v, APattern, false) }},
		jsonKey{"like_text", func(v *jsonNode) { like(v, AText, true) }},
		jsonKey{"where", func(v *jsonNode) { l.Where = r.expr(v, levelOr) }})...)
	return l
}

func (r *jsonReader) countStmt(n *jsonNode) Stmt {
	c := &Count{}
	r.object(n, "an object", append(r.tailKeys(&c.Tails),
		jsonKey{"where", func(v *jsonNode) { c.Where = r.expr(v, levelOr) }},
		jsonKey{"by", func(v *jsonNode) {
			by := r.field(v)
			c.By = &by
		}})...)
	return c
}

func (r *jsonReader) describe(n *jsonNode) Stmt {
	d := &Describe{}
	var keys []jsonKey
	for _, what := range described {
		keys = append(keys, jsonKey{what, func(v *jsonNode) {
			r.count(v)
			d.What, d.Name = what, r.name(v, describedThing(what))
		}})
	}
	r.object(n, "an object", keys...)
	if len(n.members) != 1 {
		r.fail(n, "", "expected one of concept, latent and image, found %d keys", len(n.members))
	}
	return d
}
