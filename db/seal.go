package db

import (
	"bytes"
	"context"
	"fmt"

	"github.com/saedb/saedb/internal/kv"
)

// Bounds of one commit of seal: the rows of the blocks it writes, some megabytes, and the rows it looks at while others wait to write.
const (
	sealRows = 1024
	sealScan = 16384
)

// seal brings all vectors into blocks, and out of blocks what is dead, some blocks in each commit. Blocks that are in order stay, so
// that it goes on where it was interrupted when it is called again.
func (d *DB) seal(ctx context.Context) error {
	for next := uint64(0); next < allOrds; {
		err := d.update(ctx, func(w *writer) (err error) {
			next, err = w.seal(ctx, next)
			return err
		})
		if err != nil {
			return fmt.Errorf("bring vectors into blocks: %w", err)
		}
	}
	return nil
}

// allOrds is the number of ordinals.
const allOrds = 1 << 32

// seal brings the next blocks into order, from an ordinal on that is the first of one, and returns the first ordinal of the block to go on
// with, allOrds at the end.
func (w *writer) seal(ctx context.Context, from uint64) (next uint64, err error) {
	s := &Snapshot{d: w.d, r: w.r, state: w.state}
	rows := kv.VectorRows(s.Dim())
	items, err := s.follow(kv.SpanItems().From(uint32(from)))
	if err != nil {
		return 0, err
	}
	defer items.it.Close()
	blocks, err := s.follow(kv.SpanBlocks().From(uint32(from) / rows))
	if err != nil {
		return 0, err
	}
	defer blocks.it.Close()
	for wrote, seen := 0, 0; wrote < sealRows && seen < sealScan; {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		b, ok, err := gather(items, blocks, max(from, next), rows)
		if err != nil || !ok {
			return allOrds, err
		}
		seen += len(b.items) + 1
		if !b.inOrder(s.Dim()) {
			wrote += len(b.items) + 1
			if err := w.sealBlock(b); err != nil {
				return 0, fmt.Errorf("block %d of vectors: %w", b.number, err)
			}
		}
		next = uint64(b.number+1) * uint64(rows)
	}
	return next, nil
}

// gathered is what there is for one block.
type gathered struct {
	number uint32
	value  []byte // of the block, valid until the next is gathered; nil if there is none
	items  []gatheredItem
}

type gatheredItem struct {
	ord uint32
	rec kv.Item // without metadata if the vector is in the block
}

// gather takes from the cursors what belongs to the next block, of rows ordinals, from one on; ok is false at the end.
func gather(items, blocks *follower, from uint64, rows uint32) (b gathered, ok bool, err error) {
	ord, anItem, err := items.next()
	if err != nil {
		return b, false, err
	}
	if _, _, err := blocks.at(uint32(from / uint64(rows))); err != nil { // leaves the block before
		return b, false, err
	}
	n, aBlock, err := blocks.next()
	if err != nil || !anItem && !aBlock {
		return b, false, err
	}
	if b.number = n; !aBlock || anItem && ord/rows < n {
		b.number = ord / rows
	}
	if b.value, _, err = blocks.at(b.number); err != nil {
		return b, false, err
	}
	for ; anItem && ord/rows == b.number; ord, anItem, err = items.next() {
		rec, err := kv.DecodeItem(items.it.Pair().Value)
		if err != nil {
			return b, false, fmt.Errorf("ordinal %d: %w", ord, err)
		}
		if rec.Block {
			rec.Meta = nil
		}
		rec.Meta = bytes.Clone(rec.Meta)
		b.items = append(b.items, gatheredItem{ord, rec})
		items.here = items.it.Next()
	}
	return b, err == nil, err
}

// inOrder reports whether the block holds the items' vectors and nothing else.
func (b gathered) inOrder(dim int) bool {
	mask := uint32(0)
	for _, it := range b.items {
		if !it.rec.Block {
			return false
		}
		mask |= 1 << (it.ord % kv.VectorRows(dim))
	}
	have, err := kv.DecodeBlock(b.value, dim)
	return err == nil && have.Mask() == mask
}

// sealBlock writes the block anew, of the items' vectors, wherever they lie.
func (w *writer) sealBlock(b gathered) error {
	dim := int(w.state.Dim)
	rows := kv.VectorRows(dim)
	mask := uint32(0)
	for _, it := range b.items {
		mask |= 1 << (it.ord % rows)
	}
	value := kv.AppendBlock(nil, mask)
	for _, it := range b.items {
		if it.rec.Block {
			row, err := rowOf(b.value, it.ord, dim)
			if err != nil {
				return err
			}
			value = append(value, row...)
			continue
		}
		err := viewVector(w.r, it.ord, false, dim, func(v []byte) error {
			if len(v) != 4*dim {
				return kv.Corruptf("ordinal %d: vector of %d bytes", it.ord, len(v))
			}
			value = append(value, v...)
			w.keep(it.ord, kv.KeyVector(it.ord), v, nil)
			return nil
		})
		if err == nil {
			err = w.setBlock(it)
		}
		if err != nil {
			return err
		}
	}
	if mask == 0 {
		value = nil
	}
	w.keep(b.number*rows, kv.KeyBlock(b.number), b.value, value)
	return nil
}

// setBlock notes in an item's record that its vector is in a block.
func (w *writer) setBlock(it gatheredItem) error {
	rec := it.rec
	if rec.Old {
		if err := completeItem(w.r, it.ord, &rec); err != nil {
			return err
		}
	}
	rec.Block = true
	w.setItem(it.ord, it.rec, rec)
	return nil
}
