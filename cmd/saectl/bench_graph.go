package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/hnsw"
	"github.com/saedb/saedb/internal/kv"
	"github.com/saedb/saedb/internal/npy"
)

// graphIndex is a graph that is searched with one breadth, to measure it.
type graphIndex struct {
	*hnsw.Index
	ef int
}

// fill puts all rows at once, which is how a graph is built, and makes bridges for the samples, if there are any.
func (g *graphIndex) fill(ctx context.Context, base, samples *npy.Matrix) error {
	ords := make([]uint32, base.Rows)
	for i := range ords {
		ords[i] = uint32(i)
	}
	return g.fillSome(ctx, base, samples, ords)
}

// fillSome is fill for some of the rows.
func (g *graphIndex) fillSome(ctx context.Context, base, samples *npy.Matrix, ords []uint32) error {
	err := g.PutAll(ctx, len(ords), func(i int) (uint32, []float32, error) { return ords[i], base.Row(int(ords[i])), nil })
	if err != nil || samples == nil {
		return err
	}
	return g.bridge(ctx, samples)
}

func (g *graphIndex) bridge(ctx context.Context, samples *npy.Matrix) error {
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

// saveGraph writes the file of a graph, its rows with it.
func saveGraph(path string, g *graphIndex) error {
	return writeWhole(path, func(w io.Writer) error { return g.Write(w, hnsw.Stamp{}) })
}

// opening is what it takes to open the file of a graph, in milliseconds by the clock.
type opening struct {
	First  float64 `json:"first_ms"` // of several times; cold if the system has forgotten the file
	Best   float64 `json:"best_ms"`
	Query  float64 `json:"first_query_ms"` // the first one after the first opening: it reads, and verifies, the pages that it needs
	Verify float64 `json:"verify_ms"`      // to compare all checksums, after that
	Warm   float64 `json:"open_verify_ms"` // to open it and compare all checksums once more, best
	Bytes  int     `json:"bytes"`
}

// openGraph opens the file of a graph where it is mapped, some times, the last time for good.
func (b *benchDense) openGraph(g *graphIndex, base *npy.Matrix) (*opening, error) {
	var o opening
	for i := range b.passes + 1 {
		start := time.Now()
		side, err := kv.OpenFile(b.open)
		if err != nil {
			return nil, err
		}
		x, _, err := hnsw.Open(b.open, side.Data, hnsw.Options{Threads: b.threads})
		if err != nil {
			return nil, err
		}
		if x.Len() != base.Rows || x.Dim() != base.Cols {
			return nil, fmt.Errorf("%s holds %d rows of width %d and %s %d of width %d: it is of other rows", b.open, x.Len(), x.Dim(), b.base, base.Rows, base.Cols)
		}
		took := since(start)
		if i == 0 {
			o.First, o.Best, o.Bytes = took, took, len(side.Data)
			start = time.Now()
			if _, err := x.Search(context.Background(), base.Row(0), b.k, nil); err != nil {
				return nil, err
			}
			o.Query = since(start)
		}
		start = time.Now()
		if err := x.Verify(); err != nil {
			return nil, err
		}
		verify := since(start)
		if i == 0 {
			o.Verify = verify
		} else if o.Best = min(o.Best, took); i == 1 || took+verify < o.Warm {
			o.Warm = took + verify
		}
		if i < b.passes {
			err = side.Close()
		}
		if g.Index = x; err != nil {
			return nil, err
		}
	}
	return &o, nil
}

// since is the time since a moment in milliseconds.
func since(t time.Time) float64 { return time.Since(t).Seconds() * 1000 }
