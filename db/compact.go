package db

import (
	"context"
	"fmt"

	"github.com/saedb/saedb/internal/kv"
)

// Compact rewrites what was replaced and deleted, so that its room is free, and returns the bytes of the tables before and after. Readers
// and writers go on meanwhile. Snapshots that are open keep what they see.
func (d *DB) Compact(ctx context.Context) (before, after uint64, err error) {
	if d.opts.ReadOnly {
		return 0, 0, ErrReadOnly
	}
	before, after, err = d.store.Compact(ctx)
	if err != nil {
		return before, after, fmt.Errorf("compact: %w", err)
	}
	return before, after, nil
}

// Upgrade brings the database in dir to the newest format, and returns the formats it had and has. There is one format so far, so
// it changes nothing; a database of a newer program is refused with ErrFormat.
func Upgrade(ctx context.Context, dir string) (from, to int, err error) {
	d, err := Open(ctx, dir, nil)
	if err != nil {
		return 0, 0, err
	}
	return kv.Format, kv.Format, d.Close()
}
