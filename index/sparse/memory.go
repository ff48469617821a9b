package sparse

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math"
	"slices"
	"sync"

	"github.com/saedb/saedb/index"
)

// Index is an exact index.Sparse over codes in memory. Any number of goroutines may search, put and delete at once; a
// search sees the codes as they were at one moment.
type Index struct {
	mu       sync.RWMutex
	postings map[uint32][]index.Posting // by latent; each list by ascending ordinal
	codes    map[uint32][]index.Term    // by ordinal; each by ascending latent
	norms    map[uint32]float32         // by ordinal
}

// New returns an empty index.
func New() *Index {
	return &Index{postings: map[uint32][]index.Posting{}, codes: map[uint32][]index.Term{}, norms: map[uint32]float32{}}
}

// Len returns the number of rows, rows with an empty code included.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.codes)
}

// Put stores the code of ord in place of what was there. Latents ascend, activations are finite and above zero; a copy
// is kept.
func (x *Index) Put(ord uint32, latents []uint32, acts []float32) error {
	code, err := checkCode(ord, latents, acts)
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.remove(ord)
	x.codes[ord], x.norms[ord] = code, Norm(code)
	for _, t := range code {
		list := x.postings[t.Latent]
		i, _ := slices.BinarySearchFunc(list, ord, byOrd)
		x.postings[t.Latent] = slices.Insert(list, i, index.Posting{Ord: ord, Act: t.W})
	}
	return nil
}

func checkCode(ord uint32, latents []uint32, acts []float32) ([]index.Term, error) {
	if len(latents) != len(acts) {
		return nil, fmt.Errorf("index: code of row %d: %w: %d latents and %d activations", ord, index.ErrDim, len(latents), len(acts))
	}
	code := make([]index.Term, len(latents))
	for i, l := range latents {
		if i > 0 && l <= latents[i-1] {
			return nil, fmt.Errorf("index: code of row %d: %w, or out of order: %d after %d", ord, index.ErrTwice, l, latents[i-1])
		}
		if !(acts[i] > 0) || math.IsInf(float64(acts[i]), 0) {
			return nil, fmt.Errorf("index: code of row %d: %w above zero: latent %d has activation %g", ord, index.ErrNaN, l, acts[i])
		}
		code[i] = index.Term{Latent: l, W: acts[i]}
	}
	return code, nil
}

// Delete forgets ord and says whether it was there.
func (x *Index) Delete(ord uint32) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.remove(ord)
}

func (x *Index) remove(ord uint32) bool {
	code, ok := x.codes[ord]
	for _, t := range code {
		list := x.postings[t.Latent]
		if i, found := slices.BinarySearchFunc(list, ord, byOrd); found {
			x.postings[t.Latent] = slices.Delete(list, i, i+1)
		}
	}
	delete(x.codes, ord)
	delete(x.norms, ord)
	return ok
}

func byOrd(p index.Posting, ord uint32) int { return cmp.Compare(p.Ord, ord) }

// Sum returns the k rows of largest Σ W·activation above zero.
func (x *Index) Sum(ctx context.Context, terms []index.Term, k int, f index.Filter) ([]index.Hit, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return Sum(ctx, locked{x}, terms, k, f)
}

// Cosine returns the k rows whose codes have the largest cosine above zero with the terms.
func (x *Index) Cosine(ctx context.Context, terms []index.Term, k int, f index.Filter) ([]index.Hit, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	norm := func(ord uint32) (float32, error) { return x.norms[ord], nil }
	return Cosine(ctx, locked{x}, norm, terms, k, f)
}

// locked is the Source of an Index whose lock is held.
type locked struct{ x *Index }

func (l locked) Postings(_ context.Context, latent uint32) iter.Seq2[index.Posting, error] {
	return func(yield func(index.Posting, error) bool) {
		for _, p := range l.x.postings[latent] {
			if !yield(p, nil) {
				return
			}
		}
	}
}
