package query

import (
	"context"
	"fmt"
	"math"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/query/syntax"
	"github.com/saedb/saedb/sae"
)

// near yields the items nearest to something by cosine: of codes, or of vectors.
type near struct {
	text  string // as the language writes it
	what  *operand
	steer []steer
	dense bool
	where cond // nil: all items
	tails tails
}

func (n *near) plan(t *tree) {
	n.tails.plan(t, true)
	t.below(func() {
		space := "codes"
		if n.dense {
			space = "vectors"
		}
		t.line("%s: cosine of %s", n.text, space)
		if n.where != nil {
			t.below(func() {
				t.line("filter")
				t.below(func() { n.where.plan(t) })
			})
		}
	})
}

func (n *near) rows(ctx context.Context, r *run, yield func(Row) bool) error {
	among, err := n.among(ctx, r)
	if err != nil {
		return err
	}
	top := n.tails.top
	if top == 0 {
		top = defaultTop
	}
	var found []index.Hit
	var code sae.Code
	if n.dense {
		var v []float32
		if v, err = n.vector(ctx, r); err != nil {
			return err
		}
		found, err = r.NearDense(ctx, v, n.tails.offset+top, among)
	} else {
		if code, err = n.code(ctx, r); err != nil {
			return err
		}
		found, err = r.NearLatent(ctx, code, n.tails.offset+top, among)
	}
	if err != nil {
		return err
	}
	hits := make([]hit, 0, len(found))
	for _, h := range found {
		if n.dense || h.Score > 0 { // codes without a common latent are not near
			hits = append(hits, hit{h.Ord, float64(h.Score), float64(h.Score), true})
		}
	}
	best, err := n.tails.rank(ctx, r, everything{}, hits, top) // all scores are known
	if err != nil {
		return err
	}
	why := func(_ uint32, c sae.Code) []Why { return explainScore(r, c, products(code, c)) }
	return yieldImages(ctx, r, best, n.tails, why, yield)
}

// among returns the items that may be answered; nil means all.
func (n *near) among(ctx context.Context, r *run) (*roaring.Bitmap, error) {
	self, err := n.self(ctx, r)
	if err != nil {
		return nil, err
	}
	if n.where == nil && self.IsEmpty() {
		return nil, nil
	}
	var among *roaring.Bitmap
	if n.where == nil {
		among, err = r.All(ctx)
	} else {
		among, err = n.where.set(ctx, r)
	}
	if err != nil {
		return nil, err
	}
	return roaring.AndNot(among, self), nil
}

// self returns the items that the query itself names, unless they may be answered.
func (n *near) self(ctx context.Context, r *run) (*roaring.Bitmap, error) {
	self := roaring.New()
	if n.tails.self {
		return self, nil
	}
	if err := n.what.addSelf(ctx, r, self); err != nil {
		return nil, err
	}
	for _, s := range n.steer {
		if s.what != nil {
			if err := s.what.addSelf(ctx, r, self); err != nil {
				return nil, err
			}
		}
	}
	return self, nil
}

// products returns what each common latent gives to the dot product of two codes.
func products(a, b sae.Code) map[uint32]float64 {
	sum := map[uint32]float64{}
	for i, j := 0, 0; i < len(a.Latents) && j < len(b.Latents); {
		switch {
		case a.Latents[i] < b.Latents[j]:
			i++
		case a.Latents[i] > b.Latents[j]:
			j++
		default:
			sum[a.Latents[i]] = float64(a.Acts[i]) * float64(b.Acts[j])
			i, j = i+1, j+1
		}
	}
	return sum
}

// A steer adds scale times something to what is asked for; a negative scale
// takes it away. It is an operand or a group of latents.
type steer struct {
	at    syntax.Span
	scale float64
	what  *operand
	group []Weight
}

// code returns the code that is asked for: that of the operand, steered.
func (n *near) code(ctx context.Context, r *run) (sae.Code, error) {
	code, err := n.what.code(ctx, r)
	if err != nil || len(n.steer) == 0 {
		return code, err
	}
	sum := map[uint32]float64{}
	addCode(sum, code, 1)
	for _, s := range n.steer {
		if s.what != nil {
			c, err := s.what.code(ctx, r)
			if err != nil {
				return sae.Code{}, err
			}
			addCode(sum, c, s.scale)
			continue
		}
		if err := s.addTypical(ctx, r, sum); err != nil {
			return sae.Code{}, err
		}
	}
	code = makeCode(sum)
	if len(code.Latents) == 0 {
		return code, r.fail(n.what.node.Span, nil, "nothing is left of the code after steering", "take less away")
	}
	return code, nil
}

