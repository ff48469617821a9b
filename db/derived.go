package db

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/cespare/xxhash/v2"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/flat"
	"github.com/saedb/saedb/index/hnsw"
	"github.com/saedb/saedb/internal/kv"
)

// The derived file of rows holds the unit vectors side by side, so that a search reads them where they lie in the file cache
// instead of from the store. It stands for the database at one commit, its stamp; what was put, replaced or deleted since is
// found by the list of touched rows and searched beside it. It may be deleted, damaged or out of date: then it is not used,
// and made anew. FORMAT.md shows its bytes.

const (
	rowsMagic   = "saedbrow"
	rowsVersion = 1
	rowsPrefix  = "rows-" // then the stamp, 16 hexadecimal digits
	rowsHead    = 4096    // bytes of the header, and what sections are aligned to
	rowsBlock   = 128     // rows that share a checksum, which is compared when one of them is first read
)

// derivedMin is the number of rows from which on a search makes the file, and of rows not in it from which on it makes it anew.
const derivedMin = 4096

// errRows is a file of rows that cannot be used. Nothing is lost with it.
var errRows = errors.New("unusable file of derived rows")

// rowsFile is an open file of rows.
type rowsFile struct {
	rowsHeader
	index *flat.Fixed
	sums  []byte        // a checksum for each block of rows
	seen  []atomic.Bool // blocks whose checksum was right

	mu     sync.RWMutex // held for reading by who reads the rows
	side   *kv.Side     // nil once closed; guarded by mu
	vector []float32
	ords   []uint32

	round atomic.Pointer[roundFile] // lies over this file; nil: none
	graph atomic.Pointer[graphFile] // the same
	once  sync.Once
	all   *roaring.Bitmap // the ordinals, once set was called
}

// rowsHeader says what a file of rows stands for.
type rowsHeader struct {
	Dim   uint32
	Stamp uint64 // the commit
	Next  uint32 // rows with smaller ordinals are in the file, if they were there
	Rows  uint32
	Space uint64 // XXH64 of the space identity as it is stored
}

func (h rowsHeader) name() string { return fmt.Sprintf("%s%016x", rowsPrefix, h.Stamp) }

func (h rowsHeader) append(dst []byte) []byte { return h.appendAs(dst, rowsMagic, rowsVersion) }

// appendAs appends the fixed part of the header of this file, or of one that lies over it.
func (h rowsHeader) appendAs(dst []byte, magic string, version uint32) []byte {
	dst = binary.LittleEndian.AppendUint32(append(dst, magic...), version)
	dst = binary.LittleEndian.AppendUint32(dst, h.Dim)
	dst = binary.LittleEndian.AppendUint64(dst, h.Stamp)
	dst = binary.LittleEndian.AppendUint32(dst, h.Next)
	dst = binary.LittleEndian.AppendUint32(dst, h.Rows)
	dst = binary.LittleEndian.AppendUint64(dst, h.Space)
	return binary.LittleEndian.AppendUint64(dst, xxhash.Sum64(dst))
}

// layout returns where the sections of the file begin, and its size.
func (h rowsHeader) layout() (ords, rows, sums, size int64) {
	ords = rowsHead
	rows = (ords + 4*int64(h.Rows) + rowsHead - 1) / rowsHead * rowsHead
	sums = rows + 4*int64(h.Rows)*int64(h.Dim)
	blocks := (int64(h.Rows) + rowsBlock - 1) / rowsBlock
	return ords, rows, sums, sums + 8*blocks + 16
}

