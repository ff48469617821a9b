package db

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"math"
	"math/bits"

	"github.com/saedb/saedb/internal/kv"
)

// Check reads everything, trusts nothing, and yields every fault it finds; silence is health. It works out from the
// items and their codes what the id map, the metadata index, the field catalogue, the counts and the postings have to
// be, and compares. It reads one snapshot: writers may go on.
func (d *DB) Check(ctx context.Context) iter.Seq[error] {
	return func(yield func(error) bool) {
		s, err := d.Snapshot()
		if err != nil {
			yield(err)
			return
		}
		defer s.Close()
		s.Check(ctx)(yield)
	}
}

// Check is DB.Check of the snapshot.
func (s *Snapshot) Check(ctx context.Context) iter.Seq[error] {
	return func(yield func(error) bool) {
		c := &checker{s: s, r: &wary{viewer: s.r}, ctx: ctx, yield: yield, seed: maphash.MakeSeed()}
		for _, step := range []func() error{c.keys, c.ranges, c.items, c.parts, c.blocks, c.index, c.models, c.vocabulary, c.clusters, c.derived} {
			if err := step(); err != nil && !c.stopped {
				c.report("%w", err)
			}
			if c.stopped || ctx.Err() != nil {
				return
			}
		}
	}
}

// checker is one run of Check. Its steps return the errors that end a step; the faults go to report.
type checker struct {
	s       *Snapshot
	r       viewer // of s
	ctx     context.Context
	yield   func(error) bool
	seed    maphash.Seed
	stopped bool // yield returned false

	fields  map[string]int64 // the catalogue as the items make it
	entries int              // index entries that the items have
}

// report yields a fault and reports whether to go on.
func (c *checker) report(format string, args ...any) bool {
	if !c.stopped {
		c.stopped = !c.yield(fmt.Errorf(format, args...))
	}
	return !c.stopped
}

// fault is report for data that contradict each other.
func (c *checker) fault(format string, args ...any) bool {
	return c.report("%w", kv.Corruptf(format, args...))
}

// scan calls f for the keys of a span until f returns false; it stops with the context.
func (c *checker) scan(span kv.Span, f func(kv.Pair) bool) error {
	n := 0
	for p, err := range c.s.r.Range(span.Lower, span.Upper) {
		if err == nil && n%1024 == 0 {
			err = c.ctx.Err()
		}
		if err != nil {
			return err
		}
		n++
		if !f(p) {
			return nil
		}
	}
	return nil
}

// keys reads every key and value of the store once, so that every block's checksum is compared, and knows every prefix.
func (c *checker) keys() error {
	return c.scan(kv.Span{}, func(p kv.Pair) bool {
		return len(p.Key) > 0 && kv.KnownPrefix(p.Key[0]) || c.fault("unknown key %.40x", p.Key)
	})
}

// ranges adds up the items, vectors, blocks and thumbnails of each range of ordinals and compares with the stored sums.
func (c *checker) ranges() error {
	if _, kept, err := c.s.r.Get(kv.KeyRanges()); err != nil || !kept {
		return err // a database of format 1 that was not upgraded
	}
	want, err := sumRanges(c.s.Dim(), c.scan)
	if err != nil {
		return err
	}
	err = c.scan(kv.SpanRanges(), func(p kv.Pair) bool {
		block, err := kv.Last(p.Key)
		if err != nil {
			return c.report("%w", err)
		}
		sum, err := kv.DecodeRangeSum(p.Value)
		if err != nil {
			return c.report("range %d: %w", block, err)
		}
		if sum == want[block] {
			delete(want, block)
			return true
		}
		return c.rangeFault(block, sum, want)
	})
	for block := range want {
		if err == nil && !c.rangeFault(block, kv.RangeSum{}, want) {
			break
		}
	}
	return err
}

