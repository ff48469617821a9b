package main

import (
	"context"
	"fmt"
	"iter"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/npy"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/query/syntax"
)

// answer runs a query on one snapshot of d. What it has to say beside the rows
// becomes a note. The error comes last, once.
func answer(ctx context.Context, a *app, d *db.DB, text string, params query.Params) iter.Seq2[query.Row, error] {
	note := query.OnNote(func(text string) { a.note("%s", text) })
	return d.Query(ctx, text, params, note, query.WithLoader(loadOperand))
}

// loadOperand makes the vector of an operand outside the database.
func loadOperand(_ context.Context, kind syntax.OperandKind, name string) ([]float32, error) {
	if kind != syntax.OperandVector {
		return nil, fmt.Errorf(`%s: this saectl has no encoder for pictures: encode it elsewhere and ask with near vector "FILE.npy"`, name)
	}
	m, err := npy.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if m.Rows != 1 {
		return nil, fmt.Errorf("%s: it has %d rows, want one vector: shape (d,) or (1, d)", name, m.Rows)
	}
	return m.Data, nil
}

// printAnswer runs a query on the database of a and prints the rows.
func printAnswer(ctx context.Context, a *app, text string, params query.Params) error {
	return a.withDB(ctx, db.Options{ReadOnly: true}, func(d *db.DB) error {
		p := rowPrinter{a: a}
		for row, err := range answer(ctx, a, d, text, params) {
			if err != nil {
				return err
			}
			if err := p.print(row); err != nil {
				return err
			}
		}
		return p.close()
	})
}