func decodeRowsHeader(b []byte) (h rowsHeader, err error) {
	const size = 8 + 4 + 4 + 8 + 4 + 4 + 8
	if len(b) < rowsHead || string(b[:8]) != rowsMagic || xxhash.Sum64(b[:size]) != binary.LittleEndian.Uint64(b[size:]) {
		return h, fmt.Errorf("%w: its header is damaged", errRows)
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != rowsVersion {
		return h, fmt.Errorf("%w: version %d", errRows, v)
	}
	h.Dim = binary.LittleEndian.Uint32(b[12:])
	h.Stamp = binary.LittleEndian.Uint64(b[16:])
	h.Next = binary.LittleEndian.Uint32(b[24:])
	h.Rows = binary.LittleEndian.Uint32(b[28:])
	h.Space = binary.LittleEndian.Uint64(b[32:])
	if _, _, _, want := h.layout(); h.Dim == 0 || h.Dim > MaxDim || int64(len(b)) != want {
		return h, fmt.Errorf("%w: %d bytes for %d rows of %d numbers", errRows, len(b), h.Rows, h.Dim)
	}
	return h, nil
}

// readRows makes the file's bytes searchable. It reads header, ordinals and checksums; rows are read, and compared with their
// checksums, by searches.
func readRows(side *kv.Side, threads int) (*rowsFile, error) {
	h, err := decodeRowsHeader(side.Data)
	if err != nil {
		return nil, err
	}
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		return nil, fmt.Errorf("%w: it is little-endian, this machine is not", errRows)
	}
	f := &rowsFile{rowsHeader: h, side: side, seen: make([]atomic.Bool, (h.Rows+rowsBlock-1)/rowsBlock)}
	at, rows, sums, size := h.layout()
	ords := side.Data[at : at+4*int64(h.Rows)]
	all := side.Data[sums : size-8]
	if xxhash.Sum64(all) != binary.LittleEndian.Uint64(side.Data[size-8:]) || xxhash.Sum64(ords) != binary.LittleEndian.Uint64(all) {
		return nil, fmt.Errorf("%w: its ordinals or checksums are damaged", errRows)
	}
	f.sums = all[8:]
	if h.Rows > 0 {
		f.ords = unsafe.Slice((*uint32)(unsafe.Pointer(&ords[0])), h.Rows)
		f.vector = unsafe.Slice((*float32)(unsafe.Pointer(&side.Data[rows])), int(h.Rows)*int(h.Dim))
	}
	if !slices.IsSorted(f.ords) {
		return nil, fmt.Errorf("%w: its ordinals do not ascend", errRows)
	}
	f.index = flat.NewFixed(int(h.Dim), threads, f.ords, f.vector, f.check)
	return f, nil
}

// check compares the checksums of the blocks that hold the rows from lo to hi, each once.
func (f *rowsFile) check(lo, hi int) error {
	for b := lo / rowsBlock; b*rowsBlock < hi; b++ {
		if f.seen[b].Load() {
			continue
		}
		if xxhash.Sum64(f.block(b)) != binary.LittleEndian.Uint64(f.sums[8*b:]) {
			return fmt.Errorf("%w: block %d is damaged", errRows, b)
		}
		f.seen[b].Store(true)
	}
	return nil
}

// block returns the bytes of a block of rows.
func (f *rowsFile) block(b int) []byte {
	_, rows, sums, _ := f.layout()
	size := int64(rowsBlock) * 4 * int64(f.Dim)
	lo := rows + int64(b)*size
	return f.side.Data[lo:min(lo+size, sums)]
}

// close waits for who reads the rows.
func (f *rowsFile) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.side == nil {
		return nil
	}
	err := f.side.Close()
	f.side = nil
	if r := f.round.Swap(nil); r != nil {
		err = errors.Join(err, r.side.Close())
	}
	if g := f.graph.Swap(nil); g != nil {
		err = errors.Join(err, g.side.Close())
	}
	return err
}

// use runs read while the file stays open; it returns errRows if it is closed already.
func (f *rowsFile) use(read func() error) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.side == nil {
		return fmt.Errorf("%w: it is closed", errRows)
	}
	return read()
}

// openRows opens the newest usable file of rows of the database's state, and what lies over it, and removes all others.
func (d *DB) openRows(r *kv.Snapshot, state kv.State) error {
	names, err := d.store.SideFiles()
	if err != nil || len(names) == 0 {
		return err
	}
	slices.Reverse(names) // the stamps' order, those of rows before the others
	used := map[string]bool{}
	for _, kind := range []string{rowsPrefix, roundPrefix, graphPrefix} {
		for _, name := range names {
			if !strings.HasPrefix(name, kind) {
				continue
			}
			took, err := d.openSide(r, state, kind, name)
			if used[name] = took; err != nil {
				d.opts.Logger.Info("derived file is not used", "file", name, "cause", err)
			}
		}
	}
	for _, name := range names {
		if used[name] || d.opts.ReadOnly {
			continue
		}
		if err := d.store.RemoveSide(name); err != nil {
			d.opts.Logger.Warn("derived file stays", "file", name, "cause", err)
		}
	}
	return nil
}

