package db

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/saedb/saedb/internal/kv"
	"github.com/saedb/saedb/sae"
)

// How codes stay current. The active autoencoder's codes are written with the items. For every other one there is a
// progress mark: items below it had a code when the mark passed them. What is put at a new ordinal lies above the
// mark; what is replaced below or above it is listed as stale; what is deleted loses all its codes at once. So
// EncodeAll can stop anywhere, and Activate finds what is missing by the mark and the list.

// encodeRow is a row whose code has to be made.
type encodeRow struct {
	ord   uint32
	vec   []float32
	fresh bool // the ordinal is new: no code of it is stored
}

// rowsFrom returns up to n rows with ordinals from the given one on.
func (s *Snapshot) rowsFrom(ctx context.Context, from uint32, n int) ([]encodeRow, error) {
	rows := make([]encodeRow, 0, n)
	err := s.eachVector(ctx, from, func(ord uint32, v []byte) (bool, error) {
		vec, err := kv.DecodeVector(nil, v, s.Dim())
		if err != nil {
			return false, fmt.Errorf("ordinal %d: %w", ord, err)
		}
		rows = append(rows, encodeRow{ord: ord, vec: vec})
		return len(rows) < n, nil
	})
	return rows, err
}

// matrix lays the rows' vectors one after the other.
func matrix(rows []encodeRow) []float32 {
	x := make([]float32, 0, len(rows)*len(rows[0].vec))
	for _, r := range rows {
		x = append(x, r.vec...)
	}
	return x
}

// progress returns the first ordinal that the model has not been taken to.
func progress(r *kv.Snapshot, model uint32) (uint32, error) {
	v, ok, err := r.Get(kv.KeyProgress(model))
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, kv.Corruptf("the progress mark of model %d is missing", model)
	}
	return kv.DecodeOrd(v)
}

// encodeStale encodes up to encodeChunk stale rows.
func (w *writer) encodeStale(ctx context.Context, rec modelRecord, e *sae.Encoder, threads int) error {
	s := &Snapshot{d: w.d, r: w.r, state: w.state}
	var rows []encodeRow
	span := kv.SpanStale(rec.number)
	for p, err := range w.r.Range(span.Lower, span.Upper) {
		if err != nil {
			return err
		}
		ord, err := kv.Last(p.Key)
		if err != nil {
			return err
		}
		if rows = append(rows, encodeRow{ord: ord}); len(rows) == encodeChunk {
			break
		}
	}
	for i := range rows {
		var err error
		if rows[i].vec, err = s.vector(rows[i].ord); err != nil {
			return fmt.Errorf("stale: %w", err)
		}
		w.b.Delete(kv.KeyStale(rec.number, rows[i].ord))
	}
	return w.encode(ctx, rec.number, e, rows, threads)
}

// encode writes the codes of rows, replacing what codes they have.
func (w *writer) encode(ctx context.Context, model uint32, e *sae.Encoder, rows []encodeRow, threads int) error {
	if len(rows) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for i, c := range e.EncodeBatch(nil, matrix(rows), threads) {
		var old sae.Code
		if !rows[i].fresh {
			var err error
			if old, _, err = readCode(w.r, model, rows[i].ord); err != nil {
				return err
			}
		}
		w.setCode(model, rows[i].ord, old, c)
	}
	return nil
}

// encodeFresh gives rows with new vectors their codes by the active model, and marks their other codes stale.
func (w *writer) encodeFresh(ctx context.Context, rows []encodeRow) error {
	if len(rows) == 0 {
		return nil
	}
	all, err := w.models(ctx)
	if err != nil {
		return err
	}
	for _, rec := range all {
		if rec.number != w.state.Active {
			for _, r := range rows {
				if !r.fresh {
					w.b.Set(kv.KeyStale(rec.number, r.ord), nil)
				}
			}
			continue
		}
		e, err := w.encoder(ctx, rec)
		if err != nil {
			return err
		}
		if err := w.encode(ctx, rec.number, e, rows, w.d.opts.Threads); err != nil {
			return err
		}
	}
	return nil
}

// encoder returns a model's encoder by way of the database's memo, so that a writer does not read and prepare it again for each batch.
func (w *writer) encoder(ctx context.Context, rec modelRecord) (*sae.Encoder, error) {
	return loadEncoder(ctx, w.naming(), w.r, rec)
}

type modelsKey struct{}

// models returns all models, likewise: a cursor takes longer than all other reads of a put. For writers that have not changed them.
func (w *writer) models(ctx context.Context) ([]modelRecord, error) {
	return derive(ctx, w.naming(), modelsKey{}, func() ([]modelRecord, error) { return modelRecords(w.r) })
}

// naming returns the database's memo of models, names and vocabulary.
func (w *writer) naming() (naming *memo) {
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	w.d.naming, naming = w.d.naming.at(w.state.Rev)
	return naming
}

// forgetCodes removes the row's codes by every model.
func (w *writer) forgetCodes(ord uint32) error {
	all, err := modelRecords(w.r)
	if err != nil {
		return err
	}
	for _, rec := range all {
		old, there, err := readCode(w.r, rec.number, ord)
		if err != nil {
			return err
		}
		if there {
			w.post(rec.number, ord, old, sae.Code{})
			w.b.Delete(kv.KeyCode(rec.number, ord))
		}
		w.b.Delete(kv.KeyStale(rec.number, ord))
	}
	return nil
}

