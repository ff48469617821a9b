package build

import (
	"strconv"

	"github.com/saedb/saedb/query/syntax"
)

// A Cond is a condition on pictures, or on the rows of a listing.
type Cond interface{ expr() syntax.Expr }

type cond struct{ x syntax.Expr }

func (c cond) expr() syntax.Expr { return c.x }

// And holds where all of some conditions do.
func And(first Cond, more ...Cond) Cond {
	if len(more) == 0 {
		return first
	}
	return cond{&syntax.And{Terms: exprs(first, more)}}
}

// Or holds where one of some conditions does.
func Or(first Cond, more ...Cond) Cond {
	if len(more) == 0 {
		return first
	}
	return cond{&syntax.Or{Terms: exprs(first, more)}}
}

// Not holds where a condition does not.
func Not(c Cond) Cond { return cond{&syntax.Not{X: c.expr()}} }

func exprs(first Cond, more []Cond) []syntax.Expr {
	list := []syntax.Expr{first.expr()}
	for _, c := range more {
		list = append(list, c.expr())
	}
	return list
}

// An Act is a condition on activations. Its methods return another with one thing more.
type Act struct{ a syntax.Act }

func (a Act) expr() syntax.Expr { return &a.a }

// Concept holds where a concept is active.
func Concept[N Named](n N) Act { return act(false, syntax.Eq, name(n)) }

// ConceptNot holds where a concept is not active.
func ConceptNot[N Named](n N) Act { return act(false, syntax.Ne, name(n)) }

// ConceptIn holds where one of some concepts is active.
func ConceptIn[N Named](list ...N) Act { return act(false, syntax.In, names(list)...) }

// ConceptNotIn holds where none of some concepts is active.
func ConceptNotIn[N Named](list ...N) Act { return act(false, syntax.NotIn, names(list)...) }

// ConceptLike holds where a concept is active whose name fits a pattern: * stands for any text, ? for any character.
func ConceptLike[N Named](pattern N) Act { return act(false, syntax.Glob, name(pattern)) }

// Latent holds where a latent is active.
func Latent(latent int) Act { return act(true, syntax.Eq, latents(latent)...) }

// LatentNot holds where a latent is not active.
func LatentNot(latent int) Act { return act(true, syntax.Ne, latents(latent)...) }

// LatentIn holds where one of some latents is active.
func LatentIn(list ...int) Act { return act(true, syntax.In, latents(list...)...) }

// LatentNotIn holds where none of some latents is active.
func LatentNotIn(list ...int) Act { return act(true, syntax.NotIn, latents(list...)...) }

func act(latent bool, op syntax.Op, list ...syntax.Name) Act {
	return Act{syntax.Act{Latent: latent, Op: op, Names: list}}
}

func latents(list ...int) []syntax.Name {
	var out []syntax.Name
	for _, i := range list {
		out = append(out, syntax.Name{Text: strconv.Itoa(i)})
	}
	return out
}

// AtLeast asks for an activation of x or more.
func (a Act) AtLeast(x float64) Act { return a.Activation(syntax.Ge, x) }

// AtLeastPercent asks for so many per cent of the largest activation or more.
func (a Act) AtLeastPercent(x float64) Act { return a.Percent(syntax.Ge, x) }

// Activation compares the activation with a number.
func (a Act) Activation(op syntax.Op, x float64) Act {
	a.a.Threshold = &syntax.Threshold{Op: op, X: x}
	return a
}

// Percent compares the activation with so many per cent of the largest one.
func (a Act) Percent(op syntax.Op, x float64) Act {
	a.a.Threshold = &syntax.Threshold{Op: op, X: x, Percent: true}
	return a
}

// Weight makes the condition count w times in the score.
func (a Act) Weight(w float64) Act {
	a.a.Weight = weight(w)
	return a
}

// Eq holds where a field, or one of a list, is v.
func Eq[V Valued](field string, v V) Cond { return meta(field, syntax.Eq, v) }

// Ne holds where Eq does not.
func Ne[V Valued](field string, v V) Cond { return meta(field, syntax.Ne, v) }

// Lt holds where a field is less than v.
func Lt[V Valued](field string, v V) Cond { return meta(field, syntax.Lt, v) }

// Le holds where a field is at most v.
func Le[V Valued](field string, v V) Cond { return meta(field, syntax.Le, v) }

// Gt holds where a field is more than v.
func Gt[V Valued](field string, v V) Cond { return meta(field, syntax.Gt, v) }

// Ge holds where a field is at least v.
func Ge[V Valued](field string, v V) Cond { return meta(field, syntax.Ge, v) }

// Between holds where a field is at least low and at most high.
func Between[V Valued](field string, low, high V) Cond { return meta(field, syntax.Between, low, high) }

// In holds where a field is one of some values.
func In[V Valued](field string, list ...V) Cond { return meta(field, syntax.In, list...) }

// NotIn holds where In does not.
func NotIn[V Valued](field string, list ...V) Cond { return meta(field, syntax.NotIn, list...) }

// Like holds where a text fits a pattern: * stands for any text, ? for any character.
func Like[N Named](field string, pattern N) Cond {
	v := syntax.Value{Text: name(pattern).Text}
	if name(pattern).Param {
		v.Kind = syntax.ValueParam
	}
	return cond{&syntax.Meta{Field: syntax.Field{Name: field}, Op: syntax.Glob, Values: []syntax.Value{v}}}
}

// Exists holds where there is a field.
func Exists(field string) Cond { return meta[string](field, syntax.Exists) }

// Is holds where a field is true.
func Is(field string) Cond { return meta[string](field, syntax.True) }

func meta[V Valued](field string, op syntax.Op, list ...V) Cond {
	m := &syntax.Meta{Field: syntax.Field{Name: field}, Op: op}
	for _, v := range list {
		m.Values = append(m.Values, value(v))
	}
	return cond{m}
}
