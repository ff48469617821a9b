package query

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/saedb/saedb/query/syntax"
	"github.com/saedb/saedb/sae"
)

// A sum is a code on its way: activations by latent, of any sign.
type sum map[uint32]float64

func (s sum) add(c sae.Code, scale float64) {
	for i, latent := range c.Latents {
		s[latent] += scale * float64(c.Acts[i])
	}
}

// code keeps what is above zero, or with signed what is not zero, by ascending latent.
func (s sum) code(signed bool) sae.Code {
	var c sae.Code
	for _, latent := range slices.SortedFunc(maps.Keys(s), cmp.Compare) {
		if x := float32(s[latent]); x > 0 || signed && x < 0 {
			c.Latents = append(c.Latents, latent)
			c.Acts = append(c.Acts, x)
		}
	}
	return c
}

// An edit changes the activation of a concept or a latent in a code.
type edit struct {
	group []Weight // by descending weight
	scale bool
	x     float64
}

// apply changes a code. A scale multiplies the latents of the group. Otherwise the concept's activation, the sum of W*activation, becomes
// x: the latents that fire keep their proportions; where none does, they get those of the weights.
func (e edit) apply(s sum) {
	if e.scale {
		e.multiply(s, e.x)
		return
	}
	has, squares := 0.0, 0.0
	for _, w := range e.group {
		has += float64(w.W) * s[w.Latent]
		squares += float64(w.W) * float64(w.W)
	}
	if has != 0 {
		e.multiply(s, e.x/has)
		return
	}
	for _, w := range e.group {
		s[w.Latent] = e.x * float64(w.W) / squares
	}
}

func (e edit) multiply(s sum, by float64) {
	for _, w := range e.group {
		s[w.Latent] *= by
	}
}

// edits resolves the edits of an operand.
func (c *compiler) edits(list []syntax.Edit) ([]edit, error) {
	var out []edit
	for _, e := range list {
		g, err := c.target(e.Concept, e.Latent)
		if err != nil {
			return nil, err
		}
		if err := c.factor(e.Span, "an activation", e.X); err != nil {
			return nil, err
		}
		if e.X < 0 && !c.signed {
			return nil, c.fail(e.Span, `write "signed" at the end to go below zero`, "an activation is not negative")
		}
		out = append(out, edit{g.group, e.Scale, e.X})
	}
	return out, nil
}

// target resolves what is edited or steered by: exactly one of a concept and a latent.
func (c *compiler) target(concept, latent *syntax.Name) (*fires, error) {
	resolve, name := c.conceptGroup, concept
	if latent != nil {
		resolve, name = c.latentGroup, latent
	}
	n, err := c.name(*name)
	if err != nil {
		return nil, err
	}
	return resolve(n)
}

// A steer adds scale times something to what is asked for; a negative scale
// takes it away. It is an operand or a group of latents.
type steer struct {
	at    syntax.Span
	scale float64
	what  *operand
	group []Weight
}

// steer resolves one step of steering.
func (c *compiler) steer(s syntax.Steer, dense bool) (steer, error) {
	out := steer{at: s.Span, scale: 1}
	if s.Scale != nil {
		out.scale = *s.Scale
	}
	if s.Minus {
		out.scale = -out.scale
	}
	err := c.factor(s.Span, "a number to steer by", out.scale)
	if err != nil {
		return out, err
	}
	if s.Operand != nil {
		out.what, err = c.operand(s.Operand, dense)
		return out, err
	}
	g, err := c.target(s.Concept, s.Latent)
	if err == nil {
		out.group = g.group
	}
	return out, err
}

// addTypical adds the typical activation of each latent of a group. The latents
// of a concept keep their proportions; the strongest counts in full.
func (s steer) addTypical(ctx context.Context, r *run, to sum) error {
	for _, w := range s.group {
		stats, err := r.LatentStats(ctx, w.Latent)
		if err != nil {
			return err
		}
		to[w.Latent] += s.scale * stats.Mean() * float64(w.W/s.group[0].W)
	}
	return nil
}