func (c *checker) rangeFault(block uint32, sum kv.RangeSum, want map[uint32]kv.RangeSum) bool {
	have := want[block]
	delete(want, block)
	first := uint64(block) * kv.BlockRows
	if sum.Keys != have.Keys {
		return c.fault("ordinals %d to %d: %d items, vectors, blocks and thumbnails were stored, %d are there", first, first+kv.BlockRows-1, sum.Keys, have.Keys)
	}
	return c.fault("ordinals %d to %d: an item, vector, block or thumbnail is not what was stored", first, first+kv.BlockRows-1)
}

// items walks the item records: id and ordinal name each other, the ordinal was given out, the index has the entries.
func (c *checker) items() error {
	c.fields = map[string]int64{}
	live := uint32(0)
	err := c.scan(kv.SpanItems(), func(p kv.Pair) bool {
		live++
		ord, err := kv.Last(p.Key)
		if err != nil {
			return c.report("%w", err)
		}
		return c.item(ord)
	})
	if err != nil {
		return err
	}
	if live != c.s.state.Live {
		c.fault("%d items are stored, the count says %d", live, c.s.state.Live)
	}
	ids := uint32(0)
	err = c.scan(kv.SpanIDs(), func(p kv.Pair) bool {
		ids++
		ord, err := kv.DecodeOrd(p.Value)
		if err != nil {
			return c.report("id %q: %w", kv.IDOfKey(p.Key), err)
		}
		id, err := c.s.id(ord)
		if err != nil || id != kv.IDOfKey(p.Key) {
			return c.fault("id %q leads to ordinal %d, which is %q (%v)", kv.IDOfKey(p.Key), ord, id, err)
		}
		return true
	})
	if err == nil && ids != live && !c.stopped {
		c.fault("%d ids for %d items", ids, live)
	}
	return err
}

func (c *checker) item(ord uint32) bool {
	r, err := readRow(c.r, ord, c.s.Dim())
	if err != nil {
		return c.report("ordinal %d: %w", ord, err)
	}
	if ord >= c.s.state.Next && !c.fault("item %q has ordinal %d, the next to give is %d", r.rec.ID, ord, c.s.state.Next) {
		return false
	}
	if back, ok, err := c.s.ord(r.rec.ID); (err != nil || !ok || back != ord) &&
		!c.fault("item %q at ordinal %d: its id leads to %d (there: %v, %v)", r.rec.ID, ord, back, ok, err) {
		return false
	}
	if n, err := norm(r.vec); (err != nil || math.Abs(n-1) > 1e-3) && !c.fault("item %q: its vector has norm %g (%v)", r.rec.ID, n, err) {
		return false
	}
	meta, err := kv.DecodeMeta(r.rec.Meta, nil)
	if err != nil {
		return c.report("item %q: %w", r.rec.ID, err)
	}
	for k := range fieldKeys(meta) {
		c.fields[k]++
	}
	for k := range indexKeys(r.rec.ID, meta, ord) {
		c.entries++
		if _, ok, err := c.s.r.Get([]byte(k)); (err != nil || !ok) && !c.fault("item %q: the metadata index lacks its entry %.60x (%v)", r.rec.ID, k, err) {
			return false
		}
	}
	return true
}

// parts looks for vectors, metadata and thumbnails of no item.
func (c *checker) parts() error {
	for name, span := range map[string]kv.Span{"vector": kv.SpanVectors(), "metadata": kv.SpanMeta(), "thumbnail": kv.SpanThumbs()} {
		if err := c.owned(name, span); err != nil {
			return err
		}
	}
	for _, span := range []kv.Span{kv.SpanVectors(), kv.SpanMeta(), kv.SpanThumbs()} {
		if err := c.declared(span); err != nil {
			return err
		}
	}
	return nil
}

// declared reports vectors, metadata and thumbnails of which their item's record says that there are none, or that they are elsewhere.
func (c *checker) declared(span kv.Span) error {
	return c.scan(span, func(p kv.Pair) bool {
		ord, err := kv.Last(p.Key)
		if err != nil {
			return true // owned has reported it
		}
		rec, ok, err := readItem(c.s.r, ord)
		if err != nil || !ok || rec.Old {
			return true // items and owned report what is wrong
		}
		switch p.Key[0] {
		case kv.KeyVector(0)[0]:
			if !rec.Block {
				return true
			}
			return c.fault("item %q: key %x is there, its record says that its vector is in a block", rec.ID, p.Key)
		case kv.KeyThumb(0)[0]:
			if rec.Thumb {
				return true
			}
		}
		return c.fault("item %q: key %x is there, its record knows nothing of it", rec.ID, p.Key)
	})
}

