package db

import (
	"context"
	"fmt"

	"github.com/saedb/saedb/internal/kv"
)

// An item's vector lies under a key of its own when it is put alone, and in a block, beside those of the ordinals next to it, when it was
// put with them or the database was compacted since. The item's record says which: what else a block holds is dead. Every reader of
// vectors goes through this file.

// viewVector calls f with the bytes of an item's vector. f must not keep them.
func viewVector(r viewer, ord uint32, inBlock bool, dim int, f func(v []byte) error) error {
	if !inBlock {
		ok, err := r.View(kv.KeyVector(ord), f)
		if err == nil && !ok {
			err = kv.Corruptf("ordinal %d has no vector", ord)
		}
		return err
	}
	block := ord / kv.VectorRows(dim)
	ok, err := r.View(kv.KeyBlock(block), func(v []byte) error {
		row, err := rowOf(v, ord, dim)
		if err != nil {
			return err
		}
		return f(row)
	})
	switch {
	case err != nil:
		return fmt.Errorf("block %d of vectors: %w", block, err)
	case !ok:
		return kv.Corruptf("ordinal %d has no vector: block %d is missing", ord, block)
	}
	return nil
}

// rowOf returns the part of a block that is the vector of an ordinal.
func rowOf(v []byte, ord uint32, dim int) ([]byte, error) {
	b, err := kv.DecodeBlock(v, dim)
	if err != nil {
		return nil, err
	}
	row := b.Row(ord % kv.VectorRows(dim))
	if row == nil {
		return nil, kv.Corruptf("ordinal %d is not in it", ord)
	}
	return row, nil
}

// readVector returns an item's vector.
func readVector(r viewer, ord uint32, inBlock bool, dim int) (x []float32, err error) {
	err = viewVector(r, ord, inBlock, dim, func(v []byte) error {
		x, err = kv.DecodeVector(nil, v, dim)
		return err
	})
	return x, err
}

// vector returns the vector of an ordinal that must be an item's.
func (s *Snapshot) vector(ord uint32) ([]float32, error) {
	rec, err := itemAt(s.r, ord)
	if err != nil {
		return nil, err
	}
	return readVector(s.r, ord, rec.Block, s.Dim())
}

// vectors is a cursor over the items' vectors that is asked for ascending ordinals.
type vectors struct {
	dim           int
	loose, blocks *follower
}

// followVectors returns a cursor for ordinals from one on. Close it.
func (s *Snapshot) followVectors(from uint32) (*vectors, error) {
	loose, err := s.follow(kv.SpanVectors().From(from))
	if err != nil {
		return nil, err
	}
	blocks, err := s.follow(kv.SpanBlocks().From(from / kv.VectorRows(s.Dim())))
	if err != nil {
		loose.it.Close()
		return nil, err
	}
	return &vectors{dim: s.Dim(), loose: loose, blocks: blocks}, nil
}

func (f *vectors) close() {
	f.loose.it.Close()
	f.blocks.it.Close()
}

// at returns the bytes of an item's vector, valid until the next call.
func (f *vectors) at(ord uint32, inBlock bool) ([]byte, error) {
	if !inBlock {
		v, ok, err := f.loose.at(ord)
		if err == nil && !ok {
			err = kv.Corruptf("no vector")
		}
		return v, err
	}
	block := ord / kv.VectorRows(f.dim)
	v, ok, err := f.blocks.at(block)
	if err == nil && !ok {
		err = kv.Corruptf("it is missing")
	}
	if err == nil {
		v, err = rowOf(v, ord, f.dim)
	}
	if err != nil {
		return nil, fmt.Errorf("block %d of vectors: %w", block, err)
	}
	return v, nil
}

// eachVector calls f for the items from an ordinal on, ascending, until f returns false. The bytes of the vector are valid during the
// call.
func (s *Snapshot) eachVector(ctx context.Context, from uint32, f func(ord uint32, v []byte) (bool, error)) error {
	all, err := s.followVectors(from)
	if err != nil {
		return err
	}
	defer all.close()
	span, n := kv.SpanItems().From(from), 0
	for p, err := range s.r.Range(span.Lower, span.Upper) {
		if err == nil && n%256 == 0 {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		n++
		ord, err := kv.Last(p.Key)
		if err != nil {
			return err
		}
		rec, err := kv.DecodeItem(p.Value)
		if err != nil {
			return fmt.Errorf("ordinal %d: %w", ord, err)
		}
		v, err := all.at(ord, rec.Block)
		if err != nil {
			return fmt.Errorf("ordinal %d: %w", ord, err)
		}
		if more, err := f(ord, v); err != nil || !more {
			return err
		}
	}
	return nil
}
