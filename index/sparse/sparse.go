// Package sparse finds rows by their codes, exactly. It walks the postings of the query's latents, one latent after the
// other, and adds what each contributes to the scores of the rows in an Accumulator:
//
//	score(row) = Σ over terms of W·activation(row, latent)
//
// The postings come from a Source, which a database implements over what it stores. Index is a Source in memory; Rows is
// the slow twin, a row at a time, and gives the same scores to the bit.
package sparse

import (
	"context"
	"iter"
	"math"

	"github.com/saedb/saedb/index"
)

// Source is where postings come from. Its methods are safe for concurrent use.
type Source interface {
	// Postings yields the rows in whose code a latent is active, each once, by ascending ordinal; none for a latent that
	// is unknown. An error comes last.
	Postings(ctx context.Context, latent uint32) iter.Seq2[index.Posting, error]
}

// Sum returns the k rows of largest Σ W·activation above zero, under the rules of package index.
func Sum(ctx context.Context, src Source, terms []index.Term, k int, f index.Filter) ([]index.Hit, error) {
	acc, err := accumulate(ctx, src, terms, k)
	if err != nil {
		return nil, err
	}
	return acc.Top(k, f), nil
}

// Cosine returns the k rows whose codes have the largest cosine above zero with the terms. norm gives the norm of the code
// of a row that has postings; see Norms.
func Cosine(ctx context.Context, src Source, norm func(ord uint32) (float32, error), terms []index.Term, k int, f index.Filter) ([]index.Hit, error) {
	acc, err := accumulate(ctx, src, terms, k)
	if err != nil {
		return nil, err
	}
	length := Norm(terms)
	best := index.NewBest(k)
	for h := range acc.All(f) {
		n, err := norm(h.Ord)
		if err != nil {
			return nil, err
		}
		best.Offer(index.Hit{Ord: h.Ord, Score: cosine(h.Score, length, n)})
	}
	return best.Hits(), nil
}

// accumulate checks the query and adds up its terms by ascending latent, so that their order makes no difference.
func accumulate(ctx context.Context, src Source, terms []index.Term, k int) (*Accumulator, error) {
	if err := index.CheckK(k); err != nil {
		return nil, err
	}
	sorted, err := index.Terms(terms)
	if err != nil {
		return nil, err
	}
	acc := new(Accumulator)
	for _, t := range sorted {
		if err := acc.AddTerm(ctx, src, t); err != nil {
			return nil, err
		}
	}
	return acc, nil
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

// Norms returns the norms of all codes below latents, by ordinal, in one pass over the postings: what Cosine asks for
// where a database keeps no norms of its own. Rows without a posting have norm 0.
func Norms(ctx context.Context, src Source, latents uint32) ([]float32, error) {
	var sums []float64
	for latent := range latents {
		for p, err := range src.Postings(ctx, latent) {
			if err != nil {
				return nil, err
			}
			if int(p.Ord) >= len(sums) {
				sums = append(sums, make([]float64, int(p.Ord)+1-len(sums))...)
			}
			sums[p.Ord] += float64(float64(p.Act) * float64(p.Act))
		}
	}
	norms := make([]float32, len(sums))
	for i, s := range sums {
		norms[i] = float32(math.Sqrt(s))
	}
	return norms, ctx.Err()
}
