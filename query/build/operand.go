package build

import (
	"slices"
	"strconv"

	"github.com/saedb/saedb/query/syntax"
)

// An Operand is something that has a vector or a code.
type Operand struct{ o *syntax.Operand }

// Image is a picture of the database.
func Image[N Named](id N) Operand { return operand(syntax.OperandImage, name(id)) }

// File is a picture in a file.
func File[N Named](file N) Operand { return operand(syntax.OperandFile, name(file)) }

// URL is a picture somewhere else.
func URL[N Named](url N) Operand { return operand(syntax.OperandURL, name(url)) }

// Text is a text.
func Text[N Named](text N) Operand { return operand(syntax.OperandText, name(text)) }

// Vector is a vector in a file, or the []float32 that a parameter holds.
func Vector[N Named](file N) Operand { return operand(syntax.OperandVector, name(file)) }

func operand(kind syntax.OperandKind, arg syntax.Name) Operand {
	return Operand{&syntax.Operand{Kind: kind, Arg: arg}}
}

// Mean is the mean of some operands.
func Mean(list ...Operand) Operand {
	o := &syntax.Operand{Kind: syntax.OperandMean}
	for _, x := range list {
		o.Mean = append(o.Mean, x.o)
	}
	return Operand{o}
}

// Set makes the activation of a concept or a latent x in the operand's code. It returns another operand.
func Set[T Activated](o Operand, what T, x float64) Operand {
	return edit(o, what, syntax.Edit{X: x})
}

// Scale makes the activation of a concept or a latent x times what it is. It returns another operand.
func Scale[T Activated](o Operand, what T, x float64) Operand {
	return edit(o, what, syntax.Edit{X: x, Scale: true})
}

func edit[T Activated](o Operand, what T, e syntax.Edit) Operand {
	e.Concept, e.Latent = target(what)
	edited := *o.o
	edited.Edits = append(slices.Clip(edited.Edits), e)
	return Operand{&edited}
}

// Weighted is a concept with a weight.
type Weighted struct{ w syntax.Weighted }

// Weigh gives a concept a weight.
func Weigh[N Named](concept N, w float64) Weighted {
	return Weighted{syntax.Weighted{Name: name(concept), Weight: weight(w)}}
}

// Concepts is a code put together from concepts.
func Concepts(list ...Weighted) Operand {
	o := &syntax.Operand{Kind: syntax.OperandConcepts}
	for _, w := range list {
		o.Concepts = append(o.Concepts, w.w)
	}
	return Operand{o}
}

// A Steer is added to what pictures shall be near to.
type Steer struct{ s syntax.Steer }

// LatentNumber is a latent to steer by, or to edit.
type LatentNumber int

// Activated is what has an activation: a string or a Param is a concept.
type Activated interface{ string | Param | LatentNumber }

// Target is what may be added or taken away.
type Target interface{ Activated | Operand }

// Plus adds something scale times.
func Plus[T Target](scale float64, what T) Steer { return steer(false, scale, what) }

// Minus takes something away scale times.
func Minus[T Target](scale float64, what T) Steer { return steer(true, scale, what) }

func steer[T Target](minus bool, scale float64, what T) Steer {
	s := syntax.Steer{Minus: minus, Scale: weight(scale)}
	if o, isOperand := any(what).(Operand); isOperand {
		s.Operand = o.o
	} else {
		s.Concept, s.Latent = target(what)
	}
	return Steer{s}
}

// target returns what is activated, as one of the two.
func target(what any) (concept, latent *syntax.Name) {
	switch what := what.(type) {
	case LatentNumber:
		return nil, &syntax.Name{Text: strconv.Itoa(int(what))}
	case Param:
		n := name(what)
		return &n, nil
	}
	return &syntax.Name{Text: what.(string)}, nil
}
