package main

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/db/remote"
	"github.com/saedb/saedb/internal/npy"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/query/syntax"
)

// answer runs a query on one snapshot of d. What it has to say beside the rows
// becomes a note. The error comes last, once.
func answer(ctx context.Context, a *app, d *db.DB, load loader, text string, params query.Params) iter.Seq2[query.Row, error] {
	note := query.OnNote(func(text string) { a.note("%s", text) })
	return d.Query(ctx, text, params, note, query.WithLoader(load))
}

// loader makes the vector of an operand outside the database.
type loader = func(ctx context.Context, kind syntax.OperandKind, name string) ([]float32, error)

// readVector is the loader of vector files.
func readVector(name string) ([]float32, error) {
	m, err := npy.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if m.Rows != 1 {
		return nil, fmt.Errorf("%s: it has %d rows, want one vector: shape (d,) or (1, d)", name, m.Rows)
	}
	return m.Data, nil
}

// printAnswer runs a query on the database of a, in a folder or behind a server, and prints the rows.
func printAnswer(ctx context.Context, a *app, f encoderFlags, text string, params query.Params) error {
	if url := a.dbURL(); url != "" {
		if f != (encoderFlags{}) {
			return hint(errors.New("--model and --ort-lib choose an encoder, and a server is asked without one"), "leave them out: %s answers texts that are words of its vocabulary", url)
		}
		return a.withServer(ctx, url, func(c *remote.Client) error {
			note := func(text string) { a.note("%s", text) }
			return printRows(a, c.Query(ctx, text, params, note))
		})
	}
	asker := &asker{a: a, flags: f}
	defer asker.close()
	return a.withDB(ctx, db.Options{ReadOnly: true, Embed: asker.text}, func(d *db.DB) error {
		asker.d = d
		return printRows(a, answer(ctx, a, d, asker.load, text, params))
	})
}

// printRows prints an answer, or returns its error.
func printRows(a *app, rows iter.Seq2[query.Row, error]) error {
	p := rowPrinter{a: a}
	for row, err := range rows {
		if err != nil {
			return err
		}
		if err := p.print(row); err != nil {
			return err
		}
	}
	return p.close()
}
