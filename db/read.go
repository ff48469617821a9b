package db

import (
	"bytes"
	"context"
	"fmt"
	"iter"

	"github.com/saedb/saedb/internal/kv"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/query/syntax"
)

// Reader is what can be read of a database: *DB reads each time what is newest, *Snapshot what was there at one commit.
type Reader interface {
	Get(ctx context.Context, id string) (Item, error)
	All(ctx context.Context) iter.Seq2[Item, error]
	Vectors(ctx context.Context) iter.Seq2[[]float32, error]
	Query(ctx context.Context, text string, params query.Params, opts ...query.Option) iter.Seq2[query.Row, error]
	QueryTree(ctx context.Context, q *syntax.Query, params query.Params, opts ...query.Option) iter.Seq2[query.Row, error]
	Explain(ctx context.Context, text string, params query.Params, opts ...query.Option) (*query.Plan, error)
}

var _, _ Reader = (*DB)(nil), (*Snapshot)(nil)

// Snapshot reads the database as it was at one commit. Close it: it keeps replaced data on disk.
// Its methods may be called by many goroutines at once.
type Snapshot struct {
	d      *DB
	r      *kv.Snapshot
	state  kv.State
	data   *memo // what was derived from items and codes
	naming *memo // what was derived from models, names and vocabulary
}

// Snapshot returns the database as it is now.
func (d *DB) Snapshot() (*Snapshot, error) {
	r, err := d.store.Snapshot()
	if err != nil {
		return nil, err
	}
	state, err := readState(r)
	if err != nil {
		r.Close()
		return nil, err
	}
	s := &Snapshot{d: d, r: r, state: state}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.data, s.data = d.data.at(state.Seq)
	d.naming, s.naming = d.naming.at(state.Rev)
	return s, nil
}

// Close frees the snapshot. Later calls do nothing.
func (s *Snapshot) Close() { s.r.Close() }

// view runs f on a snapshot of the moment.
func (d *DB) view(f func(*Snapshot) error) error {
	s, err := d.Snapshot()
	if err != nil {
		return err
	}
	defer s.Close()
	return f(s)
}

// viewSeq is view for iterators: the snapshot lives as long as the loop.
func viewSeq[T any](d *DB, f func(*Snapshot) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		s, err := d.Snapshot()
		if err != nil {
			var zero T
			yield(zero, err)
			return
		}
		defer s.Close()
		f(s)(yield)
	}
}

// Len returns the number of items.
func (s *Snapshot) Len() int { return int(s.state.Live) }

// Dim returns the number of dimensions, 0 before the first item.
func (s *Snapshot) Dim() int { return int(s.state.Dim) }

// Get returns the item with this id, or ErrNotFound.
func (d *DB) Get(ctx context.Context, id string) (it Item, err error) {
	if it, err, ok := d.getNow(ctx, id); ok {
		return it, err
	}
	err = d.view(func(s *Snapshot) error {
		it, err = s.Get(ctx, id)
		return err
	})
	return it, err
}

// getNow is Get without a snapshot, whose making would take longer than the reading. ok is false if a commit fell into it.
func (d *DB) getNow(ctx context.Context, id string) (it Item, err error, ok bool) {
	h, turn, ok := d.now.begin()
	if !ok {
		return it, nil, false
	}
	err = d.store.Now(func(v kv.Viewer) error {
		it, err = get(ctx, v, id, int(h.state.Dim))
		return err
	})
	return it, err, d.now.still(turn)
}

// Get returns the item with this id, or ErrNotFound.
func (s *Snapshot) Get(ctx context.Context, id string) (Item, error) {
	return get(ctx, s.r, id, s.Dim())
}

