package db

import (
	"context"
	"errors"
	"fmt"
)

// Compact brings the vectors of rows that were put alone into blocks, which are read faster, and rewrites what was replaced and deleted, so
// that its room is free and no bound is wider than need be. It returns the bytes of the tables before and after. Readers and writers go on
// meanwhile. Snapshots that are open keep what they see. Interrupted, it has done a part, and the next call does the rest.
func (d *DB) Compact(ctx context.Context) (before, after uint64, err error) {
	if d.opts.ReadOnly {
		return 0, 0, ErrReadOnly
	}
	if before, err = d.store.TableSize(); err != nil {
		return 0, 0, fmt.Errorf("compact: %w", err)
	}
	untidy := errors.Join(d.seal(ctx), d.tidy(ctx)) // what cannot be read does not keep the rest from being compacted
	after, err = d.store.Compact(ctx)
	if err = errors.Join(untidy, err); err != nil {
		return before, after, fmt.Errorf("compact: %w", err)
	}
	return before, after, nil
}
