package db

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
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
	rows, err := prepareLast(items)
	if err != nil {
		return Result{}, err
	}
	var res Result
	err = d.update(ctx, func(w *writer) (err error) {
		res, err = w.put(ctx, rows)
		return err
	})
	if err != nil {
		return Result{}, err
	}
	return res, nil
}

// prepareLast prepares items; of two with one id the last.
func prepareLast(items []Item) ([]row, error) {
	last := make(map[string]int, len(items))
	for i, it := range items {
		last[it.ID] = i
	}
	rows := make([]row, 0, len(last))
	for i, it := range items {
		if last[it.ID] != i {
			continue
		}
		r, err := prepare(it)
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// putRows makes rows with different ids visible in one atomic batch; wait returns when they are on disk.
func (d *DB) putRows(ctx context.Context, rows []row) (res Result, wait func() error, err error) {
	wait, err = d.apply(ctx, func(w *writer) (err error) {
		res, err = w.put(ctx, rows)
		return err
	})
	return res, wait, err
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

// put writes rows with different ids.
func (w *writer) put(ctx context.Context, rows []row) (Result, error) {
	var res Result
	if len(rows) == 0 {
		return res, nil
	}
	if err := w.fixSpace(len(rows[0].vec)); err != nil {
		return res, err
	}
	ords, added, err := w.find(rows)
	if err != nil {
		return res, err
	}
	w.fill(added)
	var fresh []encodeRow // rows with a new vector
	for i, r := range rows {
		if ords[i] == absent {
			fresh = append(fresh, encodeRow{ord: w.state.Next, vec: r.vec, fresh: true})
			w.add(r)
			res.Added++
			continue
		}
		ord := uint32(ords[i])
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

// absent stands for the ordinal of an id that is not there.
const absent = -1

// find returns the ordinals of rows whose dimensions are right, and how many are not there.
func (w *writer) find(rows []row) (ords []int64, added int, err error) {
	ords = make([]int64, len(rows))
	for i, r := range rows {
		if len(r.vec) != int(w.state.Dim) {
			return nil, 0, fmt.Errorf("put %q: %w: its vector has %d numbers, the database's have %d", r.id, ErrDim, len(r.vec), w.state.Dim)
		}
		ord, ok, err := ordOf(w.r, r.id)
		if err != nil {
			return nil, 0, fmt.Errorf("put %q: %w", r.id, err)
		}
		if ords[i] = int64(ord); !ok {
			ords[i] = absent
			added++
		}
	}
	if int64(w.state.Next)+int64(added) > math.MaxUint32 {
		return nil, 0, fmt.Errorf("put %d items: %w: all 2³² ordinals are used up: copy the items into a new database", added, ErrItem)
	}
	return ords, added, nil
}

// filling is the blocks of vectors that the new rows of a put fill from end to end.
type filling struct {
	from, to uint32 // ordinals
	value    []byte // of the block that is being filled, or of the vector that is in none
}

// fill says how many new rows follow: those that make whole blocks go into them.
func (w *writer) fill(added int) {
	rows := uint64(kv.VectorRows(int(w.state.Dim)))
	next := uint64(w.state.Next)
	w.filling.from, w.filling.to = uint32((next+rows-1)/rows*rows), uint32((next+uint64(added))/rows*rows)
}

// addVector writes the vector of a new row, and reports whether it is in a block.
func (w *writer) addVector(ord uint32, x []float32) (inBlock bool) {
	f := &w.filling
	if ord < f.from || ord >= f.to {
		f.value = kv.AppendVector(f.value[:0], x)
		w.keep(ord, kv.KeyVector(ord), nil, f.value)
		return false
	}
	rows := kv.VectorRows(int(w.state.Dim))
	if ord%rows == 0 {
		f.value = kv.AppendBlock(f.value[:0], 1<<rows-1)
	}
	f.value = kv.AppendVector(f.value, x)
	if ord%rows == rows-1 {
		w.keep(ord, kv.KeyBlock(ord/rows), nil, f.value)
	}
	return true
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

func (w *writer) add(r row) {
	ord := w.state.Next
	w.state.Next++
	w.state.Live++
	w.b.Set(kv.KeyID(r.id), kv.AppendOrd(nil, ord))
	rec := kv.Item{ID: r.id, Norm: r.norm, Added: w.d.opts.Now().UnixMilli(), Thumb: len(r.thumb) > 0, Meta: r.bytes}
	rec.Block = w.addVector(ord, r.vec)
	w.keep(ord, kv.KeyItem(ord), nil, kv.AppendItem(nil, rec))
	if rec.Thumb {
		w.keep(ord, kv.KeyThumb(ord), nil, r.thumb)
	}
	w.reindex(r.id, ord, nil, r.meta, true)
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
	rec := old.rec
	rec.Norm, rec.Meta, rec.Thumb = r.norm, r.bytes, len(r.thumb) > 0
	vector = !slices.Equal(old.vec, r.vec)
	thumb := !bytes.Equal(old.thumb, r.thumb)
	meta := !bytes.Equal(old.rec.Meta, r.bytes)
	if vector {
		w.keep(ord, kv.KeyVector(ord), old.loose(), kv.AppendVector(nil, r.vec))
		w.touch(ord)
		rec.Block = false
	}
	if rec.Norm != old.rec.Norm || meta || rec.Thumb != old.rec.Thumb || rec.Block != old.rec.Block {
		w.setItem(ord, old.rec, rec)
	}
	if thumb {
		w.keep(ord, kv.KeyThumb(ord), some(old.thumb), some(r.thumb))
	}
	if meta {
		was, err := kv.DecodeMeta(old.rec.Meta, nil)
		if err != nil {
			return false, false, err
		}
		w.reindex(r.id, ord, was, r.meta, false)
	}
	return rec.Norm != old.rec.Norm || meta || thumb || vector, vector, nil
}

// some returns b, or nil if it is empty.
func some(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// setItem writes an item's record over the one it had, which may be one of format 1.
func (w *writer) setItem(ord uint32, old, rec kv.Item) {
	if rec.Old {
		rec.Old = false
		w.b.Delete(kv.KeyMeta(ord))
	}
	w.keep(ord, kv.KeyItem(ord), kv.AppendItem(nil, old), kv.AppendItem(nil, rec))
}

// touch notes that a row that was there has another vector or none.
func (w *writer) touch(ord uint32) {
	w.b.Set(kv.KeyTouched(ord), kv.AppendSeq(nil, w.state.Seq+1))
}

// reindex moves the item's entries in the metadata index and the field catalogue from old to new metadata.
func (w *writer) reindex(id string, ord uint32, old, new map[string]any, isNew bool) {
	w.recount(old, -1)
	w.recount(new, 1)
	if isNew {
		eachIndexKey(id, new, ord, func(k []byte) { w.b.Set(k, nil) })
		return
	}
	have, want := indexKeys(id, old, ord), indexKeys(id, new, ord)
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
}

// recount adds n to the counters of the field catalogue that count an item with this metadata.
func (w *writer) recount(meta map[string]any, n int64) {
	for field, v := range meta {
		t, _ := kv.TypeOf(v)
		w.counts[fieldType{field, t}] += n
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
	meta, err := kv.DecodeMeta(old.rec.Meta, nil)
	if err != nil {
		return false, err
	}
	for k := range indexKeys(id, meta, ord) {
		w.b.Delete([]byte(k))
	}
	w.recount(meta, -1)
	w.b.Delete(kv.KeyID(id))
	w.keep(ord, kv.KeyItem(ord), kv.AppendItem(nil, old.rec), nil)
	if !old.rec.Block { // else it stays in its block, dead
		w.keep(ord, kv.KeyVector(ord), old.loose(), nil)
	}
	if old.rec.Thumb {
		w.keep(ord, kv.KeyThumb(ord), old.thumb, nil)
	}
	if old.rec.Old {
		w.b.Delete(kv.KeyMeta(ord))
	}
	w.touch(ord)
	w.state.Live--
	return true, w.forgetCodes(ord)
}
