package naive

import (
	"math"
	"slices"

	"github.com/saedb/saedb/query/syntax"
)

// space is where nearness is measured.
func (n *Twin) space(near *syntax.Near) syntax.Space {
	switch {
	case near.Space != syntax.SpaceDefault:
		return near.Space
	case near.What.Kind == syntax.OperandText && len(near.Steer) == 0 && len(near.What.Edits) == 0:
		return syntax.SpaceDense
	}
	return syntax.SpaceLatent
}

// judgeNear returns what judges how near an item is: by its vector, or by its code.
func (n *Twin) judgeNear(f *syntax.Find) func(Item) verdict {
	if f.Near == nil {
		return nil
	}
	what := f.Near.What
	if n.isDot(f.Near) {
		return func(item Item) verdict { return n.dot(what, item) }
	}
	self := n.named(f)
	signed := tail(f.Tails, syntax.TailSigned) != nil
	hidden := func(item Item) bool { return slices.Contains(self, item.ID) }
	if n.space(f.Near) == syntax.SpaceDense {
		asked := n.steeredVector(f.Near, signed)
		return func(item Item) verdict {
			score := float64(float32(dotOf(n.vecs[item.ID], asked)))
			return verdict{!hidden(item) && score == score, true, score} // steered to zero, it has no direction
		}
	}
	asked := n.askedCode(f.Near, signed)
	return func(item Item) verdict {
		score := cosineOf(asked, n.dense(n.codes[item.ID]))
		return verdict{!hidden(item) && score > 0, true, score}
	}
}

// isDot reports whether a near sums weighted concepts.
func (n *Twin) isDot(near *syntax.Near) bool {
	return near.What.Kind == syntax.OperandConcepts && len(near.Steer) == 0 && len(near.What.Edits) == 0
}

// askedCode is the code that others are compared with.
func (n *Twin) askedCode(near *syntax.Near, signed bool) []float64 {
	asked := n.code(near.What, signed)
	for _, s := range near.Steer {
		n.steer(asked, s, signed)
	}
	return clamp(asked, signed)
}

// named lists the ids in a query that are no answers to it.
func (n *Twin) named(f *syntax.Find) []string {
	if tail(f.Tails, syntax.TailSelf) != nil {
		return nil
	}
	ids := n.images(f.Near.What)
	for _, s := range f.Near.Steer {
		if s.Operand != nil {
			ids = append(ids, n.images(s.Operand)...)
		}
	}
	return ids
}

// unedited is an operand without edits.
func unedited(o *syntax.Operand) *syntax.Operand {
	out := *o
	out.Edits, out.Mean = nil, nil
	for _, part := range o.Mean {
		out.Mean = append(out.Mean, unedited(part))
	}
	return &out
}

func cosineOf(asked, has []float64) float64 {
	dot, a, b := 0.0, 0.0, 0.0
	for i := range asked {
		dot += asked[i] * has[i]
		a += asked[i] * asked[i]
		b += has[i] * has[i]
	}
	if dot == 0 {
		return 0
	}
	return float64(float32(dot / (math.Sqrt(a) * math.Sqrt(b))))
}

// clamp rounds a code as it is stored.
func clamp(code []float64, signed bool) []float64 {
	out := make([]float64, len(code))
	for i, x := range code {
		if x > 0 || signed {
			out[i] = float64(float32(x))
		}
	}
	return out
}

// images lists the ids that an operand names.
func (n *Twin) images(o *syntax.Operand) []string {
	if o.Kind == syntax.OperandImage {
		return []string{o.Arg.Text}
	}
	var ids []string
	for _, part := range o.Mean {
		ids = append(ids, n.images(part)...)
	}
	return ids
}

// code is that of an operand, with its edits and its zeros.
func (n *Twin) code(o *syntax.Operand, signed bool) []float64 {
	code := n.plainCode(o, signed)
	for _, e := range o.Edits {
		n.edit(code, e)
	}
	return clamp(code, signed)
}

func (n *Twin) plainCode(o *syntax.Operand, signed bool) []float64 {
	switch o.Kind {
	case syntax.OperandImage:
		return n.dense(n.codes[o.Arg.Text])
	case syntax.OperandMean:
		sum := make([]float64, n.d.Latents)
		for _, part := range o.Mean {
			for i, x := range n.code(part, signed) {
				sum[i] += 1 / float64(len(o.Mean)) * x
			}
		}
		return clamp(sum, signed)
	case syntax.OperandConcepts:
		sum := make([]float64, n.d.Latents)
		for _, c := range o.Concepts {
			weight := 1.0
			if c.Weight != nil {
				weight = *c.Weight
			}
			for _, w := range n.d.Concepts[c.Name.Text] {
				sum[w.Latent] += weight * float64(w.W)
			}
		}
		return clamp(sum, false)
	}
	return n.dense(n.encode(unit(n.d.Texts[o.Arg.Text])))
}