func get(ctx context.Context, r viewer, id string, dim int) (Item, error) {
	if err := ctx.Err(); err != nil {
		return Item{}, err
	}
	ord, ok, err := ordOf(r, id)
	if err == nil && !ok {
		err = ErrNotFound
	}
	if err != nil {
		return Item{}, fmt.Errorf("get %q: %w", id, err)
	}
	row, err := readRow(r, ord, dim)
	if err != nil {
		return Item{}, fmt.Errorf("get %q: %w", id, err)
	}
	it, err := item(row)
	if err != nil {
		return Item{}, fmt.Errorf("get %q: %w", id, err)
	}
	return it, nil
}

func (s *Snapshot) ord(id string) (ord uint32, ok bool, err error) { return ordOf(s.r, id) }

func ordOf(r viewer, id string) (ord uint32, ok bool, err error) {
	ok, err = r.View(kv.KeyID(id), func(v []byte) error {
		ord, err = kv.DecodeOrd(v)
		return err
	})
	return ord, ok && err == nil, err
}

// stored is an item as it lies in the store.
type stored struct {
	ord   uint32
	rec   kv.Item // whole, also of a row of format 1
	vec   []float32
	thumb []byte
}

// viewer is what reads single keys: a snapshot, or a kv.Viewer of the store as it is now.
type viewer interface {
	View(key []byte, f func(value []byte) error) (ok bool, err error)
}

// valueOf returns a copy of the value under key, and whether there is one.
func valueOf(r viewer, key []byte) (value []byte, ok bool, err error) {
	ok, err = r.View(key, func(v []byte) error {
		value = bytes.Clone(v)
		return nil
	})
	return value, ok, err
}

// readItem reads the item record of an ordinal, whole: of a row of format 1 it gathers the parts.
func readItem(r viewer, ord uint32) (rec kv.Item, ok bool, err error) {
	ok, err = r.View(kv.KeyItem(ord), func(v []byte) error {
		rec, err = kv.DecodeItem(v)
		rec.Meta = bytes.Clone(rec.Meta)
		return err
	})
	if err == nil && rec.Old {
		err = completeItem(r, ord, &rec)
	}
	return rec, ok && err == nil, err
}

// completeItem adds to a record of format 1 what was not in it.
func completeItem(r viewer, ord uint32, rec *kv.Item) (err error) {
	if rec.Meta, _, err = valueOf(r, kv.KeyMeta(ord)); err != nil {
		return err
	}
	_, rec.Thumb, err = valueOf(r, kv.KeyThumb(ord))
	return err
}

func readRow(r viewer, ord uint32, dim int) (s stored, err error) {
	s.ord = ord
	var ok bool
	if s.rec, ok, err = readItem(r, ord); err != nil {
		return s, err
	}
	if !ok {
		return s, kv.Corruptf("ordinal %d has no item record", ord)
	}
	ok, err = r.View(kv.KeyVector(ord), func(v []byte) (err error) {
		s.vec, err = kv.DecodeVector(nil, v, dim)
		return err
	})
	if err == nil && !ok {
		err = kv.Corruptf("ordinal %d has no vector", ord)
	}
	if err != nil {
		return s, err
	}
	if s.rec.Thumb {
		if s.thumb, ok, err = valueOf(r, kv.KeyThumb(ord)); err == nil && !ok {
			err = kv.Corruptf("ordinal %d has no thumbnail, its record says it has", ord)
		}
	}
	return s, err
}

// All yields the items in the order in which their ids were first put. The error comes last, once.
// Writes do not disturb a running loop and are not seen by it.
func (d *DB) All(ctx context.Context) iter.Seq2[Item, error] {
	return viewSeq(d, func(s *Snapshot) iter.Seq2[Item, error] { return s.All(ctx) })
}

// All yields the items in the order in which their ids were first put. The error comes last, once.
func (s *Snapshot) All(ctx context.Context) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for it, err := range s.rows(ctx) {
			if err != nil {
				yield(Item{}, err)
				return
			}
			got, err := item(it)
			if err != nil {
				yield(Item{}, fmt.Errorf("item %q: %w", it.rec.ID, err))
				return
			}
			if !yield(got, nil) {
				return
			}
		}
	}
}

