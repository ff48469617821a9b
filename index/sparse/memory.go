package sparse

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/sae"
)

// Index is an index.Sparse over codes in memory; Sum and Cosine are exact. Any number of goroutines may search, put and delete at once; a
// search sees the codes as they were at one moment.
//
// Rows that were put lately lie in a list of their own, which every search goes through. Once they are many, the next search packs all rows anew.
type Index struct {
	mu    sync.RWMutex
	old   *packed
	gone  map[int]struct{}    // rows of old that were deleted or replaced
	fresh map[uint32]sae.Code // by ordinal
}

// New returns an empty index.
func New() *Index {
	return &Index{old: pack(nil), gone: map[int]struct{}{}, fresh: map[uint32]sae.Code{}}
}

// Len returns the number of rows, rows with an empty code included.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.old.ords) - len(x.gone) + len(x.fresh)
}

// Put stores the code of ord in place of what was there. Latents ascend, activations are finite and above zero; a copy
// is kept.
func (x *Index) Put(ord uint32, latents []uint32, acts []float32) error {
	if _, err := checkCode(ord, latents, acts); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.remove(ord)
	x.fresh[ord] = sae.Code{Latents: slices.Clone(latents), Acts: slices.Clone(acts)}
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
	if _, there := x.fresh[ord]; there {
		delete(x.fresh, ord)
		return true
	}
	row, there := x.old.find(ord)
	if _, gone := x.gone[row]; !there || gone {
		return false
	}
	x.gone[row] = struct{}{}
	return true
}

// lately is how many rows may have changed before the next search packs, beside a part of all.
const lately = 256

// stale reports whether so many rows have changed that they are worth packing.
func (x *Index) stale() bool {
	return len(x.fresh)+len(x.gone) > lately+len(x.old.ords)/64
}

// lock takes the lock for a search.
func (x *Index) lock() {
	for {
		x.mu.RLock()
		if !x.stale() {
			return
		}
		x.mu.RUnlock()
		x.mu.Lock()
		if x.stale() {
			x.pack()
		}
		x.mu.Unlock()
	}
}

func (x *Index) pack() {
	codes := make([]index.Coded, 0, len(x.old.ords)+len(x.fresh))
	for row, ord := range x.old.ords {
		if _, gone := x.gone[row]; !gone {
			codes = append(codes, index.Coded{Ord: ord, Code: x.old.codeOf(row)})
		}
	}
	for ord, code := range x.fresh {
		codes = append(codes, index.Coded{Ord: ord, Code: code})
	}
	slices.SortFunc(codes, byOrd)
	x.old = pack(codes)
	clear(x.gone)
	clear(x.fresh)
}

// Sum returns the k rows of largest Σ W·activation above zero.
func (x *Index) Sum(ctx context.Context, terms []index.Term, k int, f index.Filter) ([]index.Hit, error) {
	return x.search(ctx, question{terms: terms, k: k, filter: f, effort: index.Exact})
}

// Cosine returns the k rows whose codes have the largest cosine above zero with the terms.
func (x *Index) Cosine(ctx context.Context, terms []index.Term, k int, f index.Filter) ([]index.Hit, error) {
	return x.search(ctx, question{terms: terms, k: k, filter: f, cosine: true, effort: index.Exact})
}

// SumWith is Sum with an effort, and CosineWith is Cosine: see Breadth. An answer that is not exact has exact scores, and may miss rows.
func (x *Index) SumWith(ctx context.Context, terms []index.Term, k int, f index.Filter, e index.Effort) ([]index.Hit, error) {
	return x.search(ctx, question{terms: terms, k: k, filter: f, effort: e})
}

// CosineWith is Cosine with an effort; see SumWith.
func (x *Index) CosineWith(ctx context.Context, terms []index.Term, k int, f index.Filter, e index.Effort) ([]index.Hit, error) {
	return x.search(ctx, question{terms: terms, k: k, filter: f, cosine: true, effort: e})
}

// Bytes is the memory of the codes, and that of postings and what else is known of them.
func (x *Index) Bytes() (codes, rest int64) {
	x.lock()
	defer x.mu.RUnlock()
	p := x.old
	codes = 8*int64(len(p.entries)) + 8*int64(len(p.start))
	for _, c := range x.fresh {
		codes += 8 * int64(len(c.Latents))
	}
	rest = 3*int64(len(p.rows)) + 8*int64(len(p.at)) + (2+classes)*4*int64(len(p.ords)) + (1+classes)*4*int64(len(p.least))
	return codes, rest
}
