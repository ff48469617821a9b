// Package index says what an index is: the nouns Hit, Term, Filter, Block and Coded, the interfaces Dense and Sparse, and
// Best, which keeps the k best hits. The rooms below hold the indexes themselves: flat scans vectors, sparse walks the
// postings of latents; indextest is the suite that each of them passes.
//
// What every Search answers, so that a query means the same whichever index is under it:
//
//   - Hits come by descending score, then by ascending ordinal.
//   - Every row whose score equals that of the k-th hit is among them, so that the caller can break ties by something
//     better than the ordinal. There may therefore be more than k hits.
//   - k larger than the number of rows is no error: all rows that qualify are returned. k below 1 is ErrK.
//   - A nil Filter lets every row through. Otherwise the filter is applied before the k best are chosen, and ordinals
//     that the index does not hold are passed over. The filter is read, not kept and not changed.
//   - An empty index answers with no hits; a bad query is an error even then.
//   - The same rows and the same query give the same hits, bit for bit, for any order of insertion and any number of
//     threads.
//   - An index that is not exact says so. It may miss rows, ties with the last among them, and its hits may depend on the order
//     of insertion; the scores of the hits that it returns are exact, no hit fails the filter, and there are k of them where k rows
//     qualify.
//   - The context is checked now and then; its error is returned as it is.
//
// Errors are tested with errors.Is against the sentinels below; their text names what was wrong.
package index

import (
	"context"
	"errors"

	"github.com/RoaringBitmap/roaring/v2"
)

// Hit is one row of an answer: the ordinal of an item and its score.
type Hit struct {
	Ord   uint32
	Score float32
}

// Term is one latent of a sparse query and its weight: an activation where the query is a code, a share where it is the
// group of a concept. A weight may be negative, never zero.
type Term struct {
	Latent uint32
	W      float32
}

// Filter is the set of ordinals that may be answered; nil means all.
type Filter = *roaring.Bitmap

// Effort says how much of an index that is not exact may be looked at for an answer: a number of rows to keep in mind, or one of these.
type Effort int

const (
	Auto  Effort = 0  // what the index takes for a good answer
	Exact Effort = -1 // whatever it takes to miss nothing
)

// The errors that every index returns for a bad query or a bad row.
var (
	ErrK    = errors.New("the number of hits asked for is below 1")
	ErrDim  = errors.New("wrong dimension")
	ErrNaN  = errors.New("not a finite number")
	ErrZero = errors.New("the vector is zero and has no direction")
	ErrNorm = errors.New("the vector is not of unit length")
)

// Dense finds rows by the cosine between their vector and q. It is safe for concurrent use.
type Dense interface {
	// Search returns the k rows nearest to q, best first, under the rules of the package comment. q has Dim values, need
	// not be of unit length and is not kept.
	Search(ctx context.Context, q []float32, k int, f Filter) ([]Hit, error)
	// Len is the number of rows, Dim the width of each.
	Len() int
	Dim() int
}

// Mutable is a Dense index that takes and gives up rows while it is searched.
type Mutable interface {
	Dense
	// Put stores a copy of the unit vector v under ord, in place of what was there.
	Put(ord uint32, v []float32) error
	// Delete forgets ord and says whether it was there.
	Delete(ord uint32) bool
}

// Sparse finds rows by their codes. It is safe for concurrent use.
//
// A row is a hit only if its score is above zero: a row that shares no latent with the query is no answer. Terms may come
// in any order; the order does not change a bit of the scores. Two terms of one latent are ErrTwice.
type Sparse interface {
	// Sum scores a row by Σ W·activation over the terms.
	Sum(ctx context.Context, terms []Term, k int, f Filter) ([]Hit, error)
	// Cosine scores a row by the cosine between its code and the terms.
	Cosine(ctx context.Context, terms []Term, k int, f Filter) ([]Hit, error)
}

// ErrTwice is returned for a sparse query that names a latent twice.
var ErrTwice = errors.New("a latent is named twice")
