package db

import (
	"context"
	"errors"
	"fmt"
)

// Compact rewrites what was replaced and deleted, so that its room is free and no bound is wider than need be, and returns the bytes of the tables before and after. Readers
// and writers go on meanwhile. Snapshots that are open keep what they see.
func (d *DB) Compact(ctx context.Context) (before, after uint64, err error) {
	if d.opts.ReadOnly {
		return 0, 0, ErrReadOnly
	}
	untidy := d.tidy(ctx) // what cannot be read does not keep the rest from being compacted
	before, after, err = d.store.Compact(ctx)
	if err = errors.Join(untidy, err); err != nil {
		return before, after, fmt.Errorf("compact: %w", err)
	}
	return before, after, nil
}