// setCode writes a row's code and moves the row from the posting blocks of old's latents to those of c's.
func (w *writer) setCode(model, ord uint32, old, c sae.Code) {
	w.b.Set(kv.KeyCode(model, ord), kv.AppendCode(nil, c.Latents, c.Acts))
	w.post(model, ord, old, c)
}

// readCode returns the row's code by the model, and whether there is one.
func readCode(r *kv.Snapshot, model, ord uint32) (sae.Code, bool, error) {
	v, ok, err := r.Get(kv.KeyCode(model, ord))
	if err != nil || !ok {
		return sae.Code{}, false, err
	}
	c, err := decodeCode(v)
	if err != nil {
		return sae.Code{}, false, fmt.Errorf("code of ordinal %d: %w", ord, err)
	}
	return c, true, nil
}

func decodeCode(v []byte) (c sae.Code, err error) {
	c.Latents, c.Acts, err = kv.DecodeCode(nil, nil, v)
	return c, err
}

// Activate makes queries use the stored autoencoder, and new items be encoded with it, in one atomic step. It first
// brings its codes up to date, as EncodeAll does; what is put while it does so has its code at the switch.
func (d *DB) Activate(ctx context.Context, name string) error {
	if err := d.EncodeAll(ctx, name, 0, nil); err != nil {
		return err
	}
	err := d.update(ctx, func(w *writer) error {
		rec, err := findModel(w.r, w.state, name)
		if err != nil {
			return err
		}
		if rec.number == w.state.Active {
			return nil
		}
		e, err := w.encoder(ctx, rec)
		if err != nil {
			return err
		}
		if err := w.catchUp(ctx, rec, e); err != nil {
			return err
		}
		for _, model := range []uint32{rec.number, w.state.Active} {
			if model != 0 { // the one that rests from now on is current up to here
				w.b.Set(kv.KeyProgress(model), kv.AppendOrd(nil, w.state.Next))
			}
		}
		w.state.Active = rec.number
		w.state.Rev++
		return nil
	})
	if err != nil {
		return fmt.Errorf("activate autoencoder %q: %w", name, err)
	}
	return nil
}

// catchUp encodes what was put since EncodeAll looked.
func (w *writer) catchUp(ctx context.Context, rec modelRecord, e *sae.Encoder) error {
	s := &Snapshot{d: w.d, r: w.r, state: w.state}
	from, err := progress(w.r, rec.number)
	if err != nil {
		return err
	}
	stale := map[uint32]bool{}
	span := kv.SpanStale(rec.number)
	for p, err := range w.r.Range(span.Lower, span.Upper) {
		if err != nil {
			return err
		}
		ord, err := kv.Last(p.Key)
		if err != nil {
			return err
		}
		stale[ord] = true
		w.b.Delete(kv.KeyStale(rec.number, ord))
	}
	for ord := range stale {
		if ord >= from {
			continue // among the rows that follow
		}
		vec, err := s.vector(ord)
		if err != nil {
			return err
		}
		if err := w.encode(ctx, rec.number, e, []encodeRow{{ord: ord, vec: vec}}, 1); err != nil {
			return err
		}
	}
	for {
		rows, err := s.rowsFrom(ctx, from, encodeChunk)
		if err != nil || len(rows) == 0 {
			return err
		}
		if err := w.encode(ctx, rec.number, e, rows, w.d.opts.Threads); err != nil {
			return err
		}
		from = rows[len(rows)-1].ord + 1
	}
}

// Coded is an item's code by some autoencoder.
type Coded struct {
	ID   string
	Code sae.Code
}

// Codes yields the items' codes by the autoencoder called name (empty: the active one) in the order of All. Items
// that it has not encoded yet are left out. The codes belong to the caller.
func (d *DB) Codes(ctx context.Context, name string) iter.Seq2[Coded, error] {
	return viewSeq(d, func(s *Snapshot) iter.Seq2[Coded, error] { return s.Codes(ctx, name) })
}

// Codes yields the items' codes by the autoencoder called name (empty: the active one) in the order of All.
func (s *Snapshot) Codes(ctx context.Context, name string) iter.Seq2[Coded, error] {
	return func(yield func(Coded, error) bool) {
		rec, err := findModel(s.r, s.state, name)
		if err == nil {
			err = s.eachCode(ctx, rec.number, func(ord uint32, c sae.Code) (bool, error) {
				id, err := s.id(ord)
				return err == nil && yield(Coded{ID: id, Code: c}, nil), err
			})
		}
		if err != nil {
			yield(Coded{}, err)
		}
	}
}

// eachCode calls f for the codes of a model by ascending ordinal until f returns false. The code is f's.
func (s *Snapshot) eachCode(ctx context.Context, model uint32, f func(ord uint32, c sae.Code) (bool, error)) error {
	return s.scanCodes(ctx, model, func(ord uint32, c sae.Code) (bool, error) {
		return f(ord, sae.Code{Latents: slices.Clone(c.Latents), Acts: slices.Clone(c.Acts)})
	})
}

// scanCodes is eachCode with codes that are valid until f returns.
func (s *Snapshot) scanCodes(ctx context.Context, model uint32, f func(ord uint32, c sae.Code) (bool, error)) error {
	n := 0
	var c sae.Code
	span := kv.SpanCodes(model)
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
		if c.Latents, c.Acts, err = kv.DecodeCode(c.Latents[:0], c.Acts[:0], p.Value); err != nil {
			return fmt.Errorf("code of ordinal %d: %w", ord, err)
		}
		more, err := f(ord, c)
		if err != nil || !more {
			return err
		}
	}
	return nil
}
