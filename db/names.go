package db

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/saedb/saedb/internal/kv"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/concept"
)

// SetNames stores the names of an autoencoder's latents (model empty: the active one) in place of those before. What
// people edited stays and goes on top.
func (d *DB) SetNames(ctx context.Context, model string, n *concept.Names) error {
	var file bytes.Buffer
	if _, err := n.WriteTo(&file); err != nil {
		return fmt.Errorf("names of autoencoder %q: %w", model, err)
	}
	if _, err := concept.ReadNames(bytes.NewReader(file.Bytes())); err != nil { // never store what does not come back
		return fmt.Errorf("names of autoencoder %q: %w", model, err)
	}
	return d.update(ctx, func(w *writer) error {
		rec, err := findModel(w.r, w.state, model)
		if err != nil {
			return fmt.Errorf("names: %w", err)
		}
		if len(n.Latents) != rec.M {
			return fmt.Errorf("names: %w: %d latents are named, autoencoder %q has %d", ErrModel, len(n.Latents), rec.Name, rec.M)
		}
		w.b.SetBlob(kv.SpanNames(rec.number), file.Bytes())
		w.state.Rev++
		return nil
	})
}

// Names returns the names of an autoencoder's latents as SetNames stored them; model empty: the active one.
// Errors: ErrNotFound, ErrNoModel, ErrNoNames.
func (d *DB) Names(ctx context.Context, model string) (n *concept.Names, err error) {
	err = d.view(func(s *Snapshot) error {
		n, _, err = s.names(ctx, model)
		return err
	})
	return n, err
}

// EditedNames is Names with the edits applied: what queries use.
func (d *DB) EditedNames(ctx context.Context, model string) (n *concept.Names, err error) {
	err = d.view(func(s *Snapshot) error {
		_, n, err = s.names(ctx, model)
		return err
	})
	return n, err
}

// SetEdits stores what people changed of an autoencoder's names, in place of the edits before. They are applied on
// top of the names, also of later ones. Edits that cannot be applied to the names there are (concept.ErrEdit) are not stored.
func (d *DB) SetEdits(ctx context.Context, model string, e concept.Edits) error {
	v, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("edit names: %w", err)
	}
	if string(v) == "{}" {
		v = nil // taking all edits back leaves no trace
	}
	return d.update(ctx, func(w *writer) error {
		rec, err := findModel(w.r, w.state, model)
		if err != nil {
			return fmt.Errorf("edit names: %w", err)
		}
		n, err := readNames(w.r, rec)
		if err != nil {
			return fmt.Errorf("edit names: %w", err)
		}
		if _, err := e.Apply(n); err != nil {
			return fmt.Errorf("edit names: %w", err)
		}
		if len(v) == 0 {
			w.b.Delete(kv.KeyEdits(rec.number))
		} else {
			w.b.Set(kv.KeyEdits(rec.number), v)
		}
		w.state.Rev++
		return nil
	})
}

// Edits returns what SetEdits stored, the zero value if nothing; model empty: the active autoencoder.
func (d *DB) Edits(ctx context.Context, model string) (e concept.Edits, err error) {
	err = d.view(func(s *Snapshot) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		rec, err := findModel(s.r, s.state, model)
		if err != nil {
			return err
		}
		e, err = readEdits(s.r, rec)
		return err
	})
	return e, err
}

func readEdits(r *kv.Snapshot, rec modelRecord) (e concept.Edits, err error) {
	v, ok, err := r.Get(kv.KeyEdits(rec.number))
	if err != nil || !ok {
		return e, err
	}
	if err := json.Unmarshal(v, &e); err != nil {
		return e, kv.Corruptf("edits of the names of autoencoder %q: %w", rec.Name, err)
	}
	return e, nil
}

func readNames(r *kv.Snapshot, rec modelRecord) (*concept.Names, error) {
	file, err := r.Blob(kv.SpanNames(rec.number))
	if err != nil {
		return nil, fmt.Errorf("names of autoencoder %q: %w", rec.Name, err)
	}
	if file == nil {
		return nil, fmt.Errorf("%w: autoencoder %q: saectl name gives them", ErrNoNames, rec.Name)
	}
	n, err := concept.ReadNames(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("names of autoencoder %q: %w", rec.Name, kv.Corruptf("%w", err))
	}
	if len(n.Latents) != rec.M {
		return nil, kv.Corruptf("names of autoencoder %q: %d of %d latents", rec.Name, len(n.Latents), rec.M)
	}
	return n, nil
}

