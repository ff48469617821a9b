package db

import (
	"context"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/internal/kv"
	"github.com/saedb/saedb/internal/vec"
	"github.com/saedb/saedb/sae"
)

// What rows leave behind: statistics whose largest activation may be that of a row that is gone, and posting blocks whose bounds are too wide for
// the rows that are left. Both are right as they are, and cost queries a look at codes. Compact makes them as if the rows had never been there.

// tidyChunk is the number of keys that one commit of tidy rewrites.
const tidyChunk = 64

// tidy rewrites statistics and posting blocks that are not as exact as they could be.
func (d *DB) tidy(ctx context.Context) error {
	if !d.now.heading.Load().weighed {
		return nil // Upgrade makes all anew
	}
	var keys [][]byte
	err := d.view(func(s *Snapshot) (err error) {
		keys, err = s.untidy(ctx)
		return err
	})
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(keys, tidyChunk) {
		err := d.update(ctx, func(w *writer) error {
			for _, key := range chunk {
				if err := w.tidy(ctx, key); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// untidy returns the keys that tidy rewrites.
func (s *Snapshot) untidy(ctx context.Context) (keys [][]byte, err error) {
	all, err := modelRecords(s.r)
	if err != nil {
		return nil, err
	}
	for _, rec := range all {
		for _, span := range []kv.Span{kv.SpanStats(rec.number), kv.SpanWeights(rec.number)} {
			for p, err := range s.r.Range(span.Lower, span.Upper) {
				if err == nil && len(keys)%tidyChunk == 0 {
					err = ctx.Err()
				}
				if err != nil {
					return nil, err
				}
				loose, err := untidy(p.Key, p.Value)
				if err != nil {
					return nil, err
				}
				if loose {
					keys = append(keys, slices.Clone(p.Key))
				}
			}
		}
	}
	return keys, nil
}

// untidy says whether a value of weights or statistics could be more exact: for weights, whether a step half as large would do.
func untidy(key, value []byte) (bool, error) {
	if key[0] == kv.KeyStats(0, 0)[0] {
		st, err := kv.DecodeStats(value)
		return !st.Exact(), err
	}
	w, err := kv.DecodeWeights(value, nil)
	if err != nil || len(w.Rows) == 0 {
		return false, err
	}
	return 2*int(slices.Max(w.Bytes)) <= int(vec.Weight(w.Max, vec.Step(w.Max))), nil
}

// tidy rewrites what lies under a key of weights or statistics, if it still could be more exact.
func (w *writer) tidy(ctx context.Context, key []byte) error {
	value, ok, err := w.r.Get(key)
	if err != nil || !ok {
		return err
	}
	if loose, err := untidy(key, value); err != nil || !loose {
		return err
	}
	model, latent, err := kv.LatentOf(key)
	if err != nil {
		return err
	}
	rec := modelRecord{number: model}
	src := &source{Snapshot: &Snapshot{d: w.d, r: w.r, state: w.state, data: newMemo(0)}, model: &rec, weighed: true}
	if key[0] == kv.KeyStats(0, 0)[0] {
		st, err := src.stats(ctx, latent)
		if err == nil {
			w.b.Set(key, kv.AppendStats(nil, st))
		}
		return err
	}
	weights, err := src.weighAnew(ctx, key, value, latent)
	if err == nil {
		w.b.Set(key, kv.AppendWeights(nil, weights))
	}
	return err
}

// weighAnew makes a posting block from the codes of its rows.
func (s *source) weighAnew(ctx context.Context, key, value []byte, latent uint32) (kv.Weights, error) {
	_, _, block, err := kv.BlockOf(key)
	if err != nil {
		return kv.Weights{}, err
	}
	w, err := kv.DecodeWeights(value, nil)
	if err != nil {
		return kv.Weights{}, err
	}
	ords := roaring.New()
	for _, row := range w.Rows {
		ords.Add(block*kv.BlockRows + uint32(row))
	}
	acts := make([]float32, 0, len(w.Rows))
	for c, err := range s.Codes(ctx, ords) {
		if err != nil {
			return kv.Weights{}, err
		}
		act, err := activation(c.Code, latent)
		if err != nil {
			return kv.Weights{}, err
		}
		acts = append(acts, act)
	}
	return kv.Weigh(w.Rows, acts), nil
}

// activation returns how strongly a latent is active in a code that has it.
func activation(c sae.Code, latent uint32) (float32, error) {
	i, active := slices.BinarySearch(c.Latents, latent)
	if !active {
		return 0, kv.Corruptf("latent %d has a posting of a code without it", latent)
	}
	return c.Acts[i], nil
}
