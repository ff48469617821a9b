package db

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/saedb/saedb/internal/kv"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/concept"
)

// ModelInfo says what is known of a stored autoencoder without reading its tensors.
type ModelInfo struct {
	Name    string
	Digest  string // hexadecimal, of tensors and hyper-parameters
	D, M, K int    // dimensions, latents, active latents per code
	Added   time.Time
	Active  bool // queries use it, and new items are encoded with it
	Encoded bool // every item has a current code of it
	Named   bool // its latents have names
}

// modelRecord is how a model lies in the store, beside its file.
type modelRecord struct {
	Name   string `json:"name"`
	Digest string `json:"digest"`
	D      int    `json:"d"`
	M      int    `json:"m"`
	K      int    `json:"k"`
	Added  int64  `json:"added"` // Unix milliseconds

	number uint32
}

// SetModel is AddModel, SetNames and Activate in one: it stores an autoencoder with the names of its latents, which may be nil,
// encodes all items while the one before goes on answering, and then switches in one atomic step. The one before stays until
// DropModel. Interrupted, it goes on when it is called again with the same arguments.
func (d *DB) SetModel(ctx context.Context, name string, m *sae.Model, names *concept.Names) error {
	if err := d.AddModel(ctx, name, m); err != nil {
		return err
	}
	if names != nil {
		if err := d.SetNames(ctx, name, names); err != nil {
			return err
		}
	}
	return d.Activate(ctx, name)
}

// AddModel stores an autoencoder beside the others under a name that no other has. Nothing uses it before Activate.
// Adding the same model again under its name does nothing. m is not kept.
// Errors: ErrModel (not valid, or the name is taken by another), ErrDim.
func (d *DB) AddModel(ctx context.Context, name string, m *sae.Model) error {
	if name == "" || len(name) > MaxID {
		return fmt.Errorf("%w: its name %.40q has %d bytes, want 1 to %d", ErrModel, name, len(name), MaxID)
	}
	if err := m.Validate(); err != nil {
		return fmt.Errorf("add autoencoder %q: %w", name, err)
	}
	digest := m.Digest()
	rec := modelRecord{Name: name, Digest: hex.EncodeToString(digest[:]), D: m.D, M: m.M, K: m.K, Added: d.opts.Now().UnixMilli()}
	var file bytes.Buffer
	if _, err := m.WriteTo(&file); err != nil {
		return fmt.Errorf("add autoencoder %q: %w", name, err)
	}
	return d.update(ctx, func(w *writer) error {
		if w.state.Dim == 0 {
			return fmt.Errorf("add autoencoder %q: %w: the database holds no vectors yet: import some first", name, ErrDim)
		}
		if m.D != int(w.state.Dim) {
			return fmt.Errorf("add autoencoder %q: %w: it encodes %d numbers, the database's vectors have %d", name, ErrDim, m.D, w.state.Dim)
		}
		all, err := modelRecords(w.r)
		if err != nil {
			return err
		}
		for _, other := range all {
			if other.Name == name && other.Digest == rec.Digest {
				return nil
			}
			if other.Name == name {
				return fmt.Errorf("add autoencoder %q: %w: another one has that name: choose a new name or drop the old one", name, ErrModel)
			}
		}
		number := w.state.NextModel
		w.state.NextModel++
		w.state.Rev++
		v, err := json.Marshal(rec)
		if err != nil {
			return fmt.Errorf("add autoencoder %q: %w", name, err)
		}
		w.b.Set(kv.KeyModel(number), v)
		w.b.SetBlob(kv.SpanFile(number), file.Bytes())
		w.b.Set(kv.KeyProgress(number), kv.AppendOrd(nil, 0))
		return nil
	})
}

// maxLatents is what package sae lets an autoencoder have: no record makes us allocate for more.
const maxLatents = 1 << 24

// modelRecords returns all models in the order in which they were added.
func modelRecords(r *kv.Snapshot) ([]modelRecord, error) {
	var all []modelRecord
	for p, err := range r.Range(kv.SpanModels().Lower, kv.SpanModels().Upper) {
		if err != nil {
			return nil, err
		}
		var rec modelRecord
		if err := json.Unmarshal(p.Value, &rec); err != nil {
			return nil, kv.Corruptf("model record: %w", err)
		}
		if rec.number, err = kv.Last(p.Key); err != nil {
			return nil, err
		}
		if rec.D < 1 || rec.D > MaxDim || rec.M < 1 || rec.M > maxLatents || rec.K < 1 || rec.K > rec.M {
			return nil, kv.Corruptf("model record %q: %d of %d latents, of %d numbers", rec.Name, rec.K, rec.M, rec.D)
		}
		all = append(all, rec)
	}
	return all, nil
}

