package syntax

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// A query is also a JSON object, for programs that write queries: the same tree, with the words of the language as keys.
//
//	{"find": {"where": {"and": [{"concept": {"=": "sea", "activation": {">=": 0.4}}}, {"field": "meta.year", ">=": 2020}]}, "top": 20}}
//
// docs/query.md shows every form. The order of the keys is that of the tails, and means nothing.

// MarshalJSON writes the tree as JSON. A tree that no text parses to comes out as JSON that UnmarshalJSON refuses.
func (q *Query) MarshalJSON() ([]byte, error) {
	w := &jsonWriter{}
	w.object(func() {
		if q.Plan {
			w.flag("plan", true)
		}
		w.statement(q.Stmt)
	})
	return w.b.Bytes(), nil
}

// Text returns the canonical text of a tree that was put together by hand, or says what is wrong with the tree: the place is a
// JSON pointer into its JSON form. The trees that Parse and UnmarshalJSON make are always right.
func (q *Query) Text() (string, error) {
	data, err := q.MarshalJSON()
	if err != nil {
		return "", err
	}
	var checked Query
	if err := checked.UnmarshalJSON(data); err != nil {
		if bad, ok := err.(*Error); ok {
			bad.Offset = 0 // there is no text yet
		}
		return "", err
	}
	return checked.String(), nil
}

// A jsonWriter collects JSON.
type jsonWriter struct{ b bytes.Buffer }

// object writes an object; members writes what is in it.
func (w *jsonWriter) object(members func()) {
	w.b.WriteByte('{')
	members()
	w.b.WriteByte('}')
}

// key begins a member of an object.
func (w *jsonWriter) key(name string) {
	w.comma()
	w.text(name)
	w.b.WriteByte(':')
}

// comma parts what comes next from what stands before it.
func (w *jsonWriter) comma() {
	if last := w.b.Bytes()[w.b.Len()-1]; last != '{' && last != '[' {
		w.b.WriteByte(',')
	}
}

// list writes an array of n elements.
func (w *jsonWriter) list(n int, element func(i int)) {
	w.b.WriteByte('[')
	for i := range n {
		w.comma()
		element(i)
	}
	w.b.WriteByte(']')
}

func (w *jsonWriter) text(s string) {
	enc := json.NewEncoder(&w.b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s)           // a string and a buffer, which do not fail
	w.b.Truncate(w.b.Len() - 1) // the newline
}

func (w *jsonWriter) flag(name string, v bool) {
	w.key(name)
	w.b.WriteString(strconv.FormatBool(v))
}

// number writes null for what is no number in JSON, which is none in a query either.
func (w *jsonWriter) number(x float64) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		w.b.WriteString("null")
		return
	}
	w.b.WriteString(number(x))
}

func (w *jsonWriter) optional(name string, x *float64) {
	if x != nil {
		w.key(name)
		w.number(*x)
	}
}

func (w *jsonWriter) int(name string, n int) {
	w.key(name)
	w.b.WriteString(strconv.Itoa(n))
}

// tagged writes {"tag":"text"}.
func (w *jsonWriter) tagged(tag, text string) {
	w.object(func() {
		w.key(tag)
		w.text(text)
	})
}

func (w *jsonWriter) name(n Name) {
	if n.Param {
		w.tagged("param", n.Text)
		return
	}
	w.text(n.Text)
}

func (w *jsonWriter) named(key string, n Name) {
	w.key(key)
	w.name(n)
}

func (w *jsonWriter) value(v Value) {
	switch {
	case v.Kind == ValueParam:
		w.tagged("param", v.Text)
	case v.Kind == ValueDate:
		w.tagged("date", v.Text)
	case v.Kind == ValueBool && (v.Text == "true" || v.Text == "false"):
		w.b.WriteString(v.Text)
	case v.Kind == ValueNumber && json.Valid([]byte(v.Text)) && v.Text[0] != ' ':
		w.b.WriteString(v.Text)
	case v.Kind == ValueNumber:
		w.tagged("number", v.Text) // .5 and 007 are numbers of the language only
	case v.Kind == ValueString:
		w.text(v.Text)
	default:
		w.b.WriteString("null")
	}
}

func (w *jsonWriter) statement(s Stmt) {
	switch s := s.(type) {
	case *Find:
		w.key("find")
		w.object(func() { w.find(s) })
	case *Explain:
		w.key("explain")
		w.object(func() {
			w.operandMembers(s.What)
			if s.Against != nil {
				w.key("vs")
				w.operand(s.Against)
			}
			w.tails(s.Tails)
		})
	case *List:
		w.key(string(s.What))
		w.object(func() {
			switch {
			case s.Like != nil && s.LikeText:
				w.named("like_text", *s.Like)
			case s.Like != nil:
				w.named("like", *s.Like)
			}
			w.where(s.Where)
			w.tails(s.Tails)
		})
	case *Count:
		w.key("count")
		w.object(func() {
			w.where(s.Where)
			if s.By != nil {
				w.key("by")
				w.text(s.By.Name)
			}
			w.tails(s.Tails)
		})
	case *Describe:
		w.key("describe")
		w.object(func() { w.named(s.What, s.Name) })
	}
}

