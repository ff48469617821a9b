package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/internal/npy"
)

// updates is what changes of a graph take, in milliseconds of processor time each.
type updates struct {
	Rows   int     `json:"rows"`
	First  float64 `json:"first_ms"` // the first deletion, by the clock: one of a mapped graph copies it into memory
	Delete float64 `json:"delete_cpu_ms"`
	Put    float64 `json:"put_cpu_ms"`
}

// turnedOver builds a graph of the first rows, and again and again replaces half of them by rows that follow; then one of the rows that are
// there in the end.
func (b *benchDense) turnedOver(ctx context.Context, base, samples *npy.Matrix) ([]*contestant, error) {
	n := base.Rows * 2 / (2 + b.turnover)
	if n < 2 {
		return nil, fmt.Errorf("%s has %d rows: too few for --turnover %d", b.base, base.Rows, b.turnover)
	}
	worn, fresh := &contestant{name: "worn"}, &contestant{name: "fresh"}
	first := make([]uint32, n)
	for i := range first {
		first[i] = uint32(i)
	}
	g, lap, err := b.graphOf(ctx, base, samples, first)
	if err != nil {
		return nil, err
	}
	r, live, next := rand.New(rand.NewPCG(b.seed, 0x7042)), first, uint32(n)
	worn.updates = &updates{}
	for range b.turnover {
		r.Shuffle(n, func(i, j int) { live[i], live[j] = live[j], live[i] })
		came := make([]uint32, n/2)
		for i := range came {
			came[i], next = next, next+1
		}
		if err := worn.updates.replace(g, base, live[:n/2], came); err != nil {
			return nil, err
		}
		copy(live, came)
	}
	if samples != nil {
		if err := g.bridge(ctx, samples); err != nil {
			return nil, err
		}
	}
	worn.denseIndex, worn.build, worn.live = g, lap, roaring.BitmapOf(live...)
	slices.Sort(live)
	fresh.live = worn.live
	fresh.denseIndex, fresh.build, err = b.graphOf(ctx, base, samples, live)
	return []*contestant{worn, fresh}, err
}

// graphOf builds a graph of some of the rows.
func (b *benchDense) graphOf(ctx context.Context, base, samples *npy.Matrix, ords []uint32) (*graphIndex, lap, error) {
	ix, err := b.newIndex(base.Cols)
	if err != nil {
		return nil, lap{}, err
	}
	g, watch := ix.(*graphIndex), startWatch()
	err = g.fillSome(ctx, base, samples, ords)
	return g, watch.stop(), err
}

// update deletes rows drawn at random and puts them again.
func (b *benchDense) update(g *graphIndex, base *npy.Matrix) (*updates, error) {
	rows := rand.New(rand.NewPCG(b.seed, 0x0bda7e)).Perm(base.Rows)[:min(b.updates, base.Rows)]
	ords := make([]uint32, len(rows))
	for i, row := range rows {
		ords[i] = uint32(row)
	}
	u := &updates{}
	return u, u.replace(g, base, ords, ords)
}

// replace deletes rows and puts others, one at a time, and adds what it took to the means.
func (u *updates) replace(g *graphIndex, base *npy.Matrix, gone, came []uint32) error {
	watch := startWatch()
	for i, ord := range gone {
		if !g.Delete(ord) {
			return fmt.Errorf("row %d is not in the graph", ord)
		}
		if i == 0 && u.Rows == 0 {
			u.First = watch.stop().Wall.Seconds() * 1000
			watch = startWatch()
		}
	}
	deleted := watch.stop()
	watch = startWatch()
	for _, ord := range came {
		if err := g.Put(ord, base.Row(int(ord))); err != nil {
			return err
		}
	}
	put, was := watch.stop(), float64(u.Rows)
	u.Rows += len(came)
	u.Delete = (u.Delete*was + deleted.CPU.Seconds()*1000) / float64(u.Rows)
	u.Put = (u.Put*was + put.CPU.Seconds()*1000) / float64(u.Rows)
	return nil
}
