package query

import (
	"cmp"
	"context"
	"fmt"
	"maps"
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
}

// operand resolves an operand, for its vector or for its code.
func (c *compiler) operand(o *syntax.Operand, dense bool) (*operand, error) {
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
		return 0, r.fail(at, ErrNotFound, fmt.Sprintf("no image has the id %s", syntax.Quote(id)), "the query `images like *…*` finds ids")
	}
	return ord, nil
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

// vector returns the operand's vector, of unit norm.
func (o *operand) vector(ctx context.Context, r *run) ([]float32, error) {
	switch o.node.Kind {
	case syntax.OperandImage:
		ord, err := o.ord(ctx, r)
		if err != nil {
			return nil, err
		}
		return r.Vector(ctx, ord)
	case syntax.OperandText:
		v, note, err := r.TextVector(ctx, o.arg)
		if err != nil {
			return nil, r.wrap(o.node.Span, err)
		}
		r.note(note)
		return o.unit(r, v)
	case syntax.OperandMean:
		return o.meanVector(ctx, r)
	}
	if o.direct != nil {
		return o.unit(r, o.direct)
	}
	v, err := r.p.opts.load(ctx, o.node.Kind, o.arg)
	if err != nil {
		return nil, r.wrap(o.node.Span, err)
	}
	return o.unit(r, v)
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

// code returns the operand's code: as stored for an image, the mean of codes for
// mean, a code of weights for concepts, and what the autoencoder makes of the
// vector for anything else.
func (o *operand) code(ctx context.Context, r *run) (sae.Code, error) {
	switch o.node.Kind {
	case syntax.OperandImage:
		ord, err := o.ord(ctx, r)
		if err != nil {
			return sae.Code{}, err
		}
		return r.Code(ctx, ord)
	case syntax.OperandMean:
		sum := map[uint32]float64{}
		for _, part := range o.mean {
			c, err := part.code(ctx, r)
			if err != nil {
				return sae.Code{}, err
			}
			addCode(sum, c, 1/float64(len(o.mean)))
		}
		return makeCode(sum), nil
	case syntax.OperandConcepts:
		sum := map[uint32]float64{}
		for _, g := range o.groups {
			for _, w := range g.group {
				sum[w.Latent] += g.weight * float64(w.W)
			}
		}
		return makeCode(sum), nil
	}
	v, err := o.vector(ctx, r)
	if err != nil {
		return sae.Code{}, err
	}
	code, err := r.Encode(v)
	if err != nil {
		return sae.Code{}, r.wrap(o.node.Span, err)
	}
	return code, nil
}

// makeCode keeps what is above zero, by ascending latent.
func makeCode(sum map[uint32]float64) sae.Code {
	var c sae.Code
	for _, latent := range slices.SortedFunc(maps.Keys(sum), cmp.Compare) {
		if x := float32(sum[latent]); x > 0 {
			c.Latents = append(c.Latents, latent)
			c.Acts = append(c.Acts, x)
		}
	}
	return c
}
