package db

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/saedb/saedb/internal/kv"
)

// Result counts what became of the items of a Put or an Ingest.
type Result struct {
	Added     int // ids that were not there
	Replaced  int // ids that were there with another content
	Unchanged int // ids that were there with the same content: nothing was written
}

// Total is the number of items.
func (r Result) Total() int { return r.Added + r.Replaced + r.Unchanged }

func (r *Result) add(s Result) {
	r.Added += s.Added
	r.Replaced += s.Replaced
	r.Unchanged += s.Unchanged
}

// Put stores items in one atomic batch and returns when they are on disk. An id that is there is replaced, but for
// its ordinal and time of adding; of two items with one id the last counts. While an autoencoder is active, the items' codes are in
// the same batch. On an error nothing is stored.
// Errors: ErrItem, ErrVector, ErrDim, ErrSpace name the item and what is wrong with it.
func (d *DB) Put(ctx context.Context, items ...Item) (Result, error) {
	last := make(map[string]int, len(items))
	for i, it := range items {
		last[it.ID] = i
	}
	if len(last) < len(items) {
		kept := make([]Item, 0, len(last))
		for i, it := range items {
			if last[it.ID] == i {
				kept = append(kept, it)
			}
		}
		items = kept
	}
	var res Result
	err := d.update(ctx, func(w *writer) (err error) {
		res, err = w.put(ctx, items)
		return err
	})
	if err != nil {
		return Result{}, err
	}
	return res, nil
}

// IngestChunk is the number of items that Ingest commits at once: enough to make the wait for the disk small beside
// the work, few enough that an interrupted import loses under a second of it.
const IngestChunk = 1000

// Ingest stores a stream of items, a chunk of IngestChunk at a time: each chunk is atomic and on disk before the next
// begins, so a killed Ingest leaves whole chunks and the same call, repeated, continues. The result counts what was
// stored, also when an error ends the stream: whether it comes from items, from ctx, or from an item that cannot be
// stored, the good items before it are stored first.
func (d *DB) Ingest(ctx context.Context, items iter.Seq2[Item, error]) (Result, error) {
	var res Result
	chunk := make([]Item, 0, IngestChunk)
	inChunk := make(map[string]bool, IngestChunk)
	flush := func(ctx context.Context) error {
		if len(chunk) == 0 {
			return nil
		}
		part, err := d.Put(ctx, chunk...)
		res.add(part)
		chunk = chunk[:0]
		clear(inChunk)
		return err
	}
	for it, err := range items {
		if err == nil {
			_, err = prepare(it, 0)
		}
		if err == nil && len(chunk) > 0 && len(it.Vec) != len(chunk[0].Vec) {
			err = fmt.Errorf("put %q: %w: its vector has %d numbers, those before it %d", it.ID, ErrDim, len(it.Vec), len(chunk[0].Vec))
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return res, errors.Join(err, flush(context.WithoutCancel(ctx)))
		}
		if inChunk[it.ID] || len(chunk) == IngestChunk {
			if err := flush(ctx); err != nil {
				return res, err
			}
		}
		it.Vec, it.Thumb = slices.Clone(it.Vec), slices.Clone(it.Thumb)
		chunk = append(chunk, it)
		inChunk[it.ID] = true
	}
	return res, flush(ctx)
}