// blocks reports blocks of vectors that cannot be read, and rows of ordinals that were never given out. Rows of no item, or of one whose
// vector is elsewhere, are dead and no fault.
func (c *checker) blocks() error {
	rows := uint64(kv.VectorRows(c.s.Dim()))
	return c.scan(kv.SpanBlocks(), func(p kv.Pair) bool {
		n, err := kv.Last(p.Key)
		if err != nil {
			return c.report("%w", err)
		}
		first := uint64(n) * rows
		b, err := kv.DecodeBlock(p.Value, c.s.Dim())
		if err != nil {
			return c.report("block %d of vectors, of ordinals %d to %d: %w", n, first, first+rows-1, err)
		}
		last := first + uint64(bits.Len32(b.Mask())) - 1
		return last < uint64(c.s.state.Next) || c.fault("block %d of vectors has ordinal %d, the next to give is %d", n, last, c.s.state.Next)
	})
}

// owned reports keys of the span whose last number is no item's ordinal.
func (c *checker) owned(name string, span kv.Span) error {
	live, err := c.s.live(c.ctx)
	if err != nil {
		return err
	}
	return c.scan(span, func(p kv.Pair) bool {
		ord, err := kv.Last(p.Key)
		if err != nil {
			return c.report("%w", err)
		}
		return live.Contains(ord) || c.fault("%s of ordinal %d, which is no item", name, ord)
	})
}

// index compares the number of index entries, every one of the items' being there, and the field catalogue.
func (c *checker) index() error {
	n := 0
	err := c.scan(kv.SpanIndex(), func(p kv.Pair) bool {
		n++
		if _, err := kv.DecodeIndex(p.Key); err != nil {
			return c.report("%w", err)
		}
		return true
	})
	if err != nil {
		return err
	}
	if n != c.entries {
		c.fault("the metadata index has %d entries, the items make %d", n, c.entries)
		if err := c.strayEntries(); err != nil || c.stopped {
			return err
		}
	}
	err = c.scan(kv.SpanFields(), func(p kv.Pair) bool {
		n, err := kv.DecodeCounter(p.Value)
		want := c.fields[string(p.Key)]
		delete(c.fields, string(p.Key))
		return err == nil && n == want || c.fault("field %q: the catalogue counts %d items, there are %d (%v)", p.Key[1:], n, want, err)
	})
	for k, n := range c.fields {
		if !c.fault("field %q: the catalogue lacks it, %d items have it", k[1:], n) {
			break
		}
	}
	return err
}

// strayEntries names the entries of the metadata index that their items do not make. It reads an item for each entry.
func (c *checker) strayEntries() error {
	return c.scan(kv.SpanIndex(), func(p kv.Pair) bool {
		e, err := kv.DecodeIndex(p.Key)
		if err != nil {
			return true // reported before
		}
		rec, there, err := readItem(c.s.r, e.Ord)
		if err != nil {
			return true // reported before
		}
		meta, err := kv.DecodeMeta(rec.Meta, nil)
		if err != nil || there && indexKeys(rec.ID, meta, e.Ord)[string(p.Key)] {
			return true
		}
		return c.fault("the metadata index has %s = %v for ordinal %d, item %q, which does not have it", e.Field, e.Value, e.Ord, rec.ID)
	})
}

// models checks the models' files and names, their codes against the items, and their postings against the codes.
func (c *checker) models() error {
	all, err := modelRecords(c.s.r)
	if err != nil {
		return err
	}
	found := c.s.state.Active == 0
	for _, rec := range all {
		found = found || rec.number == c.s.state.Active
		if rec.number >= c.s.state.NextModel {
			c.fault("autoencoder %q has number %d, the next to give is %d", rec.Name, rec.number, c.s.state.NextModel)
		}
		for _, step := range []func(modelRecord) error{c.file, c.named, c.codes} {
			if err := step(rec); err != nil && !c.report("autoencoder %q: %w", rec.Name, err) || c.stopped {
				return nil
			}
		}
	}
	if !found {
		c.fault("the active autoencoder, number %d, is missing", c.s.state.Active)
	}
	return nil
}

