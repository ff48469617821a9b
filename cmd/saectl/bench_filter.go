package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/flat"
	"github.com/saedb/saedb/internal/npy"
)

// restriction is which rows may be answered, and the truth about them.
type restriction struct {
	name   string
	filter index.Filter // nil: all
	truth  [][]uint32
}

// nearPrefix begins the name of a filter for the rows around one of them: what a condition lets through is often alike.
const nearPrefix = "near:"

// restrictions makes those that were asked for, or one that is none. Where live is not nil, only its rows are searched.
func (b *benchDense) restrictions(ctx context.Context, base, queries *npy.Matrix, live index.Filter) ([]*restriction, error) {
	if len(b.filters) == 0 && live == nil {
		truth, err := b.trueNeighbours(ctx, base, queries)
		return []*restriction{{truth: truth}}, err
	}
	exact := exactOver(base, b.threads)
	if live != nil {
		truth, err := truthAmong(ctx, exact, queries, b.k, live)
		return []*restriction{{truth: truth}}, err
	}
	var all []*restriction
	for _, name := range b.filters {
		r, err := b.restrict(ctx, name, base, exact)
		if err == nil {
			r.truth, err = truthAmong(ctx, exact, queries, b.k, r.filter)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// exactOver is the exact index over rows where they lie.
func exactOver(base *npy.Matrix, threads int) *flat.Fixed {
	ords := make([]uint32, base.Rows)
	for i := range ords {
		ords[i] = uint32(i)
	}
	codes := flat.Round(base.Data, flat.MeanOf(base.Data, base.Cols), threads)
	return flat.NewFixed(base.Cols, threads, ords, base.Data, nil).Rounded(codes, nil)
}

// restrict makes the filter of that name: a share of the rows drawn at random, or those nearest to a row that is drawn.
func (b *benchDense) restrict(ctx context.Context, name string, base *npy.Matrix, exact *flat.Fixed) (*restriction, error) {
	number, near := strings.CutPrefix(name, nearPrefix)
	share, err := strconv.ParseFloat(number, 64)
	if err != nil || !(share > 0 && share <= 1) {
		return nil, hint(fmt.Errorf("--filter %s is no share of the rows", name), "write a number above 0 and up to 1, or %s and one", nearPrefix)
	}
	n, r := max(int(share*float64(base.Rows)), 1), rand.New(rand.NewPCG(b.seed, 0xf117e4))
	set := roaring.New()
	if !near {
		for _, i := range r.Perm(base.Rows)[:n] {
			set.Add(uint32(i))
		}
		return &restriction{name: name, filter: set}, nil
	}
	hits, err := exact.Search(ctx, base.Row(r.IntN(base.Rows)), n, nil)
	for _, h := range hits {
		set.Add(h.Ord)
	}
	return &restriction{name: name, filter: set}, err
}

// truthAmong returns the nearest rows of a filter by exact search.
func truthAmong(ctx context.Context, exact *flat.Fixed, queries *npy.Matrix, k int, f index.Filter) ([][]uint32, error) {
	truth := make([][]uint32, queries.Rows)
	for q := range truth {
		hits, err := exact.Search(ctx, queries.Row(q), k, f)
		if err != nil {
			return nil, err
		}
		for _, h := range hits {
			truth[q] = append(truth[q], h.Ord)
		}
	}
	return truth, nil
}