type namesKey struct{ number uint32 }

// names returns a model's names, as given and as edited. Both are shared.
func (s *Snapshot) names(ctx context.Context, model string) (given, edited *concept.Names, err error) {
	rec, err := findModel(s.r, s.state, model)
	if err != nil {
		return nil, nil, err
	}
	return s.namesOf(ctx, rec)
}

// namesOf is names of a model's record.
func (s *Snapshot) namesOf(ctx context.Context, rec modelRecord) (given, edited *concept.Names, err error) {
	both, err := derive(ctx, s.naming, namesKey{rec.number}, func() ([2]*concept.Names, error) {
		given, err := readNames(s.r, rec)
		if err != nil {
			return [2]*concept.Names{}, err
		}
		e, err := readEdits(s.r, rec)
		if err != nil {
			return [2]*concept.Names{}, err
		}
		edited, err := e.Apply(given)
		return [2]*concept.Names{given, edited}, err
	})
	return both[0], both[1], err
}

// ConceptStats returns what concept.Assign wants to know of the stored codes by an autoencoder (empty: the active one): the
// number of codes, in how many each latent is active, and the mean vector.
func (d *DB) ConceptStats(ctx context.Context, model string) (st concept.Stats, err error) {
	err = d.view(func(s *Snapshot) error {
		rec, err := findModel(s.r, s.state, model)
		if err != nil {
			return err
		}
		st.Counts = make([]int, rec.M)
		err = s.scanCodes(ctx, rec.number, func(ord uint32, c sae.Code) (bool, error) {
			st.Rows++
			for _, l := range c.Latents {
				if int(l) >= rec.M {
					return false, kv.Corruptf("code of ordinal %d: latent %d of %d", ord, l, rec.M)
				}
				st.Counts[l]++
			}
			return true, nil
		})
		if err != nil {
			return err
		}
		st.Mean, err = s.mean(ctx)
		return err
	})
	return st, err
}

// mean returns the mean of the stored vectors, summed in float64 in the order of All; nil without items.
func (s *Snapshot) mean(ctx context.Context) ([]float32, error) {
	sum := make([]float64, s.Dim())
	for x, err := range s.Vectors(ctx) {
		if err != nil {
			return nil, err
		}
		for i, f := range x {
			sum[i] += float64(f)
		}
	}
	if s.Len() == 0 {
		return nil, nil
	}
	mean := make([]float32, len(sum))
	for i, f := range sum {
		mean[i] = float32(f / float64(s.Len()))
	}
	return mean, nil
}

// ConceptSample returns pictures for concept.Assign to try names on, with their codes by an autoencoder (empty: the active
// one): all of them, or limit spread evenly over the order in which they came. held says of an id whether its picture was
// kept back from training; nil: not known. Pictures without a code by it have an empty one.
func (d *DB) ConceptSample(ctx context.Context, model string, limit int, held func(id string) bool) (*concept.Sample, error) {
	sample := &concept.Sample{}
	err := d.view(func(s *Snapshot) error {
		rec, err := findModel(s.r, s.state, model)
		if err != nil {
			return err
		}
		n := s.Len()
		rowOf := map[uint32]int{}
		at := 0
		for r, err := range s.rows(ctx) {
			if err != nil {
				return err
			}
			if at++; n > limit && at*limit/n == (at-1)*limit/n {
				continue
			}
			rowOf[r.ord] = len(rowOf)
			sample.Vectors = append(sample.Vectors, r.vec...)
			if held != nil {
				sample.Held = append(sample.Held, held(r.rec.ID))
			}
		}
		sample.Codes = make([]sae.Code, len(rowOf))
		return s.eachCode(ctx, rec.number, func(ord uint32, c sae.Code) (bool, error) {
			if row, ok := rowOf[ord]; ok {
				sample.Codes[row] = c
			}
			return true, nil
		})
	})
	return sample, err
}
