package db

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"

	"github.com/saedb/saedb/internal/kv"
)

// Annotate sets one metadata field of many items, in one atomic commit, and returns how many items it changed. values yields
// ids with the field's new value, of a type that Item.Meta takes; nil removes the field, and of two values for one id the last
// counts. Everything else of an item stays: its vector, its codes, its other metadata. The field is named as a key of
// Item.Meta. values is read to its end before the writing begins. On an error nothing is stored.
// Errors: ErrNotFound for an id that is not there, ErrItem for a value or a field that cannot be stored.
func (d *DB) Annotate(ctx context.Context, field string, values iter.Seq2[string, any]) (n int, err error) {
	if _, err := normalMeta(map[string]any{field: ""}); err != nil {
		return 0, fmt.Errorf("annotate: %w", err)
	}
	last := map[string]any{}
	var ids []string
	for id, v := range values {
		if _, seen := last[id]; !seen {
			ids = append(ids, id)
		}
		last[id] = v
	}
	name := FieldName(field)
	err = d.update(ctx, func(w *writer) error {
		for i, id := range ids {
			if i%256 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			changed, err := w.annotate(id, name, last[id])
			if err != nil {
				return fmt.Errorf("annotate %q: %w", id, err)
			}
			if changed {
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

// annotate sets or removes one field of an item and reports whether that changed it.
func (w *writer) annotate(id, field string, v any) (changed bool, err error) {
	at, ok, err := w.r.Get(kv.KeyID(id))
	if err != nil {
		return false, err
	}
	if !ok {
		return false, ErrNotFound
	}
	ord, err := kv.DecodeOrd(at)
	if err != nil {
		return false, err
	}
	rec, ok, err := readItem(w.r, ord)
	if err != nil {
		return false, err
	}
	if !ok {
		return false, kv.Corruptf("ordinal %d has no item record", ord)
	}
	old, err := kv.DecodeMeta(rec.Meta, nil)
	if err != nil {
		return false, err
	}
	meta := maps.Clone(old)
	if meta == nil {
		meta = map[string]any{}
	}
	delete(meta, field)
	if v != nil {
		meta[field] = v
	}
	if meta, err = normalMeta(meta); err != nil {
		return false, err
	}
	var now []byte
	if len(meta) > 0 {
		now = kv.AppendMeta(nil, meta)
	}
	if len(now) > MaxMeta {
		return false, fmt.Errorf("%w: %d bytes of metadata, at most %d", ErrItem, len(now), MaxMeta)
	}
	if bytes.Equal(rec.Meta, now) {
		return false, nil
	}
	was := rec
	rec.Meta = now
	w.setItem(ord, was, rec)
	w.reindex(id, ord, old, meta, false)
	return true, nil
}