// addTypical adds the typical activation of each latent of a group. The latents
// of a concept keep their proportions; the strongest counts in full.
func (s steer) addTypical(ctx context.Context, r *run, sum map[uint32]float64) error {
	for _, w := range s.group {
		stats, err := r.LatentStats(ctx, w.Latent)
		if err != nil {
			return err
		}
		sum[w.Latent] += s.scale * stats.Mean() * float64(w.W/s.group[0].W)
	}
	return nil
}

// vector returns the vector that is asked for, of unit norm.
func (n *near) vector(ctx context.Context, r *run) ([]float32, error) {
	v, err := n.what.vector(ctx, r)
	if err != nil || len(n.steer) == 0 {
		return v, err
	}
	sum := make([]float64, len(v))
	addVector(sum, v, 1)
	for _, s := range n.steer {
		v, err := s.what.vector(ctx, r)
		if err != nil {
			return nil, err
		}
		if len(v) != len(sum) {
			return nil, r.fail(s.at, nil, fmt.Sprintf("a vector of %d numbers cannot be added to one of %d", len(v), len(sum)), "")
		}
		addVector(sum, v, s.scale)
	}
	return r.unit(n.what.node.Span, sum)
}

func addVector(sum []float64, v []float32, scale float64) {
	for i, x := range v {
		sum[i] += scale * float64(x)
	}
}

func addCode(sum map[uint32]float64, c sae.Code, scale float64) {
	for i, latent := range c.Latents {
		sum[latent] += scale * float64(c.Acts[i])
	}
}

// unit divides a vector by its norm.
func (r *run) unit(at syntax.Span, v []float64) ([]float32, error) {
	norm := 0.0
	for _, x := range v {
		norm += x * x
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

// compileNear resolves a near.
func (c *compiler) compileNear(f *syntax.Find, t tails) (statement, error) {
	if err := c.refuse(f.Tails, "near, which is ordered by nearness", syntax.TailOrder, syntax.TailScore); err != nil {
		return nil, err
	}
	n := &near{dense: c.inDense(f.Near), tails: t}
	n.text = (&syntax.Query{Stmt: &syntax.Find{Near: f.Near}}).String()
	if !n.dense {
		if _, err := c.model(f.Near.Span); err != nil {
			return nil, err
		}
	}
	for _, tail := range f.Tails {
		if tail.Kind == syntax.TailWith && n.dense && t.with.why {
			return nil, c.fail(tail.Span, "ask in latent, or explain an image", "nearness of vectors is not made of latents")
		}
	}
	var err error
	if f.Where != nil {
		if n.where, err = c.cond(f.Where, foldSum); err != nil {
			return nil, err
		}
	}
	if f.Near.What.Kind == syntax.OperandConcepts && len(f.Near.Steer) == 0 && !n.dense {
		return c.nearConcepts(f.Near.What, n.where, t)
	}
	if n.what, err = c.operand(f.Near.What, n.dense); err != nil {
		return nil, err
	}
	for _, s := range f.Near.Steer {
		resolved, err := c.steer(s, n.dense)
		if err != nil {
			return nil, err
		}
		n.steer = append(n.steer, resolved)
	}
	return n, nil
}

// inDense says whether nearness is measured between vectors. Where the query does not say, that is so for a text alone, since codes are
// made of pictures and a text's vector lies apart from theirs, and as long as there are no codes.
func (c *compiler) inDense(n *syntax.Near) bool {
	if n.Space != syntax.SpaceDefault {
		return n.Space == syntax.SpaceDense
	}
	if len(n.Steer) > 0 || n.What.Kind == syntax.OperandConcepts {
		return false
	}
	_, active := c.Model()
	return !active || n.What.Kind == syntax.OperandText
}

// nearConcepts resolves "near concepts (…)" on its own: the dot product of codes
// and concepts, which is "concept = a ^w or concept = b ^v …".
func (c *compiler) nearConcepts(o *syntax.Operand, where cond, t tails) (statement, error) {
	groups, err := c.weighted(o.Concepts)
	if err != nil {
		return nil, err
	}
	terms := make([]cond, len(groups))
	for i, g := range groups {
		terms[i] = g
	}
	s := &find{cond: either(foldSum, terms...), tails: t}
	if where != nil {
		s.cond = both(foldSum, s.cond, &filter{where})
	}
	return s, nil
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
	if s.Operand != nil {
		var err error
		out.what, err = c.operand(s.Operand, dense)
		return out, err
	}
	if dense {
		return out, c.fail(s.Span, "ask in latent, or steer by a text or an image", "concepts and latents steer codes, not vectors")
	}
	resolve, name := c.conceptGroup, s.Concept
	if s.Latent != nil {
		resolve, name = c.latentGroup, s.Latent
	}
	n, err := c.name(*name)
	if err != nil {
		return out, err
	}
	g, err := resolve(n)
	if err != nil {
		return out, err
	}
	out.group = g.group
	return out, nil
}