func (c *checker) file(rec modelRecord) error {
	m, err := loadModel(c.ctx, newMemo(0), c.s.r, rec)
	if err != nil {
		return err
	}
	if digest := m.Digest(); hex.EncodeToString(digest[:]) != rec.Digest || m.D != rec.D || m.M != rec.M || m.K != rec.K {
		return kv.Corruptf("its file holds another model than its record says")
	}
	if m.D != c.s.Dim() {
		return kv.Corruptf("it encodes %d numbers, the vectors have %d", m.D, c.s.Dim())
	}
	return nil
}

func (c *checker) named(rec modelRecord) error {
	_, named, err := c.s.r.Get(kv.SpanNames(rec.number).From(0).Lower)
	if err != nil || !named {
		return err
	}
	n, err := readNames(c.s.r, rec)
	if err != nil {
		return err
	}
	e, err := readEdits(c.s.r, rec)
	if err != nil {
		return err
	}
	_, err = e.Apply(n)
	return err
}

// derived compares the file of rows that is in use, and what is listed as changed since, with the vectors.
func (c *checker) derived() error {
	f := c.s.d.rows.Load()
	if f == nil || f.fits(c.s.r, c.s.state) != nil {
		return nil // it is not used
	}
	delta, err := c.s.since(c.ctx, f)
	if err != nil {
		return err
	}
	err = f.use(func() error {
		for i, ord := range f.ords {
			if err := errors.Join(c.ctx.Err(), f.check(i, i+1)); err != nil {
				return err
			}
			if delta.skip.Contains(ord) {
				continue
			}
			row := f.vector[i*int(f.Dim) : (i+1)*int(f.Dim)]
			same := false
			rec, there, err := readItem(c.r, ord)
			if err == nil && there {
				err = viewVector(c.r, ord, rec.Block, c.s.Dim(), func(v []byte) error {
					same = bytes.Equal(v, kv.AppendVector(nil, row))
					return nil
				})
			}
			if err != nil || !same && !c.fault("derived file: row of ordinal %d is not the vector", ord) {
				return err
			}
		}
		return nil
	})
	if err == nil && len(f.ords)-int(delta.skip.GetCardinality())+delta.added.Len() != c.s.Len() {
		c.fault("derived file: %d rows, %d of them changed, and %d new ones for %d items", len(f.ords), delta.skip.GetCardinality(), delta.added.Len(), c.s.Len())
	}
	if errors.Is(err, errRows) {
		c.s.d.dropRows(f, err)
		c.fault("derived file, which is made anew: %w", err)
		return nil
	}
	if err != nil {
		return err
	}
	return c.derivedOver(f)
}

// derivedOver reads all of the files that lie over a file of rows.
func (c *checker) derivedOver(f *rowsFile) error {
	var rounded, graph error
	err := f.use(func() error {
		if r := f.round.Load(); r != nil {
			rounded = r.check(0, int(f.Rows))
		}
		if g := f.graph.Load(); g != nil {
			graph = g.index.Verify()
		}
		return c.ctx.Err()
	})
	if err != nil {
		return err
	}
	if rounded != nil {
		c.s.d.dropRound(f, rounded)
		c.fault("derived file, which is made anew: %w", rounded)
	}
	if graph != nil {
		c.s.d.dropGraph(f, graph)
		c.fault("derived file, which is made anew: %w", graph)
	}
	return nil
}

func (c *checker) vocabulary() error {
	_, err := (&Snapshot{d: c.s.d, r: c.s.r, state: c.s.state, naming: newMemo(0)}).vocab(c.ctx)
	return err
}

func (c *checker) clusters() error {
	_, err := c.s.Clusters(c.ctx)
	if errors.Is(err, ErrNoClusters) {
		return nil
	}
	return err
}
