package query

import (
	"context"
	"fmt"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/query/syntax"
	"github.com/saedb/saedb/sae"
)

// An operand is something with a vector or a code, resolved as far as is
// possible without reading items.
type operand struct {
	node   *syntax.Operand
	arg    string     // the id, text or name
	direct []float32  // a vector given as a parameter; nil otherwise
	mean   []*operand // of mean
	groups []*fires   // of concepts, with their weights
	edits  []edit     // of its code, in order
	signed bool       // edits may leave activations below zero
}

// edited reports whether its code, or that of a part, is edited.
func (o *operand) edited() bool {
	return len(o.edits) > 0 || slices.ContainsFunc(o.mean, (*operand).edited)
}

// plain returns the operand without edits.
func (o *operand) plain() *operand {
	out := *o
	out.edits, out.mean = nil, nil
	for _, part := range o.mean {
		out.mean = append(out.mean, part.plain())
	}
	return &out
}

// operand resolves an operand, for its vector or for its code.
func (c *compiler) operand(o *syntax.Operand, dense bool) (*operand, error) {
	out, err := c.plainOperand(o, dense)
	if err != nil {
		return nil, err
	}
	out.signed = c.signed
	out.edits, err = c.edits(o.Edits)
	return out, err
}

// plainOperand resolves an operand without its edits.
func (c *compiler) plainOperand(o *syntax.Operand, dense bool) (*operand, error) {
	out := &operand{node: o}
	var err error
	switch o.Kind {
	case syntax.OperandMean:
		for _, x := range o.Mean {
			part, err := c.operand(x, dense)
			if err != nil {
				return nil, err
			}
			out.mean = append(out.mean, part)
		}
		return out, nil
	case syntax.OperandConcepts:
		if dense {
			return nil, c.fail(o.Span, "ask in latent", "concepts have codes and no vectors")
		}
		out.groups, err = c.weighted(o.Concepts)
		return out, err
	case syntax.OperandVector:
		if v, isVector := c.params[o.Arg.Text].([]float32); o.Arg.Param && isVector {
			out.direct = slices.Clone(v)
			return out, nil
		}
	}
	name, err := c.name(o.Arg)
	if err != nil {
		return nil, err
	}
	out.arg = name.Text
	switch o.Kind {
	case syntax.OperandFile, syntax.OperandURL, syntax.OperandVector:
		if c.opts.load == nil {
			return nil, newError(c.text, o.Start, ErrNoEncoder, fmt.Sprintf("%s %s cannot be read here", o.Kind, syntax.Quote(name.Text)),
				"name an image of the database, a text, or vector $v with the vector as parameter")
		}
	}
	return out, nil
}