// rows walks items, vectors, metadata and thumbnails side by side.
func (s *Snapshot) rows(ctx context.Context) iter.Seq2[stored, error] {
	return func(yield func(stored, error) bool) {
		if err := s.walk(ctx, func(r stored) bool { return yield(r, nil) }); err != nil {
			yield(stored{}, err)
		}
	}
}

func (s *Snapshot) walk(ctx context.Context, f func(stored) bool) error {
	vectors, err := s.follow(kv.SpanVectors())
	if err != nil {
		return err
	}
	defer vectors.it.Close()
	thumbs, err := s.follow(kv.SpanThumbs())
	if err != nil {
		return err
	}
	defer thumbs.it.Close()
	n := 0
	for p, err := range s.r.Range(kv.SpanItems().Lower, kv.SpanItems().Upper) {
		if err == nil && n%256 == 0 {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		n++
		ord, err := kv.Last(p.Key)
		if err != nil {
			return err
		}
		r, err := s.assemble(ord, p.Value, vectors, thumbs)
		if err != nil {
			return fmt.Errorf("ordinal %d: %w", ord, err)
		}
		if !f(r) {
			return nil
		}
	}
	return nil
}

func (s *Snapshot) assemble(ord uint32, rec []byte, vectors, thumbs *follower) (r stored, err error) {
	r.ord = ord
	if r.rec, err = kv.DecodeItem(rec); err != nil {
		return r, err
	}
	if r.rec.Meta = bytes.Clone(r.rec.Meta); r.rec.Old {
		if err := completeItem(s.r, ord, &r.rec); err != nil {
			return r, err
		}
	}
	v, ok, err := vectors.at(ord)
	if err != nil {
		return r, err
	}
	if !ok {
		return r, kv.Corruptf("no vector")
	}
	if r.vec, err = kv.DecodeVector(nil, v, s.Dim()); err != nil {
		return r, err
	}
	if !r.rec.Thumb {
		return r, nil
	}
	if v, ok, err = thumbs.at(ord); err == nil && !ok {
		err = kv.Corruptf("no thumbnail")
	}
	r.thumb = bytes.Clone(v)
	return r, err
}

// follower is a cursor over a span of ordinals that is asked for ascending ones.
type follower struct {
	it   *kv.Iter
	here bool
}

func (s *Snapshot) follow(span kv.Span) (*follower, error) {
	it, err := s.r.Iter(span.Lower, span.Upper)
	if err != nil {
		return nil, err
	}
	return &follower{it: it, here: it.First()}, nil
}

// at returns the value under ord, valid until the next call.
func (f *follower) at(ord uint32) ([]byte, bool, error) {
	for f.here {
		p := f.it.Pair()
		k, err := kv.Last(p.Key)
		if err != nil {
			return nil, false, err
		}
		if k == ord {
			return p.Value, true, nil
		}
		if k > ord {
			return nil, false, nil
		}
		f.here = f.it.Next()
	}
	return nil, false, f.it.Err()
}

// Vectors yields the unit vectors in the order of All. Each slice is valid until the next step.
func (d *DB) Vectors(ctx context.Context) iter.Seq2[[]float32, error] {
	return viewSeq(d, func(s *Snapshot) iter.Seq2[[]float32, error] { return s.Vectors(ctx) })
}

// Vectors yields the unit vectors in the order of All. Each slice is valid until the next step.
func (s *Snapshot) Vectors(ctx context.Context) iter.Seq2[[]float32, error] {
	return func(yield func([]float32, error) bool) {
		buf := make([]float32, 0, s.Dim())
		n := 0
		for p, err := range s.r.Range(kv.SpanVectors().Lower, kv.SpanVectors().Upper) {
			if err == nil && n%256 == 0 {
				err = ctx.Err()
			}
			if err == nil {
				buf, err = kv.DecodeVector(buf[:0], p.Value, s.Dim())
			}
			if err != nil {
				yield(nil, err)
				return
			}
			n++
			if !yield(buf, nil) {
				return
			}
		}
	}
}
