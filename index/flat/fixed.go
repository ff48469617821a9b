package flat

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

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
	codes        *codes // nil: none
	checkCodes   func(lo, hi int) error
	halves       *lazyHalves // not nil where there are codes
}

// lazyHalves are made by a search of a large table that is searched again and again: they take as long to make as some hundred searches.
type lazyHalves struct {
	made atomic.Pointer[halves]

	mu    sync.Mutex
	asked []float32 // the queries before they were made, (n,dim)
	ready bool      // they are being made, or cannot be
}

const halvesAfter = 16 // searches

// get returns the halves of codes, if they are made by now. bytes says that all bytes may be read.
func (l *lazyHalves) get(c *codes, unit []float32, threads int, bytes func() bool) *halves {
	if len(c.scale) < halvesFrom {
		return nil
	}
	if h := l.made.Load(); h != nil {
		return h
	}
	shared, due := l.ask(unit)
	if !due || !bytes() {
		return nil
	}
	h := c.halve(shared, threads)
	l.made.Store(h)
	return h
}

// ask takes note of a query, and says whether it is the one that makes the halves, and which directions the queries share.
func (l *lazyHalves) ask(unit []float32) (shared []float32, due bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ready {
		return nil, false
	}
	l.asked = append(l.asked, unit...)
	if l.ready = len(l.asked) >= halvesAfter*len(unit); l.ready {
		shared, l.asked = sharedOf(l.asked, len(unit)), nil
	}
	return shared, l.ready
}

// used reports whether somebody asked for them.
func (l *lazyHalves) used() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ready || len(l.asked) > 0
}

// NewFixed returns the index of rows, which has the unit vector of ords[i] at i*dim. ords ascend. Both are kept and read by
// searches only, and the rows lo to hi only after check(lo, hi), which may be nil, has said that they are well; its error
// ends the search.
func NewFixed(dim, threads int, ords []uint32, rows []float32, check func(lo, hi int) error) *Fixed {
	return &Fixed{dim: dim, threads: max(threads, 1), ords: ords, rows: rows, check: check}
}

// Rounded returns an index that looks at c, which must be those of the same rows in the same order, before it reads rows: its hits are the
// same to the bit. The bytes of the rows lo to hi are read only after check(lo, hi), which may be nil, has said that they are well.
func (x *Fixed) Rounded(c Codes, check func(lo, hi int) error) *Fixed {
	y := *x
	y.codes, y.checkCodes = &codes{x.dim, c.Mean, c.Bytes, c.Scale, c.Rest, c.Reach, c.Widest}, check
	y.halves = &lazyHalves{}
	return &y
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
	if x.codes != nil {
		l := lookup{
			table: table{x.rows, x.ords, x.find}, codes: x.codes, ctx: ctx, threads: x.threads, k: k, filter: f,
			skip: skip, check: x.checkCodes, checkRows: x.check,
		}
		l.halves = x.halves.get(x.codes, unit, x.threads, func() bool { return x.checkCodes == nil || x.checkCodes(0, len(x.ords)) == nil })
		hits, err := l.run(unit)
		if err != nil {
			return nil, err
		}
		return hits[0], nil
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
