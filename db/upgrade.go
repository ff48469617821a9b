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
// vectors in blocks, that ranges of rows have sums by which Check finds what went missing, and that latents have statistics. Interrupted, it goes on where it stopped when it is
// called again. A database of a newer program is refused with ErrFormat.
func Upgrade(ctx context.Context, dir string) (from, to int, err error) {
	d, err := Open(ctx, dir, nil)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	switch h := d.now.heading.Load(); { // or still in part
	case !h.ranges:
		from = 1
	case !h.weighed:
		from = 2
	default:
		from = int(h.format)
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
	if err == nil {
		err = d.weigh(ctx)
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

// Bounds of one commit of weigh.
const (
	weighBytes = 4 << 20 // of posting blocks
	weighStats = 1 << 16 // latents
)

// weigh rewrites the posting blocks of formats 1 and 2 and then gives the latents statistics. Until it has come to its end the statistics are not read
// and not kept, so that it begins with them anew if it is interrupted.
func (d *DB) weigh(ctx context.Context) error {
	if d.now.heading.Load().weighed {
		return nil
	}
	for more := true; more; {
		err := d.update(ctx, func(w *writer) (err error) {
			more, err = w.weighPostings(weighBytes)
			return err
		})
		if err != nil {
			return err
		}
	}
	err := d.view(func(s *Snapshot) error {
		all, err := modelRecords(s.r)
		if err != nil {
			return err
		}
		for _, rec := range all {
			stats, err := s.countCodes(ctx, rec)
			if err != nil {
				return fmt.Errorf("autoencoder %q: %w", rec.Name, err)
			}
			if err := d.setStats(ctx, rec.number, stats); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return d.update(ctx, func(w *writer) error {
		w.b.Set(kv.KeyWeighed(), nil)
		w.weighed = true
		return nil
	})
}

// weighPostings rewrites posting blocks of formats 1 and 2, at least one and then more up to a number of bytes, and reports whether any are left.
func (w *writer) weighPostings(most int) (more bool, err error) {
	span, n := kv.SpanAllPostings(), 0
	for p, err := range w.r.Range(span.Lower, span.Upper) {
		if err != nil {
			return false, err
		}
		model, latent, block, err := kv.BlockOf(p.Key)
		if err != nil {
			return false, err
		}
		_, value, err := weighed(p)
		if err != nil {
			return false, err
		}
		if n > 0 && n+len(p.Value) > most {
			return true, nil
		}
		n += len(p.Key) + len(p.Value)
		if len(value) > 0 {
			w.b.Merge(kv.KeyWeights(model, latent, block), value)
		}
		w.b.Delete(p.Key)
	}
	return false, nil
}

// setStats replaces the statistics of all latents of a model.
func (d *DB) setStats(ctx context.Context, model uint32, stats []kv.Stats) error {
	for first := 0; first < len(stats); first += weighStats {
		err := d.update(ctx, func(w *writer) error {
			if first == 0 {
				w.b.DeleteRange(kv.SpanStats(model).Lower, kv.SpanStats(model).Upper)
			}
			for i, st := range stats[first:min(len(stats), first+weighStats)] {
				if st.Count > 0 {
					w.b.Set(kv.KeyStats(model, uint32(first+i)), kv.AppendStats(nil, st))
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
