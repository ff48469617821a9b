package main

import (
	"context"
	"fmt"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/measure"
)

// fitRows is how many new rows are looked at to tell whether an autoencoder still fits: a fifth of a second's work.
const fitRows = 500

// fitView is how an autoencoder copes with the rows added since it was trained.
type fitView struct {
	SAE   string `json:"sae"`
	Added int    `json:"added"` // rows; Rows of them were looked at
	measure.Fit
}

// text is a line for people, with the advice where it is due.
func (f *fitView) text() string {
	s := fmt.Sprintf("%s rows were added since %s was trained: FVU per sample %.3f, %.3f where it was measured", thousands(f.Added), f.SAE, f.FVU, f.Known)
	if f.Worse {
		s += "; they fit it badly: saectl train makes one that knows them"
	}
	return s
}

// fitOf compares new rows, given as at most fitRows of them one after the other, with what the model is known to lose. It is
// nil without new rows, and for a model that was never measured.
func fitOf(name string, m *sae.Model, added int, x []float32) *fitView {
	known, ok := measure.Known(m.Info)
	if !ok || len(x) == 0 {
		return nil
	}
	return &fitView{name, added, measure.MeasureFit(m, x, known, maxThreads())}
}

// activeFit is fitOf for the active autoencoder of a database that is not in memory. Vectors are read only where there are
// more items than the training knew: whoever removes as many as they add is not told.
func activeFit(ctx context.Context, d *db.DB, st db.Stats) (*fitView, error) {
	trained, held, ok := runRows(d.Dir(), st.Active)
	added := st.Items - len(trained) - len(held)
	if !ok || st.Active == "" || added <= 0 {
		return nil, nil
	}
	m, err := d.Model(ctx, st.Active)
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(trained)+len(held))
	for _, ids := range [][]string{trained, held} {
		for _, id := range ids {
			seen[id] = true
		}
	}
	var x []float32
	found, every := 0, (added+fitRows-1)/fitRows
	for it, err := range d.All(ctx) {
		if err != nil {
			return nil, err
		}
		if seen[it.ID] {
			continue
		}
		if found%every == 0 && len(x) < fitRows*m.D {
			x = append(x, it.Vec...)
		}
		found++
	}
	return fitOf(st.Active, m, found, x), nil
}