// openSide takes a derived file of a kind into use, if there is none of that kind and it is usable.
func (d *DB) openSide(r *kv.Snapshot, state kv.State, kind, name string) (took bool, err error) {
	f := d.rows.Load()
	switch {
	case kind == rowsPrefix && f == nil:
		if f, err = d.tryRows(r, state, name); err == nil {
			d.rows.Store(f)
		}
		return err == nil, err
	case kind == roundPrefix && f != nil && name == f.roundName():
		err = d.openRound(f)
		return err == nil, err
	case kind == graphPrefix && f != nil && f.graph.Load() == nil:
		since, err := derivedSince(r)
		if err != nil {
			return false, err
		}
		g, err := d.openGraph(f, name, since)
		if err == nil {
			f.graph.Store(g)
		}
		return err == nil, err
	}
	return false, nil
}

func (d *DB) tryRows(r *kv.Snapshot, state kv.State, name string) (*rowsFile, error) {
	side, err := d.store.OpenSide(name)
	if err != nil {
		return nil, err
	}
	f, err := readRows(side, d.opts.Threads)
	if err == nil && name != f.name() { // one that was being written when the power went: any part of it may be missing
		err = fmt.Errorf("%w: it is not finished", errRows)
	}
	if err == nil {
		err = f.fits(r, state)
	}
	if err != nil {
		return nil, errors.Join(err, side.Close())
	}
	return f, nil
}

// fits returns nil if the file and the list of touched rows together say what the vectors are in r.
func (f *rowsFile) fits(r *kv.Snapshot, state kv.State) error {
	space, _, err := r.Get(kv.KeySpace())
	if err != nil {
		return err
	}
	since, err := derivedSince(r)
	if err != nil {
		return err
	}
	if f.Space != xxhash.Sum64(space) || f.Dim != state.Dim || f.Stamp < since || f.Stamp > state.Seq || f.Next > state.Next {
		return fmt.Errorf("%w: it stands for commit %d, touched rows are listed from %d to %d, or it is of another space", errRows, f.Stamp, since, state.Seq)
	}
	return nil
}

func derivedSince(r *kv.Snapshot) (uint64, error) {
	v, ok, err := r.Get(kv.KeyDerived())
	if err != nil || !ok {
		return 0, err
	}
	return kv.DecodeSeq(v)
}

// Derive makes the derived files, and makes them anew once a sixteenth of the rows has changed, so that the first search after
// the next Open reads a file instead of all rows. A search on a database that is open for writing does the same when thousands of rows
// are missing; nobody has to call it.
func (d *DB) Derive(ctx context.Context) error {
	if d.opts.ReadOnly {
		return ErrReadOnly
	}
	d.deriving.Lock()
	defer d.deriving.Unlock()
	s, err := d.Snapshot()
	if err != nil {
		return err
	}
	defer s.Close()
	if s.Dim() == 0 {
		return nil
	}
	if f := d.rows.Load(); f != nil && f.fits(s.r, s.state) == nil {
		delta, err := s.since(ctx, f)
		if err != nil {
			return err
		}
		if 16*delta.size() < s.Len() {
			d.makeRound(ctx, f)
			return nil
		}
	}
	if err := s.writeRows(ctx); err != nil {
		return fmt.Errorf("derive: %w", err)
	}
	return nil
}

// writeRows writes the file of the snapshot, makes it the one in use and forgets the touched rows that are in it.
func (s *Snapshot) writeRows(ctx context.Context) error {
	space, _, err := s.r.Get(kv.KeySpace())
	if err != nil {
		return err
	}
	live, err := s.live(ctx)
	if err != nil {
		return err
	}
	h := rowsHeader{Dim: s.state.Dim, Stamp: s.state.Seq, Next: s.state.Next, Rows: uint32(live.GetCardinality()), Space: xxhash.Sum64(space)}
	name := h.name()
	if err := s.d.store.WriteSide(name, func(w io.Writer) error { return s.encodeRows(ctx, w, h, live) }); err != nil {
		return err
	}
	f, err := s.d.tryRows(s.r, s.state, name)
	if err != nil {
		return err
	}
	s.d.makeRound(ctx, f)
	s.d.carryGraph(s.d.rows.Load(), f)
	err = s.d.update(ctx, func(w *writer) error { return w.forgetTouched(s.d.stampNeeded(f)) })
	if err != nil {
		return errors.Join(err, f.close())
	}
	switch old := s.d.rows.Swap(f); {
	case old == nil:
	case old.Stamp == f.Stamp:
		return old.close()
	default:
		s.d.removeRows(old)
	}
	return nil
}

