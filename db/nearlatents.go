package db

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/flat"
	"github.com/saedb/saedb/internal/vec"
	"github.com/saedb/saedb/sae"
)

// NearLatents finds the decoder rows of largest cosine with v. The cosines are added up in float64 and in order, so that the answer has the same
// bits everywhere.
func (s *source) NearLatents(ctx context.Context, v []float32, k int) ([]index.Hit, error) {
	m, err := s.loaded(ctx)
	if err != nil {
		return nil, err
	}
	if len(v) != m.D {
		return nil, fmt.Errorf("latents by direction: %w: the vector has %d numbers, a decoder row has %d", ErrDim, len(v), m.D)
	}
	if k > 0 && k*fewOf <= m.M {
		x, err := derive(ctx, s.naming, "directions", func() (*flat.Rounded, error) { return flat.NewDirections(m.D, s.d.opts.Threads, m.Wdec) })
		if err != nil {
			return nil, err
		}
		if hits, ok, err := fewLatents(ctx, x, m, v, k); ok || err != nil {
			return hits, err
		}
	}
	return allLatents(ctx, m, v, k)
}

const (
	fewOf      = 16 // one latent in so many is few enough to be looked up
	fewSpare   = 16 // hits beyond k that are looked up, so that one is certainly worse than the k-th
	fewRounded = 8  // roundings of a score beside those of the product: both are divided by their lengths, and the cosine is rounded
)

// allLatents compares v with every decoder row.
func allLatents(ctx context.Context, m *sae.Model, v []float32, k int) ([]index.Hit, error) {
	hits := make([]index.Hit, m.M)
	for j := range hits {
		if j%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		hits[j] = index.Hit{Ord: uint32(j), Score: float32(cosine(v, m.Wdec[j*m.D:(j+1)*m.D]))}
	}
	slices.SortFunc(hits, index.Compare)
	return hits[:min(k, len(hits))], nil
}

// fewLatents returns what allLatents does, by looking up the best in x and comparing v with those alone; or false, if it cannot tell that these are
// the best: where many lie within what float32 can tell of the k-th, or the k-th has no cosine above zero, which is what a row without a
// direction has.
func fewLatents(ctx context.Context, x *flat.Rounded, m *sae.Model, v []float32, k int) ([]index.Hit, bool, error) {
	near, err := x.Search(ctx, v, k+fewSpare, nil)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil, false, err
	}
	off := float32(vec.Roundings(m.D)+fewRounded) / (1 << 24)
	if err != nil || len(near) < k+fewSpare || near[len(near)-1].Score >= near[k-1].Score-2*off || near[k-1].Score <= 2*off {
		return nil, false, nil
	}
	for i, h := range near {
		near[i].Score = float32(cosine(v, m.Wdec[int(h.Ord)*m.D:(int(h.Ord)+1)*m.D]))
	}
	slices.SortFunc(near, index.Compare)
	return near[:k], true, nil
}
