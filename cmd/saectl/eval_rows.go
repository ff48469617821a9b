package main

import (
	"context"
	"errors"
	"slices"

	"github.com/saedb/saedb/cmd/saectl/internal/runs"
	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/sae"
)

// knownRows says what an autoencoder has seen of the rows there are; each list ascends and none shares a row with another.
type knownRows struct {
	trained, held []int
	added         []int // rows that its training knew nothing of
	known         bool  // the folder of the run says so; else all rows are in trained
}

// rowsKnown reads the folder of the run that made the autoencoder called name. Rows that have gone since are left out.
func rowsKnown(dir, name string, rows *rowSet) knownRows {
	var k knownRows
	trained, held, ok := runRows(dir, name)
	if !ok {
		for row := range rows.Len() {
			k.trained = append(k.trained, row)
		}
		return k
	}
	k.known = true
	k.trained, k.held = present(rows, trained), present(rows, held)
	seen := make([]bool, rows.Len())
	for _, row := range slices.Concat(k.trained, k.held) {
		seen[row] = true
	}
	for row, s := range seen {
		if !s {
			k.added = append(k.added, row)
		}
	}
	return k
}

// runRows returns the ids that the run called name was trained on, and those kept back; ok is false where there was none.
func runRows(dir, name string) (trained, held []string, ok bool) {
	run, err := runs.In(dir).Run(name)
	if err != nil {
		return nil, nil, false
	}
	trained, held, err = run.Rows()
	return trained, held, err == nil
}

// present returns the rows of those ids that the database still has, ascending.
func present(r *rowSet, ids []string) []int {
	var rows []int
	for _, id := range ids {
		if row, ok := r.ids.find(id); ok {
			rows = append(rows, row)
		}
	}
	slices.Sort(rows)
	return rows
}

// holdOut makes the rows that --holdout asks for those held out: a file of ids, a query, or, where it is not known what the
// autoencoder was trained on, the share that training keeps back with its seed. Rows trained on cannot be held out.
func (k knownRows) holdOut(ctx context.Context, a *app, d *db.DB, m *sae.Model, rows *rowSet, holdout string) (knownRows, error) {
	s, err := splitRows(ctx, d, rows.ids, "", holdout, m.Info.Seed)
	if err != nil {
		return k, err
	}
	if !k.known {
		a.note("what the autoencoder was trained on is not known here: all rows that --holdout leaves count as such")
		return knownRows{trained: s.trained, held: s.held}, nil
	}
	held := without(s.held, k.trained)
	if len(held) == 0 {
		return k, hint(errors.New("--holdout: the autoencoder was trained on all of these rows"), "without --holdout the rows that training kept back are measured")
	}
	if n := len(s.held) - len(held); n > 0 {
		a.note("%s of the rows of --holdout were trained on, and are left out of it", thousands(n))
	}
	k.held, k.added = held, without(k.added, held)
	return k, nil
}
