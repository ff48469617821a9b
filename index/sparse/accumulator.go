package sparse

import (
	"context"
	"iter"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
)

// blockRows is the number of ordinals whose scores lie together: 128 KB, taken only where a posting falls, so that
// a few far ordinals do not cost memory for all between.
const blockRows = 1 << 15

// Accumulator adds up the scores of rows, one term after the other. The zero value is empty and ready. Scores are float32
// and every addition is rounded, so the same additions in the same order give the same bits on every machine. It serves
// one goroutine at a time.
type Accumulator struct {
	blocks []*[blockRows]float32
}

// Add adds s to the score of ord.
func (a *Accumulator) Add(ord uint32, s float32) {
	b := int(ord / blockRows)
	if b >= len(a.blocks) {
		a.blocks = append(a.blocks, make([]*[blockRows]float32, b+1-len(a.blocks))...)
	}
	if a.blocks[b] == nil {
		a.blocks[b] = new([blockRows]float32)
	}
	a.blocks[b][ord%blockRows] += s
}

// AddTerm adds W·activation for every posting of the term's latent.
func (a *Accumulator) AddTerm(ctx context.Context, src Source, t index.Term) error {
	n := 0
	for p, err := range src.Postings(ctx, t.Latent) {
		if err != nil {
			return err
		}
		if n++; n%blockRows == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		a.Add(p.Ord, float32(t.W*p.Act)) // the conversion keeps compilers from fusing: same bits everywhere
	}
	return ctx.Err()
}

// Score returns the score of ord; 0 where nothing was added.
func (a *Accumulator) Score(ord uint32) float32 {
	if b := int(ord / blockRows); b < len(a.blocks) && a.blocks[b] != nil {
		return a.blocks[b][ord%blockRows]
	}
	return 0
}

// All yields the rows whose score is above zero by ascending ordinal; with a filter only those that it lets through.
func (a *Accumulator) All(f index.Filter) iter.Seq[index.Hit] {
	if f != nil {
		return a.filtered(f)
	}
	return func(yield func(index.Hit) bool) {
		for b, block := range a.blocks {
			if block == nil {
				continue
			}
			for i, score := range block {
				if score > 0 && !yield(index.Hit{Ord: uint32(b*blockRows + i), Score: score}) {
					return
				}
			}
		}
	}
}

func (a *Accumulator) filtered(f index.Filter) iter.Seq[index.Hit] {
	return func(yield func(index.Hit) bool) {
		for it := f.Iterator(); it.HasNext(); {
			ord := it.Next()
			if score := a.Score(ord); score > 0 && !yield(index.Hit{Ord: ord, Score: score}) {
				return
			}
		}
	}
}

// AtLeast returns the set of rows whose score is above zero and at least t.
func (a *Accumulator) AtLeast(t float32) *roaring.Bitmap {
	set := roaring.New()
	for h := range a.All(nil) {
		if h.Score >= t {
			set.Add(h.Ord)
		}
	}
	return set
}

// Top returns the k rows of largest score above zero, under the rules of package index.
func (a *Accumulator) Top(k int, f index.Filter) []index.Hit {
	best := index.NewBest(k)
	for h := range a.All(f) {
		best.Offer(h)
	}
	return best.Hits()
}

// Reset forgets all scores and keeps the memory for the next query.
func (a *Accumulator) Reset() {
	for _, block := range a.blocks {
		if block != nil {
			clear(block[:])
		}
	}
}