// code returns the code that is asked for: that of the operand, steered.
func (n *near) code(ctx context.Context, r *run) (sae.Code, error) {
	code, err := n.what.code(ctx, r)
	if err != nil {
		return code, err
	}
	if len(n.steer) > 0 {
		to := sum{}
		to.add(code, 1)
		for _, s := range n.steer {
			if err := s.addCode(ctx, r, to); err != nil {
				return sae.Code{}, err
			}
		}
		code = to.code(n.tails.signed)
	}
	return code, n.checkCode(r, code)
}

// tooLarge is what no steered activation exceeds: with a margin for dot products, what can be computed with.
const tooLarge = 1e30

// checkCode demands that something is left of a steered or edited code, and that it can be computed with.
func (n *near) checkCode(r *run, c sae.Code) error {
	if len(c.Latents) == 0 && n.steered() {
		return r.fail(n.what.node.Span, nil, "nothing is left of the code after steering", "take less away")
	}
	for i, act := range c.Acts {
		if math.Abs(float64(act)) > tooLarge {
			return r.fail(n.what.node.Span, nil, fmt.Sprintf("latent %d is too large after steering", c.Latents[i]), "steer by less")
		}
	}
	return nil
}

// addCode adds what is steered by to a code.
func (s steer) addCode(ctx context.Context, r *run, to sum) error {
	if s.what == nil {
		return s.addTypical(ctx, r, to)
	}
	c, err := s.what.code(ctx, r)
	to.add(c, s.scale)
	return err
}

// vector returns the vector that is asked for, of unit norm. Operands are added as vectors. Concepts and latents steer the operand's code:
// to the vector goes what that changes in the vector which the code stands for, so the part that the code leaves out stays.
func (n *near) vector(ctx context.Context, r *run) ([]float32, error) {
	v, err := n.what.vector(ctx, r)
	if err != nil || len(n.steer) == 0 {
		return v, err
	}
	to := make([]float64, len(v))
	addVector(to, v, 1)
	by := false
	for _, s := range n.steer {
		if s.what == nil {
			by = true
			continue
		}
		v, err := s.what.vector(ctx, r)
		if err != nil {
			return nil, err
		}
		if len(v) != len(to) {
			return nil, r.fail(s.at, nil, fmt.Sprintf("a vector of %d numbers cannot be added to one of %d", len(v), len(to)), "")
		}
		addVector(to, v, s.scale)
	}
	if by {
		if err := n.addChange(ctx, r, to); err != nil {
			return nil, err
		}
	}
	return r.unit(n.what.node.Span, to)
}

// addChange adds to a vector what concepts and latents change.
func (n *near) addChange(ctx context.Context, r *run, to []float64) error {
	code, err := n.what.code(ctx, r)
	if err != nil {
		return err
	}
	s := sum{}
	s.add(code, 1)
	for _, by := range n.steer {
		if by.what == nil {
			if err := by.addTypical(ctx, r, s); err != nil {
				return err
			}
		}
	}
	return r.addDecoded(n.what.node.Span, to, code, s.code(n.tails.signed))
}

// addDecoded adds to a vector the difference between what two codes stand for.
func (r *run) addDecoded(at syntax.Span, to []float64, before, after sae.Code) error {
	for _, c := range []struct {
		code  sae.Code
		scale float64
	}{{after, 1}, {before, -1}} {
		v, err := r.Decode(c.code)
		if err != nil {
			return r.wrap(at, err)
		}
		if len(v) != len(to) {
			return r.fail(at, nil, fmt.Sprintf("a code stands for a vector of %d numbers, and this one has %d", len(v), len(to)), "")
		}
		addVector(to, v, c.scale)
	}
	return nil
}

func addVector(sum []float64, v []float32, scale float64) {
	for i, x := range v {
		sum[i] += float64(scale * float64(x)) // the conversion keeps compilers from fusing
	}
}

// unit divides a vector by its norm.
func (r *run) unit(at syntax.Span, v []float64) ([]float32, error) {
	norm := 0.0
	for _, x := range v {
		norm += float64(x * x)
	}
	norm = math.Sqrt(norm)
	if norm == 0 || math.IsNaN(norm) || math.IsInf(norm, 0) {
		return nil, r.fail(at, nil, "this vector has no direction: it is zero or not finite", "")
	}
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x / norm)
	}
	return out, nil
}
