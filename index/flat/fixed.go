package flat

import (
	"context"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
)

// Fixed is an exact index.Dense over rows that lie elsewhere, in a mapped file for example, and do not change. Any number
// of goroutines may search at once.
type Fixed struct {
	dim, threads int
	ords         []uint32
	rows         []float32
	check        func(lo, hi int) error
}

// NewFixed returns the index of rows, which has the unit vector of ords[i] at i*dim. ords ascend. Both are kept and read by
// searches only, and the rows lo to hi only after check(lo, hi), which may be nil, has said that they are well; its error
// ends the search.
func NewFixed(dim, threads int, ords []uint32, rows []float32, check func(lo, hi int) error) *Fixed {
	return &Fixed{dim: dim, threads: max(threads, 1), ords: ords, rows: rows, check: check}
}

// Len returns the number of rows.
func (x *Fixed) Len() int { return len(x.ords) }

// Dim returns the width of each row.
func (x *Fixed) Dim() int { return x.dim }

// Search returns the k rows of largest cosine with q, under the rules of package index.
func (x *Fixed) Search(ctx context.Context, q []float32, k int, f index.Filter) ([]index.Hit, error) {
	return x.SearchWithout(ctx, q, k, f, nil)
}

// SearchWithout is Search as if the rows of skip, which may be nil, were not there.
func (x *Fixed) SearchWithout(ctx context.Context, q []float32, k int, f index.Filter, skip *roaring.Bitmap) ([]index.Hit, error) {
	if err := index.CheckK(k); err != nil {
		return nil, err
	}
	unit, err := index.Unit(q, x.dim)
	if err != nil {
		return nil, err
	}
	s := newSearch(ctx, table{x.rows, x.ords, x.find}, x.dim, x.threads, unit, k)
	s.skip, s.check = skip, x.check
	s.run(f)
	hits, err := s.hits()
	if err != nil {
		return nil, err
	}
	return hits[0], nil
}

func (x *Fixed) find(ord uint32) (int, bool) { return slices.BinarySearch(x.ords, ord) }
