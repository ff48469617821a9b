package db

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/saedb/saedb/internal/kv"
)

// Salvaged is what Salvage has saved, and what it has not.
type Salvaged struct {
	Items  int     // saved
	Bare   int     // of those, saved without their metadata or thumbnail
	Lost   int     // items whose record is there or is damaged, and whose vector cannot be read
	Models int     // autoencoders saved, with their names where those can be read
	Faults []error // what could not be read, each once
}

// Salvage stores in to, a new and empty database, whatever of this one can be read: each item for itself, so that a damaged
// block costs the items in it and no others; then vocabulary, autoencoders, names and edits. Codes, lists and statistics are made
// anew. Its error is one of writing, of ctx, or that nothing at all can be read; what is lost is in Salvaged.
func (d *DB) Salvage(ctx context.Context, to *DB) (out Salvaged, err error) {
	err = d.view(func(s *Snapshot) error {
		v := &salvage{s: s, r: &wary{viewer: s.r}, to: to, Salvaged: &out}
		if err := v.items(ctx); err != nil {
			return err
		}
		if err := v.vocab(ctx); err != nil {
			return err
		}
		return v.models(ctx)
	})
	if err != nil {
		return out, fmt.Errorf("salvage: %w", err)
	}
	return out, nil
}

// salvage is one Salvage under way.
type salvage struct {
	s  *Snapshot
	r  viewer // of s
	to *DB
	*Salvaged
}

// fault notes what cannot be read; an error of ctx ends the salvage.
func (v *salvage) fault(ctx context.Context, format string, args ...any) error {
	v.Faults = append(v.Faults, fmt.Errorf(format, args...))
	return ctx.Err()
}

// items saves every item that has an id and a vector.
func (v *salvage) items(ctx context.Context) error {
	chunk := make([]Item, 0, IngestChunk)
	flush := func() error {
		_, err := v.to.Put(ctx, chunk...)
		if err == nil {
			v.Items += len(chunk)
		}
		chunk = chunk[:0]
		return err
	}
	for ord := range v.s.state.Next {
		it, ok, err := v.item(ctx, ord)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if chunk = append(chunk, it); len(chunk) == IngestChunk {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// item reads one item as far as it can be read. ok is false where there is none, or none that can be saved.
func (v *salvage) item(ctx context.Context, ord uint32) (it Item, ok bool, err error) {
	text, found, err := v.s.r.Get(kv.KeyItem(ord))
	if err == nil && !found {
		return it, false, ctx.Err() // deleted
	}
	var rec kv.Item
	if err == nil {
		rec, err = kv.DecodeItem(text)
	}
	if err != nil {
		v.Lost++
		return it, false, v.fault(ctx, "ordinal %d: %w", ord, err)
	}
	if it.Vec, err = readVector(v.r, ord, rec.Block, v.s.Dim()); err == nil {
		err = CheckVector(it.Vec)
	}
	if err != nil {
		v.Lost++
		return it, false, v.fault(ctx, "item %q: vector: %w", rec.ID, err)
	}
	it.ID, it.Norm = rec.ID, rec.Norm
	bare := false
	if rec.Old {
		rec.Meta, _, err = v.s.r.Get(kv.KeyMeta(ord))
	}
	if err == nil {
		it.Meta, err = kv.DecodeMeta(rec.Meta, metaKey)
	}
	if err != nil {
		bare = true
		if err := v.fault(ctx, "item %q: metadata: %w", rec.ID, err); err != nil {
			return it, false, err
		}
	}
	if it.Thumb, _, err = v.s.r.Get(kv.KeyThumb(ord)); err != nil {
		bare = true
		if err := v.fault(ctx, "item %q: thumbnail: %w", rec.ID, err); err != nil {
			return it, false, err
		}
	}
	if bare {
		v.Bare++
	}
	return it, true, nil
}

func (v *salvage) vocab(ctx context.Context) error {
	book, err := v.s.vocab(ctx)
	if err != nil {
		return v.fault(ctx, "vocabulary: %w", err)
	}
	if book.vocab == nil {
		return nil
	}
	return v.to.SetVocab(ctx, book.vocab)
}

// models saves the autoencoders, and makes active the one that was.
func (v *salvage) models(ctx context.Context) error {
	list, err := v.s.Models(ctx)
	if err != nil {
		return v.fault(ctx, "autoencoders: %w", err)
	}
	for _, info := range list {
		m, err := v.s.Model(ctx, info.Name)
		if err != nil {
			if err := v.fault(ctx, "autoencoder %q: %w", info.Name, err); err != nil {
				return err
			}
			continue
		}
		if err := v.to.AddModel(ctx, info.Name, m); err != nil {
			return err
		}
		v.Models++
		if err := v.names(ctx, info.Name); err != nil {
			return err
		}
		if info.Active {
			if err := v.to.Activate(ctx, info.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// names saves the names of an autoencoder's latents and what people changed of them.
func (v *salvage) names(ctx context.Context, model string) error {
	rec, err := findModel(v.s.r, v.s.state, model)
	if err != nil {
		return v.fault(ctx, "autoencoder %q: %w", model, err)
	}
	n, err := readNames(v.s.r, rec)
	if errors.Is(err, ErrNoNames) {
		return nil
	}
	if err != nil {
		return v.fault(ctx, "%w", err)
	}
	if err := v.to.SetNames(ctx, model, n); err != nil {
		return err
	}
	e, err := readEdits(v.s.r, rec)
	if err != nil {
		return v.fault(ctx, "%w", err)
	}
	if reflect.ValueOf(e).IsZero() {
		return nil
	}
	return v.to.SetEdits(ctx, model, e)
}