// weighted resolves concepts with weights.
func (c *compiler) weighted(list []syntax.Weighted) ([]*fires, error) {
	var groups []*fires
	for _, w := range list {
		n, err := c.name(w.Name)
		if err != nil {
			return nil, err
		}
		g, err := c.conceptGroup(n)
		if err != nil {
			return nil, err
		}
		if w.Weight != nil {
			g.weight = *w.Weight
			if err := c.factor(w.Name.Span, "a weight", g.weight); err != nil {
				return nil, err
			}
		}
		if g.postings, err = c.estimate(g.group); err != nil {
			return nil, err
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// ord returns the ordinal of the image that the operand names.
func (o *operand) ord(ctx context.Context, r *run) (uint32, error) {
	return findID(ctx, r, o.node.Arg.Span, o.arg)
}

// findID returns the ordinal of an image; where there is none, that is an error
// at the place of its id.
func findID(ctx context.Context, r *run, at syntax.Span, id string) (uint32, error) {
	ord, found, err := r.Ord(ctx, id)
	if err != nil {
		return 0, err
	}
	if !found {
		hint, err := nearestIDs(ctx, r, id)
		if err != nil {
			return 0, err
		}
		return 0, r.fail(at, ErrNotFound, fmt.Sprintf("no image has the id %s", syntax.Quote(id)), hint)
	}
	return ord, nil
}

// fewIDs is up to how many images an error looks through for ids like the one that is wrong.
const fewIDs = 10_000

// nearestIDs names the ids that are most like one that is wrong, or a way to find them.
func nearestIDs(ctx context.Context, r *run, id string) (string, error) {
	hint := "the query `images like *…*` finds ids"
	if r.Len() > fewIDs {
		return hint, nil
	}
	all, err := r.All(ctx)
	if err != nil {
		return "", err
	}
	var ids []string
	for it := all.Iterator(); it.HasNext(); {
		one, err := r.ID(ctx, it.Next())
		if err != nil {
			return "", err
		}
		ids = append(ids, one)
	}
	slices.Sort(ids)
	if near := syntax.Nearest(id, ids); len(near) > 0 {
		for i := range near {
			near[i] = syntax.Name{Text: near[i]}.String()
		}
		return "did you mean " + syntax.JoinOr(near) + "?", nil
	}
	return hint, ctx.Err()
}

// addSelf adds the images that the operand names to a set.
func (o *operand) addSelf(ctx context.Context, r *run, self *roaring.Bitmap) error {
	for _, part := range o.mean {
		if err := part.addSelf(ctx, r, self); err != nil {
			return err
		}
	}
	if o.node.Kind != syntax.OperandImage {
		return nil
	}
	ord, err := o.ord(ctx, r)
	if err == nil {
		self.Add(ord)
	}
	return err
}

// vector returns the operand's vector, of unit norm. To it goes what the edits change in the vector that the code stands for.
func (o *operand) vector(ctx context.Context, r *run) ([]float32, error) {
	v, err := o.plainVector(ctx, r)
	if err != nil || len(o.edits) == 0 {
		return v, err
	}
	before, err := o.plainCode(ctx, r)
	if err != nil {
		return nil, err
	}
	to := make([]float64, len(v))
	addVector(to, v, 1)
	if err := r.addDecoded(o.node.Span, to, before, o.edit(before)); err != nil {
		return nil, err
	}
	return r.unit(o.node.Span, to)
}

// edit returns an edited code.
func (o *operand) edit(c sae.Code) sae.Code {
	s := sum{}
	s.add(c, 1)
	for _, e := range o.edits {
		e.apply(s)
	}
	return s.code(o.signed)
}

// plainVector returns the vector without edits. What comes from outside the database is asked for once in a run.
func (o *operand) plainVector(ctx context.Context, r *run) (v []float32, err error) {
	switch o.node.Kind {
	case syntax.OperandImage:
		ord, err := o.ord(ctx, r)
		if err != nil {
			return nil, err
		}
		return r.Vector(ctx, ord)
	case syntax.OperandMean:
		return o.meanVector(ctx, r)
	}
	if v, known := r.vectors[o.node]; known {
		return v, nil
	}
	if v, err = o.fetch(ctx, r); err == nil {
		v, err = o.unit(r, v)
	}
	if err == nil {
		r.vectors[o.node] = v
	}
	return v, err
}

// fetch gets the vector of something outside the database.
func (o *operand) fetch(ctx context.Context, r *run) ([]float32, error) {
	if o.direct != nil {
		return o.direct, nil
	}
	var v []float32
	var note string
	var err error
	if o.node.Kind == syntax.OperandText {
		v, note, err = r.TextVector(ctx, o.arg)
	} else {
		v, err = r.p.opts.load(ctx, o.node.Kind, o.arg)
	}
	if err != nil {
		return nil, r.wrap(o.node.Span, err)
	}
	r.note(note)
	return v, nil
}

func (o *operand) unit(r *run, v []float32) ([]float32, error) {
	wide := make([]float64, len(v))
	addVector(wide, v, 1)
	return r.unit(o.node.Span, wide)
}

// meanVector is the direction of the sum of unit vectors.
func (o *operand) meanVector(ctx context.Context, r *run) ([]float32, error) {
	var sum []float64
	for _, part := range o.mean {
		v, err := part.vector(ctx, r)
		if err != nil {
			return nil, err
		}
		if sum == nil {
			sum = make([]float64, len(v))
		}
		if len(v) != len(sum) {
			return nil, r.fail(part.node.Span, nil, fmt.Sprintf("a vector of %d numbers has no mean with one of %d", len(v), len(sum)), "")
		}
		addVector(sum, v, 1)
	}
	return r.unit(o.node.Span, sum)
}

// code returns the operand's code, with its edits.
func (o *operand) code(ctx context.Context, r *run) (sae.Code, error) {
	c, err := o.plainCode(ctx, r)
	if err != nil || len(o.edits) == 0 {
		return c, err
	}
	return o.edit(c), nil
}

// plainCode returns the code without edits: as stored for an image, the mean of codes for
// mean, a code of weights for concepts, and what the autoencoder makes of the
// vector for anything else.
func (o *operand) plainCode(ctx context.Context, r *run) (sae.Code, error) {
	switch o.node.Kind {
	case syntax.OperandImage:
		ord, err := o.ord(ctx, r)
		if err != nil {
			return sae.Code{}, err
		}
		return r.Code(ctx, ord)
	case syntax.OperandMean:
		s := sum{}
		for _, part := range o.mean {
			c, err := part.code(ctx, r)
			if err != nil {
				return sae.Code{}, err
			}
			s.add(c, 1/float64(len(o.mean)))
		}
		return s.code(o.signed), nil
	case syntax.OperandConcepts:
		s := sum{}
		for _, g := range o.groups {
			for _, w := range g.group {
				s[w.Latent] += g.weight * float64(w.W)
			}
		}
		return s.code(false), nil
	}
	v, err := o.plainVector(ctx, r)
	if err != nil {
		return sae.Code{}, err
	}
	code, err := r.Encode(v)
	if err != nil {
		return sae.Code{}, r.wrap(o.node.Span, err)
	}
	return code, nil
}
