package sparse

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"sync"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/sae"
)

// Index is an exact index.Sparse over codes in memory. Any number of goroutines may search, put and delete at once; a
// search sees the codes as they were at one moment.
type Index struct {
	mu       sync.RWMutex
	postings map[uint32][]*index.Block // by latent; each list by ascending ordinal
	codes    map[uint32]sae.Code       // by ordinal
	norms    map[uint32]float32        // by ordinal
}

// New returns an empty index.
func New() *Index {
	return &Index{postings: map[uint32][]*index.Block{}, codes: map[uint32]sae.Code{}, norms: map[uint32]float32{}}
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
	x.codes[ord], x.norms[ord] = sae.Code{Latents: slices.Clone(latents), Acts: slices.Clone(acts)}, Norm(code)
	for _, t := range code {
		list := x.postings[t.Latent]
		i, found := slices.BinarySearchFunc(list, ord, byFirst)
		if !found {
			list = slices.Insert(list, i, &index.Block{First: ord - ord%index.BlockRows})
			x.postings[t.Latent] = list
		}
		list[i].Put(uint16(ord%index.BlockRows), t.W)
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
	for _, latent := range code.Latents {
		list := x.postings[latent]
		if i, found := slices.BinarySearchFunc(list, ord, byFirst); found {
			if list[i].Remove(uint16(ord % index.BlockRows)); len(list[i].Rows) == 0 {
				x.postings[latent] = slices.Delete(list, i, i+1)
			}
		}
	}
	delete(x.codes, ord)
	delete(x.norms, ord)
	return ok
}

func byFirst(b *index.Block, ord uint32) int {
	return cmp.Compare(b.First/index.BlockRows, ord/index.BlockRows)
}

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

func (l locked) Blocks(_ context.Context, latent uint32) iter.Seq2[index.Block, error] {
	return func(yield func(index.Block, error) bool) {
		for _, b := range l.x.postings[latent] {
			if !yield(*b, nil) {
				return
			}
		}
	}
}

func (l locked) Codes(_ context.Context, f index.Filter) iter.Seq2[index.Coded, error] {
	return func(yield func(index.Coded, error) bool) {
		ords := slices.Sorted(maps.Keys(l.x.codes))
		if f != nil {
			ords = f.ToArray()
		}
		for _, ord := range ords {
			if !yield(index.Coded{Ord: ord, Code: l.x.codes[ord]}, nil) {
				return
			}
		}
	}
}
