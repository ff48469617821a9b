package db

import (
	"context"

	"github.com/saedb/saedb/query"
)

// SourceOf shows tests what queries see.
func SourceOf(ctx context.Context, s *Snapshot) (query.Source, error) { return s.source(ctx) }

// Weigh is the part of Upgrade that is about postings.
func (d *DB) Weigh(ctx context.Context) error { return d.weigh(ctx) }

// WeighOnce is one small commit of it; done says that no posting block is left.
func (d *DB) WeighOnce(ctx context.Context) (done bool, err error) {
	err = d.update(ctx, func(w *writer) error {
		more, err := w.weighPostings(200)
		done = !more
		return err
	})
	return done, err
}