// edit makes the activation of a concept or latent X, or X times what it was.
func (n *Twin) edit(code []float64, e syntax.Edit) {
	group := n.target(e.Concept, e.Latent)
	has, squares := 0.0, 0.0
	for _, w := range group {
		has += float64(w.W) * code[w.Latent]
		squares += float64(w.W) * float64(w.W)
	}
	for _, w := range group {
		switch {
		case e.Scale:
			code[w.Latent] *= e.X
		case has != 0:
			code[w.Latent] *= e.X / has
		default:
			code[w.Latent] = e.X * float64(w.W) / squares
		}
	}
}

func (n *Twin) target(concept, latent *syntax.Name) []Weight {
	if latent != nil {
		return n.group(true, latent.Text)
	}
	return n.group(false, concept.Text)
}

// vector is that of an operand; edits change what its code stands for.
func (n *Twin) vector(o *syntax.Operand, signed bool) []float32 {
	var v []float32
	switch o.Kind {
	case syntax.OperandImage:
		v = n.vecs[o.Arg.Text]
	case syntax.OperandMean:
		sum := make([]float64, n.d.Latents)
		for _, part := range o.Mean {
			add(sum, n.vector(part, signed), 1)
		}
		v = narrow(sum)
	default:
		v = unit(n.d.Texts[o.Arg.Text])
	}
	if len(o.Edits) == 0 {
		return v
	}
	to := make([]float64, len(v))
	add(to, v, 1)
	add(to, n.decode(n.code(o, signed)), 1)
	add(to, n.decode(n.plainCode(o, signed)), -1)
	return narrow(to)
}

func add(to []float64, v []float32, scale float64) {
	for i, x := range v {
		to[i] += scale * float64(x)
	}
}

// narrow is the unit vector in the direction of v.
func narrow(v []float64) []float32 {
	sum := 0.0
	for _, x := range v {
		sum += x * x
	}
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x / math.Sqrt(sum))
	}
	return out
}

// steeredVector adds operands as vectors, and then what concepts change in what the code stands for.
func (n *Twin) steeredVector(near *syntax.Near, signed bool) []float32 {
	v := n.vector(near.What, signed)
	if len(near.Steer) == 0 {
		return v
	}
	to := make([]float64, len(v))
	add(to, v, 1)
	var before, after []float64
	for _, s := range near.Steer {
		if s.Operand != nil {
			add(to, n.vector(s.Operand, signed), scaleOf(s))
			continue
		}
		if before == nil {
			before, after = n.code(near.What, signed), n.code(near.What, signed)
		}
		n.steer(after, s, signed)
	}
	if before != nil {
		add(to, n.decode(clamp(after, signed)), 1)
		add(to, n.decode(before), -1)
	}
	return narrow(to)
}

// dense is a code with its zeros.
func (n *Twin) dense(c Code) []float64 {
	out := make([]float64, n.d.Latents)
	for i, latent := range c.Latents {
		out[latent] = float64(c.Acts[i])
	}
	return out
}

func scaleOf(s syntax.Steer) float64 {
	scale := 1.0
	if s.Scale != nil {
		scale = *s.Scale
	}
	if s.Minus {
		scale = -scale
	}
	return scale
}

// steer adds an operand's code, or the mean activation of each latent of a concept, where it is active.
func (n *Twin) steer(asked []float64, s syntax.Steer, signed bool) {
	if s.Operand != nil {
		for i, x := range n.code(s.Operand, signed) {
			asked[i] += scaleOf(s) * x
		}
		return
	}
	group := n.target(s.Concept, s.Latent)
	for _, w := range group {
		sum, count := 0.0, 0.0
		for _, item := range n.d.Items {
			if act := n.dense(n.codes[item.ID])[w.Latent]; act > 0 {
				sum, count = sum+act, count+1
			}
		}
		if count > 0 {
			asked[w.Latent] += scaleOf(s) * (sum / count) * float64(w.W/group[0].W)
		}
	}
}

// dot judges an item by the sum of weighted concepts.
func (n *Twin) dot(o *syntax.Operand, item Item) verdict {
	var out verdict
	for _, c := range o.Concepts {
		weight := 1.0
		if c.Weight != nil {
			weight = *c.Weight
		}
		if act := n.Activation(n.d.Concepts[c.Name.Text], item.ID); act > 0 {
			out.match = true
			out = out.fold(verdict{true, true, weight * float64(act)}, "sum")
		}
	}
	return out
}