// modelRecord returns the record of the model called name, of the active one if name is empty.
// Errors: ErrNotFound, ErrNoModel.
func findModel(r *kv.Snapshot, state kv.State, name string) (modelRecord, error) {
	if name == "" && state.Active == 0 {
		return modelRecord{}, fmt.Errorf("%w: train one with saectl train, or activate a stored one", ErrNoModel)
	}
	all, err := modelRecords(r)
	if err != nil {
		return modelRecord{}, err
	}
	for _, rec := range all {
		if name == "" && rec.number == state.Active || name != "" && rec.Name == name {
			return rec, nil
		}
	}
	if name == "" {
		return modelRecord{}, kv.Corruptf("the active autoencoder, number %d, is missing", state.Active)
	}
	return modelRecord{}, fmt.Errorf("autoencoder %q: %w: saectl models lists those there are", name, ErrNotFound)
}

// Models lists the stored autoencoders in the order in which they were added.
func (d *DB) Models(ctx context.Context) (list []ModelInfo, err error) {
	err = d.view(func(s *Snapshot) error {
		list, err = s.Models(ctx)
		return err
	})
	return list, err
}

// Models lists the stored autoencoders in the order in which they were added.
func (s *Snapshot) Models(ctx context.Context) ([]ModelInfo, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	all, err := modelRecords(s.r)
	if err != nil {
		return nil, err
	}
	list := make([]ModelInfo, len(all))
	for i, rec := range all {
		info := ModelInfo{
			Name: rec.Name, Digest: rec.Digest, D: rec.D, M: rec.M, K: rec.K,
			Added: time.UnixMilli(rec.Added).UTC(), Active: rec.number == s.state.Active,
		}
		if info.Encoded, err = s.encoded(rec.number); err != nil {
			return nil, err
		}
		if _, info.Named, err = s.r.Get(kv.SpanNames(rec.number).From(0).Lower); err != nil {
			return nil, err
		}
		list[i] = info
	}
	return list, nil
}

// encoded reports whether every item has a current code by the model.
func (s *Snapshot) encoded(model uint32) (bool, error) {
	if model == s.state.Active {
		return true, nil
	}
	from, err := progress(s.r, model)
	if err != nil {
		return false, err
	}
	for _, span := range []kv.Span{kv.SpanStale(model), kv.SpanItems().From(from)} {
		for _, err := range s.r.Range(span.Lower, span.Upper) {
			return false, err
		}
	}
	return true, nil
}

// Model returns the autoencoder called name, the active one if name is empty. It is shared: read only.
// Errors: ErrNotFound, ErrNoModel.
func (d *DB) Model(ctx context.Context, name string) (m *sae.Model, err error) {
	err = d.view(func(s *Snapshot) error {
		m, err = s.Model(ctx, name)
		return err
	})
	return m, err
}

// Model returns the autoencoder called name, the active one if name is empty. It is shared: read only.
func (s *Snapshot) Model(ctx context.Context, name string) (*sae.Model, error) {
	rec, err := findModel(s.r, s.state, name)
	if err != nil {
		return nil, err
	}
	return loadModel(ctx, s.naming, s.r, rec)
}

type modelKey struct{ number uint32 }

// loadModel reads a model's file, once for each change of models or names.
func loadModel(ctx context.Context, naming *memo, r *kv.Snapshot, rec modelRecord) (*sae.Model, error) {
	return derive(ctx, naming, modelKey{rec.number}, func() (*sae.Model, error) {
		file, err := r.Blob(kv.SpanFile(rec.number))
		if err != nil {
			return nil, fmt.Errorf("autoencoder %q: %w", rec.Name, err)
		}
		m, err := sae.Read(bytes.NewReader(file))
		if err != nil {
			return nil, fmt.Errorf("autoencoder %q: %w", rec.Name, kv.Corruptf("%w", err))
		}
		return m, nil
	})
}

type encoderKey struct{ number uint32 }

// loadEncoder returns the encoder of a model, likewise.
func loadEncoder(ctx context.Context, naming *memo, r *kv.Snapshot, rec modelRecord) (*sae.Encoder, error) {
	return derive(ctx, naming, encoderKey{rec.number}, func() (*sae.Encoder, error) {
		m, err := loadModel(ctx, naming, r, rec)
		if err != nil {
			return nil, err
		}
		return sae.NewEncoder(m), nil
	})
}

// DropModel removes an autoencoder with its codes, postings and names.
// Errors: ErrNotFound; ErrActive for the one in use.
func (d *DB) DropModel(ctx context.Context, name string) error {
	return d.update(ctx, func(w *writer) error {
		if name == "" {
			return fmt.Errorf("drop autoencoder: %w: give its name", ErrNotFound)
		}
		rec, err := findModel(w.r, w.state, name)
		if err != nil {
			return fmt.Errorf("drop: %w", err)
		}
		if rec.number == w.state.Active {
			return fmt.Errorf("drop autoencoder %q: %w: activate another one first", name, ErrActive)
		}
		for _, s := range kv.SpansOfModel(rec.number) {
			w.b.DeleteRange(s.Lower, s.Upper)
		}
		w.state.Rev++
		return nil
	})
}