// removeRows closes a file of rows that another has replaced, and removes it with the rounded rows over it. The graph serves on.
func (d *DB) removeRows(old *rowsFile) {
	gone := old.name()
	rounded := old.round.Load() != nil
	err := errors.Join(old.close(), d.store.RemoveSide(gone))
	if rounded {
		err = errors.Join(err, d.store.RemoveSide(old.roundName()))
	}
	if err != nil {
		d.opts.Logger.Warn("derived file stays", "file", gone, "cause", err)
	}
}

// encodeRows writes header, ordinals, rows, checksums.
func (s *Snapshot) encodeRows(ctx context.Context, w io.Writer, h rowsHeader, live *roaring.Bitmap) error {
	head := make([]byte, rowsHead)
	copy(head, h.append(nil))
	if _, err := w.Write(head); err != nil {
		return err
	}
	ords := make([]byte, 0, 4*h.Rows)
	for it := live.Iterator(); it.HasNext(); {
		ords = binary.LittleEndian.AppendUint32(ords, it.Next())
	}
	sums := binary.LittleEndian.AppendUint64(nil, xxhash.Sum64(ords))
	at, rows, _, _ := h.layout()
	if _, err := w.Write(append(ords, make([]byte, rows-at-int64(len(ords)))...)); err != nil {
		return err
	}
	block := xxhash.New()
	n := uint32(0)
	it := live.Iterator()
	err := s.eachVector(ctx, 0, func(ord uint32, v []byte) (bool, error) {
		if n == h.Rows || len(v) != 4*int(h.Dim) || ord != it.Next() {
			return false, kv.Corruptf("vector of ordinal %d, %d bytes, is no item's", ord, len(v))
		}
		if _, err := w.Write(v); err != nil {
			return false, err
		}
		_, _ = block.Write(v) // a hash never fails to write
		if n++; n%rowsBlock == 0 || n == h.Rows {
			sums = binary.LittleEndian.AppendUint64(sums, block.Sum64())
			block.Reset()
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	if n != h.Rows {
		return kv.Corruptf("%d vectors for %d items", n, h.Rows)
	}
	_, err = w.Write(binary.LittleEndian.AppendUint64(sums, xxhash.Sum64(sums)))
	return err
}

// forgetTouched ends the list of touched rows that a derived file with the stamp needs no longer.
func (w *writer) forgetTouched(stamp uint64) error {
	span := kv.SpanTouched()
	for p, err := range w.r.Range(span.Lower, span.Upper) {
		if err != nil {
			return err
		}
		seq, err := kv.DecodeSeq(p.Value)
		if err != nil {
			return err
		}
		if seq <= stamp {
			w.b.Delete(p.Key)
		}
	}
	w.b.Set(kv.KeyDerived(), kv.AppendSeq(nil, stamp))
	return nil
}

// rowsDelta is what the vectors of a snapshot are beside those of a file of rows.
type rowsDelta struct {
	skip  *roaring.Bitmap // rows of the file that are no more, or have another vector now
	added *flat.Index     // rows that are not in the file, and the other vectors
}

// size is the number of changed rows.
func (d *rowsDelta) size() int { return max(int(d.skip.GetCardinality()), d.added.Len()) }

type deltaKey struct{ stamp uint64 }

// since returns what changed after the file was made. It is shared.
func (s *Snapshot) since(ctx context.Context, f *rowsFile) (*rowsDelta, error) {
	return derive(ctx, s.data, deltaKey{f.Stamp}, func() (*rowsDelta, error) {
		d := &rowsDelta{skip: roaring.New(), added: flat.New(s.Dim(), s.d.opts.Threads)}
		span := kv.SpanTouched()
		for p, err := range s.r.Range(span.Lower, span.Upper) {
			if err != nil {
				return nil, err
			}
			ord, err := kv.Last(p.Key)
			if err != nil {
				return nil, err
			}
			seq, err := kv.DecodeSeq(p.Value)
			if err != nil {
				return nil, err
			}
			if seq <= f.Stamp || ord >= f.Next {
				continue
			}
			d.skip.Add(ord)
			rec, there, err := readItem(s.r, ord)
			if err == nil && there {
				err = viewVector(s.r, ord, rec.Block, s.Dim(), func(v []byte) error { return s.putRow(d.added, ord, v) })
			}
			if err != nil {
				return nil, err
			}
		}
		return d, s.putRows(ctx, d.added, f.Next)
	})
}

// putRows puts the vectors from an ordinal on into x.
func (s *Snapshot) putRows(ctx context.Context, x *flat.Index, from uint32) error {
	return s.eachVector(ctx, from, func(ord uint32, v []byte) (bool, error) { return true, s.putRow(x, ord, v) })
}

func (s *Snapshot) putRow(x *flat.Index, ord uint32, value []byte) error {
	v, err := kv.DecodeVector(nil, value, s.Dim())
	if err != nil {
		return fmt.Errorf("ordinal %d: %w", ord, err)
	}
	if err := x.Put(ord, v); err != nil {
		return kv.Corruptf("ordinal %d: %w", ord, err)
	}
	return nil
}

// nearRows searches the file of rows, with what lies over it, and what changed since. Its error is errRows if there is no file to use.
func (s *Snapshot) nearRows(ctx context.Context, q []float32, k int, filter index.Filter, e index.Effort) ([]index.Hit, error) {
	f, delta, err := s.currentRows(ctx)
	if err != nil {
		return nil, err
	}
	best := index.NewBest(max(k, 1))
	hits, err := s.nearFile(ctx, f, delta, q, k, filter, e)
	if err != nil {
		return nil, err
	}
	for _, h := range hits {
		best.Offer(h)
	}
	hits, err = delta.added.Search(ctx, q, k, filter)
	for _, h := range hits {
		best.Offer(h)
	}
	return best.Hits(), err
}

// nearFile searches the file of rows in the way that suits. Whatever is found damaged is taken out of use, and another way is taken.
func (s *Snapshot) nearFile(ctx context.Context, f *rowsFile, delta *rowsDelta, q []float32, k int, filter index.Filter, e index.Effort) (hits []index.Hit, err error) {
	passing := uint64(s.Len())
	if filter != nil {
		passing = filter.GetCardinality()
	}
	later := false
	err = f.use(func() (err error) {
		w := f.way(s.d, k, passing, func(x *hnsw.Index) bool { return x.IsOutside(q) }, e)
		if w.graph == nil {
			hits, err = f.exact().SearchWithout(ctx, q, k, filter, delta.skip)
		} else {
			hits, err = s.along(ctx, f, w.graph, q, k, w.ef, filter, delta.skip)
		}
		if err != nil || e == index.Exact {
			return err
		}
		later, err = s.wantsGraph(ctx, f)
		return err
	})
	switch {
	case errors.Is(err, hnsw.ErrFile):
		s.d.dropGraph(f, err)
		return s.nearFile(ctx, f, delta, q, k, filter, index.Exact)
	case errors.Is(err, errRound):
		s.d.dropRound(f, err)
		return s.nearFile(ctx, f, delta, q, k, filter, e)
	case errors.Is(err, errRows):
		s.d.dropRows(f, err)
	case later:
		s.d.graphLater()
	}
	return hits, err
}

// currentRows returns a file of rows that serves the snapshot, and what changed since. It makes one where that pays.
func (s *Snapshot) currentRows(ctx context.Context) (*rowsFile, *rowsDelta, error) {
	made := false
	for {
		f := s.d.rows.Load()
		fits := f != nil && f.fits(s.r, s.state) == nil
		if fits {
			delta, err := s.since(ctx, f)
			if err != nil || made || delta.added.Len() < max(derivedMin, int(f.Rows)/4) {
				return f, delta, err
			}
		}
		h := s.d.now.heading.Load()
		if made || s.d.opts.ReadOnly || s.Len() < derivedMin || h.state.Seq != s.state.Seq {
			return nil, nil, errRows
		}
		made = true
		if err := s.d.deriveFor(ctx, s); err != nil {
			if ctx.Err() != nil {
				return nil, nil, err
			}
			s.d.opts.Logger.Warn("derived file cannot be made", "cause", err)
			return nil, nil, errRows
		}
	}
}

// deriveFor is Derive by a search.
func (d *DB) deriveFor(ctx context.Context, s *Snapshot) error {
	d.deriving.Lock()
	defer d.deriving.Unlock()
	if f := d.rows.Load(); f != nil && f.Stamp == s.state.Seq {
		return nil // another search was quicker
	}
	return s.writeRows(ctx)
}

// dropRows takes a damaged file out of use.
func (d *DB) dropRows(f *rowsFile, cause error) {
	if !d.rows.CompareAndSwap(f, nil) {
		return
	}
	name := f.name()
	d.opts.Logger.Warn("derived file is not used", "file", name, "cause", cause)
	err := f.close()
	if !d.opts.ReadOnly {
		err = errors.Join(err, d.store.RemoveSide(name))
	}
	if err != nil {
		d.opts.Logger.Warn("derived file stays", "file", name, "cause", err)
	}
}
