package main

import (
	"context"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/flat"
	"github.com/saedb/saedb/internal/npy"
)

// partedIndex is rows in groups, with how many of them a search looks at.
type partedIndex struct {
	*flat.Parted
	threads, probes int
}

// fill groups all rows.
func (p *partedIndex) fill(ctx context.Context, base, _ *npy.Matrix) (err error) {
	ords := make([]uint32, base.Rows)
	for i := range ords {
		ords[i] = uint32(i)
	}
	p.Parted, err = flat.NewParted(ctx, base.Cols, ords, base.Data, flat.PartedOptions{Threads: p.threads})
	return err
}

// setBreadth says how many groups are looked at; 0 is the default.
func (p *partedIndex) setBreadth(n int) {
	if p.probes = n; n == 0 {
		p.probes = p.Probes()
	}
}

func (p *partedIndex) SearchBatch(ctx context.Context, qs [][]float32, k int, f index.Filter) ([][]index.Hit, error) {
	return p.SearchProbes(ctx, qs, k, f, p.probes)
}
