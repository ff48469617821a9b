// Package sparse finds rows by their codes, exactly, and reads few codes for it. It walks the postings of the query's latents, one latent after
// the other. They say of each activation only between which bounds it lies, and in an Accumulator they add up to bounds of
//
//	score(row) = Σ over terms of W·activation(row, latent)
//
// The k-th largest lower bound is a floor: rows whose upper bound does not reach it are no answer. The others are scored from their codes.
//
// Postings and codes come from a Source, which a database implements over what it stores. Index is a Source in memory; Rows is
// the slow twin, a row at a time, and gives the same scores to the bit.
package sparse

import (
	"context"
	"iter"
	"math"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/sae"
)

// Source is where postings and codes come from. Its methods are safe for concurrent use.
type Source interface {
	// Blocks yields the rows in whose code a latent is active, by ascending ordinal, each row once and in one block, and at most one block for each First; none
	// for a latent that is unknown. A block is valid until the next step. An error comes last.
	Blocks(ctx context.Context, latent uint32) iter.Seq2[index.Block, error]

	// Codes yields the codes of the rows of f, of all rows where it is nil, by ascending ordinal. A code is valid until the next step. A row
	// of f without a code is an error. An error comes last.
	Codes(ctx context.Context, f index.Filter) iter.Seq2[index.Coded, error]
}

// Holder is a Source that has the postings of some latents at hand: to step through those takes less than to have them yielded.
type Holder interface {
	// Held returns what Blocks would yield, and false where it is not at hand. Nobody changes it.
	Held(ctx context.Context, latent uint32) ([]index.Block, bool)
}

// Sum returns the k rows of largest Σ W·activation above zero, under the rules of package index.
func Sum(ctx context.Context, src Source, terms []index.Term, k int, f index.Filter) ([]index.Hit, error) {
	sorted, err := check(terms, k)
	if err != nil {
		return nil, err
	}
	var a Accumulator
	bounds, err := a.Best(ctx, src, sorted, k, f, nil)
	if err != nil {
		return nil, err
	}
	if err := Resolve(ctx, src, sorted, bounds, Unknown(bounds)); err != nil {
		return nil, err
	}
	best := index.NewBest(k)
	for _, b := range bounds {
		if b.Lo > 0 {
			best.Offer(index.Hit{Ord: b.Ord, Score: b.Lo})
		}
	}
	return best.Hits(), nil
}

// Cosine returns the k rows whose codes have the largest cosine above zero with the terms. norm gives the norm of the code
// of a row that has postings; see Norms.
func Cosine(ctx context.Context, src Source, norm func(ord uint32) (float32, error), terms []index.Term, k int, f index.Filter) ([]index.Hit, error) {
	sorted, err := check(terms, k)
	if err != nil {
		return nil, err
	}
	length := Norm(sorted)
	by := func(b Bound) (Bound, error) { // dividing by the norm and rounding keep the order, and so the bounds
		n, err := norm(b.Ord)
		return Bound{b.Ord, cosine(b.Lo, length, n), cosine(b.Hi, length, n)}, err
	}
	var a Accumulator
	bounds, err := a.bestBy(ctx, src, sorted, k, f, func(ctx context.Context, list []Bound) ([]Bound, error) {
		return list, resolveBy(ctx, src, sorted, list, Unknown(list), by)
	}, by)
	if err != nil {
		return nil, err
	}
	all := make([]int, len(bounds))
	for i := range all {
		all[i] = i // of each the dot product is wanted
	}
	if err := Resolve(ctx, src, sorted, bounds, all); err != nil {
		return nil, err
	}
	best := index.NewBest(k)
	for _, b := range bounds {
		n, err := norm(b.Ord)
		if err != nil {
			return nil, err
		}
		if b.Lo > 0 {
			best.Offer(index.Hit{Ord: b.Ord, Score: cosine(b.Lo, length, n)})
		}
	}
	return best.Hits(), nil
}

// check returns the terms by ascending latent, so that their order makes no difference, or what is wrong with a query.
func check(terms []index.Term, k int) ([]index.Term, error) {
	if err := index.CheckK(k); err != nil {
		return nil, err
	}
	return index.Terms(terms)
}

// Unknown returns the places of the bounds that do not say the score.
func Unknown(bounds []Bound) []int {
	var at []int
	for i, b := range bounds {
		if !b.Known() {
			at = append(at, i)
		}
	}
	return at
}

// Resolve makes known the scores of the bounds at some places, ascending, from the codes. Bounds and terms ascend.
func Resolve(ctx context.Context, src Source, terms []index.Term, bounds []Bound, at []int) error {
	if len(at) == 0 {
		return ctx.Err()
	}
	ords := make([]uint32, len(at))
	for i, place := range at {
		ords[i] = bounds[place].Ord
	}
	for c, err := range src.Codes(ctx, roaring.BitmapOf(ords...)) {
		if err != nil {
			return err
		}
		for len(at) > 0 && bounds[at[0]].Ord < c.Ord {
			at = at[1:]
		}
		if len(at) > 0 && bounds[at[0]].Ord == c.Ord {
			score := Score(terms, c.Code)
			bounds[at[0]].Lo, bounds[at[0]].Hi = score, score
		}
	}
	return ctx.Err()
}

// resolveBy is Resolve for another score, which by makes of the sum.
func resolveBy(ctx context.Context, src Source, terms []index.Term, bounds []Bound, at []int, by func(Bound) (Bound, error)) error {
	err := Resolve(ctx, src, terms, bounds, at)
	for i := 0; i < len(at) && err == nil; i++ {
		bounds[at[i]], err = by(bounds[at[i]])
	}
	return err
}

// Score adds up W·activation over the terms that a code has, by ascending latent. Every product and sum is rounded to float32, so the same terms and
// code give the same bits on every machine.
func Score(terms []index.Term, code sae.Code) float32 {
	var sum float32
	i := 0
	for j, latent := range code.Latents {
		for i < len(terms) && terms[i].Latent < latent {
			i++
		}
		for ; i < len(terms) && terms[i].Latent == latent; i++ {
			sum += float32(terms[i].W * code.Acts[j]) // the conversion keeps compilers from fusing
		}
	}
	return sum
}

func cosine(dot, a, b float32) float32 { return float32(float64(dot) / (float64(a) * float64(b))) }

// Norm returns the length of a code or a query. The squares are summed in float64 in the order of the terms.
func Norm(terms []index.Term) float32 {
	var sum float64
	for _, t := range terms {
		sum += float64(float64(t.W) * float64(t.W))
	}
	return float32(math.Sqrt(sum))
}

// Norms returns the norms of all codes by ordinal, in one pass over them: what Cosine asks for where a database keeps no norms of its own. Rows without
// a code have norm 0.
func Norms(ctx context.Context, src Source) ([]float32, error) {
	var norms []float32
	for c, err := range src.Codes(ctx, nil) {
		if err != nil {
			return nil, err
		}
		if int(c.Ord) >= len(norms) {
			norms = append(norms, make([]float32, int(c.Ord)+1-len(norms))...)
		}
		var sum float64
		for _, act := range c.Code.Acts {
			sum += float64(float64(act) * float64(act))
		}
		norms[c.Ord] = float32(math.Sqrt(sum))
	}
	return norms, ctx.Err()
}
