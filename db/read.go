package db

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"

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
	p, known := d.places.get(turn, id)
	err = d.store.Now(func(v kv.Viewer) (err error) {
		if !known || ctx.Err() != nil {
			if p, err = find(ctx, v, id); err != nil {
				return err
			}
		}
		it, err = p.item(v, int(h.state.Dim))
		return err
	})
	ok = d.now.still(turn)
	if ok && err == nil {
		d.places.put(turn, id, p, known, it.Vec)
	}
	return it, err, ok
}

// Get returns the item with this id, or ErrNotFound.
func (s *Snapshot) Get(ctx context.Context, id string) (Item, error) {
	p, err := find(ctx, s.r, id)
	if err != nil {
		return Item{}, err
	}
	return p.item(s.r, s.Dim())
}

// find returns where an item is, or ErrNotFound.
func find(ctx context.Context, r viewer, id string) (p place, err error) {
	err = ctx.Err()
	var ok bool
	if err == nil {
		p.ord, ok, err = ordOf(r, id)
	}
	if err == nil && !ok {
		err = ErrNotFound
	}
	if err == nil {
		p.rec, err = itemAt(r, p.ord)
	}
	if err != nil {
		return place{}, fmt.Errorf("get %q: %w", id, err)
	}
	return p, nil
}

// item reads what is not in the record.
func (p place) item(r viewer, dim int) (it Item, err error) {
	row, err := p.row(r, dim)
	if err == nil {
		it, err = item(row)
	}
	if err != nil {
		return Item{}, fmt.Errorf("get %q: %w", p.rec.ID, err)
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

// loose returns what lies under the key of the row's vector, nil if its vector is in a block.
func (s stored) loose() []byte {
	if s.rec.Block {
		return nil
	}
	return kv.AppendVector(nil, s.vec)
}

// viewer is what reads single keys: a snapshot, or a kv.Viewer of the store as it is now.
type viewer interface {
	View(key []byte, f func(value []byte) error) (ok bool, err error)
}

// wary is a viewer that does not read again, at once, what could not be read: on a damaged block of a table the engine tries all bits for
// the one that was flipped, and the next items may lie in the same.
type wary struct {
	viewer
	key []byte
	err error // of the last read that failed
}

func (w *wary) View(key []byte, f func(value []byte) error) (ok bool, err error) {
	if w.err != nil && bytes.Equal(key, w.key) {
		return false, w.err
	}
	read := false
	ok, err = w.viewer.View(key, func(v []byte) error {
		read = true
		return f(v)
	})
	if err != nil && !read {
		w.key, w.err = bytes.Clone(key), err
	}
	return ok, err
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

// itemAt is readItem of an ordinal that must be an item's.
func itemAt(r viewer, ord uint32) (kv.Item, error) {
	rec, ok, err := readItem(r, ord)
	if err == nil && !ok {
		err = kv.Corruptf("ordinal %d has no item record", ord)
	}
	return rec, err
}

func readRow(r viewer, ord uint32, dim int) (stored, error) {
	rec, err := itemAt(r, ord)
	if err != nil {
		return stored{ord: ord}, err
	}
	return place{ord: ord, rec: rec}.row(r, dim)
}

// row reads the vector, and the thumbnail if there is one.
func (p place) row(r viewer, dim int) (s stored, err error) {
	s.ord, s.rec = p.ord, p.rec
	if p.vec != nil {
		s.vec = slices.Clone(p.vec)
	} else if s.vec, err = readVector(r, p.ord, p.rec.Block, dim); err != nil {
		return s, err
	}
	if !p.rec.Thumb {
		return s, nil
	}
	var ok bool
	if s.thumb, ok, err = valueOf(r, kv.KeyThumb(p.ord)); err == nil && !ok {
		err = kv.Corruptf("ordinal %d has no thumbnail, its record says it has", p.ord)
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
	all, err := s.followVectors(0)
	if err != nil {
		return err
	}
	defer all.close()
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
		r, err := s.assemble(ord, p.Value, all, thumbs)
		if err != nil {
			return fmt.Errorf("ordinal %d: %w", ord, err)
		}
		if !f(r) {
			return nil
		}
	}
	return nil
}

func (s *Snapshot) assemble(ord uint32, rec []byte, all *vectors, thumbs *follower) (r stored, err error) {
	r.ord = ord
	if r.rec, err = kv.DecodeItem(rec); err != nil {
		return r, err
	}
	if r.rec.Meta = bytes.Clone(r.rec.Meta); r.rec.Old {
		if err := completeItem(s.r, ord, &r.rec); err != nil {
			return r, err
		}
	}
	v, err := all.at(ord, r.rec.Block)
	if err != nil {
		return r, err
	}
	if r.vec, err = kv.DecodeVector(nil, v, s.Dim()); err != nil {
		return r, err
	}
	if !r.rec.Thumb {
		return r, nil
	}
	thumb, ok, err := thumbs.at(ord)
	if err == nil && !ok {
		err = kv.Corruptf("no thumbnail")
	}
	r.thumb = bytes.Clone(thumb)
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

// next returns the ordinal where the cursor stands; ok is false at the end.
func (f *follower) next() (ord uint32, ok bool, err error) {
	if !f.here {
		return 0, false, f.it.Err()
	}
	ord, err = kv.Last(f.it.Pair().Key)
	return ord, err == nil, err
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
		err := s.eachVector(ctx, 0, func(ord uint32, v []byte) (_ bool, err error) {
			if buf, err = kv.DecodeVector(buf[:0], v, s.Dim()); err != nil {
				return false, fmt.Errorf("ordinal %d: %w", ord, err)
			}
			return yield(buf, nil), nil
		})
		if err != nil {
			yield(nil, err)
		}
	}
}