func (w *jsonWriter) find(f *Find) {
	if f.Near != nil {
		w.key("near")
		w.object(func() {
			w.operandMembers(f.Near.What)
			if len(f.Near.Steer) > 0 {
				w.key("steer")
				w.list(len(f.Near.Steer), func(i int) { w.steer(f.Near.Steer[i]) })
			}
			if f.Near.Space != SpaceDefault {
				w.key("in")
				w.text(string(f.Near.Space))
			}
		})
	}
	if f.All {
		w.flag("all", true)
	}
	w.where(f.Where)
	w.tails(f.Tails)
}

func (w *jsonWriter) operand(o *Operand) { w.object(func() { w.operandMembers(o) }) }

// operandMembers writes an operand into an object that may have other members.
func (w *jsonWriter) operandMembers(o *Operand) {
	if o == nil {
		return
	}
	w.key(string(o.Kind))
	switch o.Kind {
	case OperandMean:
		w.list(len(o.Mean), func(i int) { w.operand(o.Mean[i]) })
	case OperandConcepts:
		w.list(len(o.Concepts), func(i int) {
			w.object(func() {
				w.named("concept", o.Concepts[i].Name)
				w.optional("weight", o.Concepts[i].Weight)
			})
		})
	default:
		w.name(o.Arg)
	}
	if len(o.Edits) > 0 {
		w.key("edits")
		w.list(len(o.Edits), func(i int) { w.edit(o.Edits[i]) })
	}
}

func (w *jsonWriter) edit(e Edit) {
	w.object(func() {
		w.target(e.Concept, e.Latent)
		if e.Scale {
			w.key("scale")
		} else {
			w.key("set")
		}
		w.number(e.X)
	})
}

// target writes the name of a concept or the number of a latent.
func (w *jsonWriter) target(concept, latent *Name) {
	if concept != nil {
		w.named("concept", *concept)
	}
	if latent != nil {
		w.named("latent", *latent)
	}
}

func (w *jsonWriter) steer(s Steer) {
	w.object(func() {
		if s.Minus {
			w.flag("minus", true)
		}
		w.optional("scale", s.Scale)
		w.target(s.Concept, s.Latent)
		w.operandMembers(s.Operand)
	})
}

// where writes a condition if there is one.
func (w *jsonWriter) where(x Expr) {
	if x != nil {
		w.key("where")
		w.expr(x)
	}
}

func (w *jsonWriter) expr(x Expr) {
	w.object(func() {
		switch x := x.(type) {
		case *Or:
			w.key("or")
			w.list(len(x.Terms), func(i int) { w.expr(x.Terms[i]) })
		case *And:
			w.key("and")
			w.list(len(x.Terms), func(i int) { w.expr(x.Terms[i]) })
		case *Not:
			w.key("not")
			w.expr(x.X)
		case *Act:
			w.act(x)
		case *Meta:
			w.meta(x)
		}
	})
}

// opKey is the key of an operator: its words.
func opKey(op Op) string { return strings.ReplaceAll(string(op), " ", "_") }

func (w *jsonWriter) act(a *Act) {
	what := "concept"
	if a.Latent {
		what = "latent"
	}
	w.key(what)
	w.object(func() {
		w.key(opKey(a.Op))
		if a.Op == In || a.Op == NotIn || len(a.Names) != 1 {
			w.list(len(a.Names), func(i int) { w.name(a.Names[i]) })
		} else {
			w.name(a.Names[0])
		}
		if t := a.Threshold; t != nil {
			w.key("activation")
			w.object(func() {
				w.key(string(t.Op))
				w.number(t.X)
				if t.Percent {
					w.flag("percent", true)
				}
			})
		}
		w.optional("weight", a.Weight)
	})
}

func (w *jsonWriter) meta(m *Meta) {
	if m.Op == Exists {
		w.key("exists")
		w.text(m.Field.Name)
		return
	}
	w.key("field")
	w.text(m.Field.Name)
	if m.Op == True {
		return
	}
	w.key(opKey(m.Op))
	if m.Op == In || m.Op == NotIn || m.Op == Between || len(m.Values) != 1 {
		w.list(len(m.Values), func(i int) { w.value(m.Values[i]) })
	} else {
		w.value(m.Values[0])
	}
}

func (w *jsonWriter) tails(tails []Tail) {
	for _, t := range tails {
		w.tail(t)
	}
}

// tailKey is the key of a tail: its words.
func tailKey(k TailKind) string { return strings.ReplaceAll(string(k), " ", "_") }

func (w *jsonWriter) tail(t Tail) {
	key := tailKey(t.Kind)
	switch t.Kind {
	case TailTop, TailOffset, TailEffort:
		w.int(key, t.N)
	case TailAfter:
		w.named(key, t.Arg)
	case TailMinScore:
		w.key(key)
		if t.X == nil {
			w.b.WriteString("null")
		} else {
			w.number(*t.X)
		}
	case TailOrder, TailGroup:
		w.key(key)
		w.object(func() {
			w.key("field")
			w.text(t.Arg.Text)
			if t.Desc {
				w.flag("desc", true)
			}
			if t.N != 0 {
				w.int("top", t.N)
			}
		})
	case TailScore:
		w.key(key)
		w.text(t.Arg.Text)
	case TailDistinct:
		if t.X == nil {
			w.flag(key, true)
		} else {
			w.optional(key, t.X)
		}
	case TailWith:
		w.key(key)
		w.list(len(t.Parts), func(i int) { w.text(t.Parts[i]) })
	default:
		w.flag(key, true)
	}
}
