package sparse

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/saedb/saedb/index"
)

// Rows is the slow twin of Index: a list of codes, and for each query a look at every one of them.
type Rows struct {
	mu    sync.RWMutex
	codes map[uint32][]index.Term // by ordinal; each by ascending latent
}

// NewRows returns an empty list of codes.
func NewRows() *Rows { return &Rows{codes: map[uint32][]index.Term{}} }

// Len returns the number of rows.
func (r *Rows) Len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.codes)
}

// Put stores the code of ord in place of what was there.
func (r *Rows) Put(ord uint32, latents []uint32, acts []float32) error {
	code, err := checkCode(ord, latents, acts)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.codes[ord] = code
	return nil
}

// Delete forgets ord and says whether it was there.
func (r *Rows) Delete(ord uint32) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.codes[ord]
	delete(r.codes, ord)
	return ok
}

// Sum scores every row by Σ W·activation.
func (r *Rows) Sum(ctx context.Context, terms []index.Term, k int, f index.Filter) ([]index.Hit, error) {
	return r.search(ctx, terms, k, f, func(dot, _, _ float32) float32 { return dot })
}

// Cosine scores every row by the cosine of its code with the terms.
func (r *Rows) Cosine(ctx context.Context, terms []index.Term, k int, f index.Filter) ([]index.Hit, error) {
	return r.search(ctx, terms, k, f, cosine)
}

// search scores every row, sorts all that are above zero, and cuts the list after the k-th and its ties.
func (r *Rows) search(ctx context.Context, terms []index.Term, k int, f index.Filter, score func(dot, query, row float32) float32) ([]index.Hit, error) {
	if err := index.CheckK(k); err != nil {
		return nil, err
	}
	sorted, err := index.Terms(terms)
	if err != nil {
		return nil, err
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	var hits []index.Hit
	for ord, code := range r.codes {
		if dot := merge(sorted, code); dot > 0 && (f == nil || f.Contains(ord)) {
			hits = append(hits, index.Hit{Ord: ord, Score: score(dot, Norm(sorted), Norm(code))})
		}
	}
	slices.SortFunc(hits, index.Compare)
	n := min(k, len(hits))
	for n > 0 && n < len(hits) && hits[n].Score == hits[n-1].Score {
		n++
	}
	return hits[:n], ctx.Err()
}

// merge adds up the products of latents that a code and the terms share, both by ascending latent: the score of one row
// by the formula of the package comment, added up in the order in which an Accumulator takes it.
func merge(terms, code []index.Term) float32 {
	var sum float32
	for _, t := range terms {
		if i, ok := slices.BinarySearchFunc(code, t.Latent, byLatent); ok {
			sum += float32(t.W * code[i].W)
		}
	}
	return sum
}

func byLatent(t index.Term, latent uint32) int { return cmp.Compare(t.Latent, latent) }
