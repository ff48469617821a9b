package sparse

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/sae"
)

// Lists is an exact index.Sparse over a Source in memory, postings and codes in Go maps: what a database does, through the suite of an index.
type Lists struct {
	mu       sync.RWMutex
	postings map[uint32][]*index.Block // by latent; each list by ascending ordinal
	codes    map[uint32]sae.Code       // by ordinal
	norms    map[uint32]float32        // by ordinal
}

// NewLists returns an empty index.
func NewLists() *Lists {
	return &Lists{postings: map[uint32][]*index.Block{}, codes: map[uint32]sae.Code{}, norms: map[uint32]float32{}}
}

// Len returns the number of rows, rows with an empty code included.
func (x *Lists) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.codes)
}

// Put stores the code of ord in place of what was there. Latents ascend, activations are finite and above zero; a copy
// is kept.
func (x *Lists) Put(ord uint32, latents []uint32, acts []float32) error {
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

// Delete forgets ord and says whether it was there.
func (x *Lists) Delete(ord uint32) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.remove(ord)
}

func (x *Lists) remove(ord uint32) bool {
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
func (x *Lists) Sum(ctx context.Context, terms []index.Term, k int, f index.Filter) ([]index.Hit, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return Sum(ctx, locked{x}, terms, k, f)
}

// Cosine returns the k rows whose codes have the largest cosine above zero with the terms.
func (x *Lists) Cosine(ctx context.Context, terms []index.Term, k int, f index.Filter) ([]index.Hit, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	norm := func(ord uint32) (float32, error) { return x.norms[ord], nil }
	return Cosine(ctx, locked{x}, norm, terms, k, f)
}

// CosineWith is Cosine with an effort.
func (x *Lists) CosineWith(ctx context.Context, terms []index.Term, k int, f index.Filter, e index.Effort) ([]index.Hit, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	norm := func(ord uint32) (float32, error) { return x.norms[ord], nil }
	return CosineWith(ctx, locked{x}, len(x.codes), norm, terms, k, f, e)
}

// locked is the Source of Lists whose lock is held.
type locked struct{ x *Lists }

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