// Delete removes items in one atomic batch and returns how many there were; ids that are not there count for nothing.
func (d *DB) Delete(ctx context.Context, ids ...string) (n int, err error) {
	err = d.update(ctx, func(w *writer) error {
		gone := make(map[string]bool, len(ids))
		for _, id := range ids {
			if gone[id] {
				continue
			}
			ok, err := w.delete(id)
			if err != nil {
				return fmt.Errorf("delete %q: %w", id, err)
			}
			gone[id] = ok
			if ok {
				n++
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// put writes items with different ids.
func (w *writer) put(ctx context.Context, items []Item) (Result, error) {
	var res Result
	if len(items) == 0 {
		return res, nil
	}
	if err := w.fixSpace(len(items[0].Vec)); err != nil {
		return res, err
	}
	var fresh []encodeRow // rows with a new vector
	for _, it := range items {
		r, err := prepare(it, int(w.state.Dim))
		if err != nil {
			return res, err
		}
		v, ok, err := w.r.Get(kv.KeyID(r.id))
		if err != nil {
			return res, err
		}
		if !ok {
			fresh = append(fresh, encodeRow{ord: w.state.Next, vec: r.vec, fresh: true})
			if err := w.add(r); err != nil {
				return res, err
			}
			res.Added++
			continue
		}
		ord, err := kv.DecodeOrd(v)
		if err != nil {
			return res, fmt.Errorf("put %q: %w", r.id, err)
		}
		change, vector, err := w.replace(r, ord)
		switch {
		case err != nil:
			return res, fmt.Errorf("put %q: %w", r.id, err)
		case change:
			res.Replaced++
		default:
			res.Unchanged++
		}
		if vector {
			fresh = append(fresh, encodeRow{ord: ord, vec: r.vec})
		}
	}
	return res, w.encodeFresh(ctx, fresh)
}

// fixSpace writes the space identity with the first item.
func (w *writer) fixSpace(dim int) error {
	if w.state.Dim != 0 {
		return nil
	}
	space := w.d.opts.Space
	for _, want := range []int{space.Dim, w.d.opts.Dim} {
		if want != 0 && want != dim {
			return fmt.Errorf("%w: the first vector has %d numbers, the options say %d", ErrDim, dim, want)
		}
	}
	space.Dim = dim
	v, err := json.Marshal(space)
	if err != nil {
		return fmt.Errorf("space identity: %w", err)
	}
	w.b.Set(kv.KeySpace(), v)
	w.state.Dim = uint32(dim)
	return nil
}

func (w *writer) add(r row) error {
	ord := w.state.Next
	if ord+1 == 0 {
		return fmt.Errorf("put %q: %w: all 2³² ordinals are used up: copy the items into a new database", r.id, ErrItem)
	}
	w.state.Next++
	w.state.Live++
	w.b.Set(kv.KeyID(r.id), kv.AppendOrd(nil, ord))
	w.b.Set(kv.KeyItem(ord), kv.AppendItem(nil, kv.Item{ID: r.id, Norm: r.norm, Added: w.d.opts.Now().UnixMilli()}))
	w.b.Set(kv.KeyVector(ord), kv.AppendVector(nil, r.vec))
	if r.bytes != nil {
		w.b.Set(kv.KeyMeta(ord), r.bytes)
	}
	if len(r.thumb) > 0 {
		w.b.Set(kv.KeyThumb(ord), r.thumb)
	}
	w.reindex(r.id, ord, nil, r.meta, true)
	return nil
}

// replace writes what differs from the stored item, and reports whether anything did, and whether the vector did.
func (w *writer) replace(r row, ord uint32) (change, vector bool, err error) {
	old, err := readRow(w.r, ord, int(w.state.Dim))
	if err != nil {
		return false, false, err
	}
	if old.rec.ID != r.id {
		return false, false, kv.Corruptf("ordinal %d is item %q", ord, old.rec.ID)
	}
	if old.rec.Norm != r.norm {
		change = true
		rec := old.rec
		rec.Norm = r.norm
		w.b.Set(kv.KeyItem(ord), kv.AppendItem(nil, rec))
	}
	if !slices.Equal(old.vec, r.vec) {
		change, vector = true, true
		w.b.Set(kv.KeyVector(ord), kv.AppendVector(nil, r.vec))
	}
	if !bytes.Equal(old.metaBytes, r.bytes) {
		change = true
		setOrDelete(w.b, kv.KeyMeta(ord), r.bytes)
		w.reindex(r.id, ord, old.meta, r.meta, false)
	}
	if !bytes.Equal(old.thumb, r.thumb) {
		change = true
		setOrDelete(w.b, kv.KeyThumb(ord), r.thumb)
	}
	return change, vector, nil
}

func setOrDelete(b *kv.Batch, key, value []byte) {
	if len(value) == 0 {
		b.Delete(key)
		return
	}
	b.Set(key, value)
}

// reindex moves the item's entries in the metadata index and the field catalogue from old to new metadata.
func (w *writer) reindex(id string, ord uint32, old, new map[string]any, isNew bool) {
	have := map[string]bool{}
	if !isNew {
		have = indexKeys(id, old, ord)
	}
	want := indexKeys(id, new, ord)
	for k := range have {
		if !want[k] {
			w.b.Delete([]byte(k))
		}
	}
	for k := range want {
		if !have[k] {
			w.b.Set([]byte(k), nil)
		}
	}
	w.recount(fieldKeys(old), fieldKeys(new))
}

func (w *writer) recount(old, new map[string]bool) {
	for k := range old {
		if !new[k] {
			w.b.Merge([]byte(k), kv.AppendCounter(nil, -1))
		}
	}
	for k := range new {
		if !old[k] {
			w.b.Merge([]byte(k), kv.AppendCounter(nil, 1))
		}
	}
}

// delete removes everything of one item and reports whether there was one.
func (w *writer) delete(id string) (bool, error) {
	v, ok, err := w.r.Get(kv.KeyID(id))
	if err != nil || !ok {
		return false, err
	}
	ord, err := kv.DecodeOrd(v)
	if err != nil {
		return false, err
	}
	old, err := readRow(w.r, ord, int(w.state.Dim))
	if err != nil {
		return false, err
	}
	for k := range indexKeys(id, old.meta, ord) {
		w.b.Delete([]byte(k))
	}
	w.recount(fieldKeys(old.meta), nil)
	for _, k := range [][]byte{kv.KeyID(id), kv.KeyItem(ord), kv.KeyVector(ord), kv.KeyMeta(ord), kv.KeyThumb(ord)} {
		w.b.Delete(k)
	}
	w.state.Live--
	return true, w.forgetCodes(ord)
}
