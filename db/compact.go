package db

import (
	"context"
	"fmt"
)

// Compact brings the vectors of rows that were put alone into blocks, which are read faster, and rewrites what was replaced and deleted, so
// that its room is free. It returns the bytes of the tables before and after. Readers and writers go on meanwhile. Snapshots that are open
// keep what they see. Interrupted, it has done a part, and the next call does the rest.
func (d *DB) Compact(ctx context.Context) (before, after uint64, err error) {
	if d.opts.ReadOnly {
		return 0, 0, ErrReadOnly
	}
	if before, err = d.store.TableSize(); err == nil {
		err = d.seal(ctx)
	}
	if err == nil {
		after, err = d.store.Compact(ctx)
	}
	if err != nil {
		return before, after, fmt.Errorf("compact: %w", err)
	}
	return before, after, nil
}
