package main

import (
	"context"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/hnsw"
	"github.com/saedb/saedb/internal/npy"
)

// graphIndex is a graph that is searched with one breadth, to measure it.
type graphIndex struct {
	*hnsw.Index
	ef int
}

// fill puts all rows at once, which is how a graph is built, and makes bridges for the samples, if there are any.
func (g *graphIndex) fill(ctx context.Context, base, samples *npy.Matrix) error {
	err := g.PutAll(ctx, base.Rows, func(i int) (uint32, []float32, error) { return uint32(i), base.Row(i), nil })
	if err != nil || samples == nil {
		return err
	}
	rows := make([][]float32, samples.Rows)
	for i := range rows {
		rows[i] = samples.Row(i)
	}
	return g.Bridge(ctx, rows)
}

// setBreadth says how many rows a walk keeps in mind; 0 is the default.
func (g *graphIndex) setBreadth(n int) { g.ef = n }

// SearchBatch answers one query after the other.
func (g *graphIndex) SearchBatch(ctx context.Context, qs [][]float32, k int, f index.Filter) ([][]index.Hit, error) {
	all := make([][]index.Hit, len(qs))
	for i, q := range qs {
		hits, err := g.SearchEf(ctx, q, k, g.ef, f)
		if err != nil {
			return nil, err
		}
		all[i] = hits
	}
	return all, nil
}
