package db

import (
	"context"
	"iter"
)

// Check reads everything and yields every fault it finds; silence is health.
func (d *DB) Check(ctx context.Context) iter.Seq[error] {
	return func(yield func(error) bool) {
		for _, err := range d.All(ctx) {
			if err != nil && !yield(err) {
				return
			}
		}
	}
}
