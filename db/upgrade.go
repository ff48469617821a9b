package db

import (
	"context"
	"errors"
	"fmt"

	"github.com/saedb/saedb/internal/kv"
)

// upgradeChunk is the number of rows that one commit of Upgrade rewrites.
const upgradeChunk = 10000

// Upgrade brings the database in dir to the newest format, and returns the formats its rows had and have. A database of an older
// format works without it, and its rows take the newest form as they are written; what Upgrade adds is that all rows have it, their
// vectors in blocks, and that ranges of rows have sums by which Check finds what went missing. Interrupted, it goes on where it stopped when it is
// called again. A database of a newer program is refused with ErrFormat.
func Upgrade(ctx context.Context, dir string) (from, to int, err error) {
	d, err := Open(ctx, dir, nil)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	from = int(d.now.heading.Load().format)
	if !d.now.heading.Load().ranges {
		from = 1 // or still in part
	}
	for next := uint32(0); err == nil && next != done; {
		err = d.update(ctx, func(w *writer) (err error) {
			next, err = w.renew(next)
			return err
		})
	}
	if err == nil {
		err = d.update(ctx, func(w *writer) error { return w.sumUp(ctx) })
	}
	if err == nil {
		err = d.seal(ctx)
	}
	if err != nil {
		return from, from, fmt.Errorf("upgrade %s: %w", dir, err)
	}
	return from, kv.Format, nil
}

// done is no ordinal that could come next.
const done = 1<<32 - 1

// renew rewrites the next upgradeChunk rows, from an ordinal on, that have an old form, and returns the ordinal after
// them.
func (w *writer) renew(from uint32) (next uint32, err error) {
	span, n := kv.SpanItems().From(from), 0
	for p, err := range w.r.Range(span.Lower, span.Upper) {
		if err != nil {
			return 0, err
		}
		ord, err := kv.Last(p.Key)
		if err != nil {
			return 0, err
		}
		rec, err := kv.DecodeItem(p.Value)
		if err != nil {
			return 0, fmt.Errorf("ordinal %d: %w", ord, err)
		}
		if !rec.Old {
			continue
		}
		if n++; n > upgradeChunk {
			return ord, nil
		}
		if err := completeItem(w.r, ord, &rec); err != nil {
			return 0, fmt.Errorf("item %q: %w", rec.ID, err)
		}
		w.setItem(ord, rec, rec)
	}
	return done, nil
}

// sumUp stores the sums of all ranges if they are not kept yet.
func (w *writer) sumUp(ctx context.Context) error {
	if w.ranges {
		return nil
	}
	sums, err := sumRanges(int(w.state.Dim), (&checker{s: &Snapshot{d: w.d, r: w.r, state: w.state}, ctx: ctx}).scan)
	if err != nil {
		return err
	}
	w.b.DeleteRange(kv.SpanRanges().Lower, kv.SpanRanges().Upper)
	for block, sum := range sums {
		w.b.Set(kv.KeyRange(block), kv.AppendRangeSum(nil, sum))
	}
	w.b.Set(kv.KeyRanges(), nil)
	w.ranges = true
	return nil
}
