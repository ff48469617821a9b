package db

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/hnsw"
	"github.com/saedb/saedb/internal/kv"
)

// The file of a graph, whose bytes index/hnsw/FORMAT.md shows, lets a search find nearly all of the nearest rows along links. It stands for
// the rows of a commit, its stamp, and reads the rows themselves in the file of rows in use, which may be younger: rows that were touched
// since the graph's stamp are searched exactly, beside it. So it may lag behind; once an eighth of the rows are beside it, it is brought
// up to date, and that is all that is ever built again. One that was made before there was a vocabulary gets its bridges once there is one. Like
// every derived file it may be deleted, damaged or out of date.

const (
	graphPrefix = "graph-"
	graphFrom   = 1 << 15 // Options.GraphFrom: a search of so many rows takes about as long as one for a text along a graph
	graphLag    = 8       // a graph is brought up to date once one row in so many is beside it
	graphDelay  = 2 * time.Second
	maxSamples  = 4096 // words of the vocabulary that bridges are made for: see hnsw.Index.Bridge
)

// graphFile is an open file of a graph over a file of rows.
type graphFile struct {
	side  *kv.Side
	stamp uint64
	next  uint32 // rows with this ordinal and above are not in the graph
	index *hnsw.Index
}

func graphName(stamp uint64) string { return fmt.Sprintf("%s%016x", graphPrefix, stamp) }

// openGraph lays a graph over f.
func (d *DB) openGraph(f *rowsFile, name string, since uint64) (*graphFile, error) {
	side, err := d.store.OpenSide(name)
	if err != nil {
		return nil, err
	}
	x, stamp, err := hnsw.Open(name, side.Data, hnsw.Options{Rows: f.row, Threads: d.opts.Threads})
	switch {
	case err != nil:
	case stamp.Space != f.Space || x.Dim() != int(f.Dim):
		err = fmt.Errorf("%w: it is of another space", errRows)
	case stamp.Commit < since || stamp.Commit > f.Stamp || name != graphName(stamp.Commit):
		err = fmt.Errorf("%w: it stands for commit %d, touched rows are listed from %d on, the file of rows for %d", errRows, stamp.Commit, since, f.Stamp)
	}
	if err != nil {
		return nil, errors.Join(err, side.Close())
	}
	return &graphFile{side: side, stamp: stamp.Commit, next: x.Next(), index: x}, nil
}

// row returns the vector of an ordinal where it lies. The file is in use.
func (f *rowsFile) row(ord uint32) ([]float32, error) {
	i, ok := int(ord), true
	if i >= len(f.ords) || f.ords[i] != ord { // as they are as long as nothing was deleted
		i, ok = slices.BinarySearch(f.ords, ord)
	}
	if !ok {
		return nil, fmt.Errorf("%w: it has no row of ordinal %d", errRows, ord)
	}
	return f.vector[i*int(f.Dim) : (i+1)*int(f.Dim)], f.check(i, i+1)
}

// rowCopy is row for who does not hold the file.
func (f *rowsFile) rowCopy(ord uint32) (v []float32, err error) {
	err = f.use(func() error {
		row, err := f.row(ord)
		v = slices.Clone(row)
		return err
	})
	return v, err
}

// beside is what a snapshot's rows are beside those of a graph.
type beside struct {
	among *roaring.Bitmap // rows of the file of rows that are in the graph as they are; nil: all of the graph's
	rest  *roaring.Bitmap // the other rows of the file of rows
}

type besideKey struct{ graph, rows uint64 }

// beside returns what a search along g must leave out, and look at by itself. The file is in use; what is returned is shared.
func (s *Snapshot) beside(ctx context.Context, f *rowsFile, g *graphFile) (beside, error) {
	return derive(ctx, s.data, besideKey{g.stamp, f.Stamp}, func() (b beside, err error) {
		touched, err := s.touched(g.stamp)
		if err != nil {
			return b, err
		}
		for i := len(f.ords) - 1; i >= 0 && f.ords[i] >= g.next; i-- {
			touched.Add(f.ords[i])
		}
		b.rest = f.set().Clone()
		b.rest.And(touched)
		if !touched.IsEmpty() {
			b.among = roaring.AndNot(f.set(), touched)
		}
		return b, nil
	})
}

// touched returns the ordinals whose vectors were replaced or removed after a commit.
func (s *Snapshot) touched(after uint64) (*roaring.Bitmap, error) {
	set := roaring.New()
	span := kv.SpanTouched()
	for p, err := range s.r.Range(span.Lower, span.Upper) {
		if err != nil {
			return nil, err
		}
		seq, err := kv.DecodeSeq(p.Value)
		if err != nil {
			return nil, err
		}
		ord, err := kv.Last(p.Key)
		if err != nil {
			return nil, err
		}
		if seq > after {
			set.Add(ord)
		}
	}
	return set, nil
}

// along searches along the graph, and the rest of the file exactly. The file is in use.
func (s *Snapshot) along(ctx context.Context, f *rowsFile, g *graphFile, q []float32, k, ef int, filter index.Filter, skip *roaring.Bitmap) ([]index.Hit, error) {
	b, err := s.beside(ctx, f, g)
	if err != nil {
		return nil, err
	}
	among, rest := b.among, b.rest
	if filter != nil {
		if among = filter; b.among != nil {
			among = roaring.And(filter, b.among)
		}
		rest = roaring.And(filter, rest)
	}
	hits, err := g.index.SearchEf(ctx, q, k, ef, among)
	if err != nil || rest.IsEmpty() {
		return hits, err
	}
	best := index.NewBest(k)
	for _, h := range hits {
		best.Offer(h)
	}
	hits, err = f.exact().SearchWithout(ctx, q, k, rest, skip)
	for _, h := range hits {
		best.Offer(h)
	}
	return best.Hits(), err
}

// DeriveGraph makes the derived files, and the graph where there are Options.GraphFrom items; it brings the graph up to date where it
// lags. A database that is open for writing and is searched does that by itself, in the background; nobody has to call it.
func (d *DB) DeriveGraph(ctx context.Context) error {
	if err := d.Derive(ctx); err != nil {
		return err
	}
	if err := d.buildGraph(ctx, d.opts.Threads); err != nil {
		return fmt.Errorf("derive: %w", err)
	}
	return nil
}

// wantsGraph reports whether a graph should be made, or brought up to date. The file is in use.
func (s *Snapshot) wantsGraph(ctx context.Context, f *rowsFile) (bool, error) {
	from := s.d.opts.GraphFrom
	if s.d.opts.ReadOnly || from < 0 || int(f.Rows) < from {
		return false, nil
	}
	g := f.graph.Load()
	if g == nil {
		return true, nil
	}
	if !g.index.Bridged() {
		if has, err := s.hasSamples(ctx); has || err != nil {
			return has, err
		}
	}
	b, err := s.beside(ctx, f, g)
	return err == nil && int(b.rest.GetCardinality())*graphLag > int(f.Rows), err
}

// graphLater starts a build in the background, unless one runs or has failed. Close ends it. A process that asks a single question is gone
// before it begins.
func (d *DB) graphLater() {
	if !d.building.CompareAndSwap(false, true) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended.Err() != nil {
		return
	}
	d.background.Go(func() {
		select {
		case <-d.ended.Done():
			return
		case <-time.After(graphDelay):
		}
		err := d.buildGraph(d.ended, max(1, d.opts.Threads/2))
		if err != nil && d.ended.Err() == nil && !errors.Is(err, errRows) { // errRows: the file of rows was made anew meanwhile
			d.opts.Logger.Warn("graph cannot be made", "cause", err)
			return // building stays set: nothing is tried again before the next Open
		}
		d.building.Store(false)
	})
}

// buildGraph makes a graph of the file of rows in use, or brings the one there is up to date, and puts it to use.
func (d *DB) buildGraph(ctx context.Context, threads int) error {
	d.graphing.Lock()
	defer d.graphing.Unlock()
	d.deriving.Lock()
	f := d.rows.Load()
	if f == nil || d.opts.GraphFrom < 0 || int(f.Rows) < d.opts.GraphFrom {
		d.deriving.Unlock()
		return nil
	}
	d.keepTouched.Store(f.Stamp + 1) // or the file of rows is made anew meanwhile, and the list of what was touched since is cut
	defer d.keepTouched.Store(0)
	d.deriving.Unlock()
	s, err := d.Snapshot()
	if err != nil {
		return err
	}
	defer s.Close()
	if f.fits(s.r, s.state) != nil {
		return nil
	}
	var old *graphFile
	var b beside
	if err := f.use(func() (err error) {
		if old = f.graph.Load(); old != nil {
			b, err = s.beside(ctx, f, old)
		}
		return err
	}); err != nil {
		return err
	}
	samples, err := s.samples(ctx)
	if err != nil {
		return err
	}
	if old != nil && (old.stamp == f.Stamp || b.rest.IsEmpty() && b.among == nil) && (old.index.Bridged() || len(samples) == 0) {
		return nil
	}
	opts := hnsw.Options{Rows: f.rowCopy, Threads: threads, Exact: min(d.opts.GraphFrom, 1024)} // few rows where tests ask for it
	x, done, err := d.grown(ctx, f, old, b, opts)
	if err != nil {
		return err
	}
	defer done()
	if err = x.Bridge(ctx, samples); err == nil {
		err = d.store.WriteSide(graphName(f.Stamp), func(w io.Writer) error { return x.Write(w, hnsw.Stamp{Commit: f.Stamp, Space: f.Space}) })
	}
	if err != nil {
		return err
	}
	return d.useGraph(f.Stamp)
}

// grown returns a graph of the rows of f: the one there is without what was touched since and with what is new, or one that is made anew. done
// frees what it reads.
func (d *DB) grown(ctx context.Context, f *rowsFile, old *graphFile, b beside, opts hnsw.Options) (x *hnsw.Index, done func(), err error) {
	done = func() {}
	put := roaring.New()
	if old != nil && int(b.rest.GetCardinality())*2 < int(f.Rows) {
		side, err := d.store.OpenSide(graphName(old.stamp))
		if err == nil {
			x, _, err = hnsw.Open(side.Name, side.Data, opts)
			done = func() { _ = side.Close() }
		}
		if err == nil && b.among != nil {
			x.Retain(b.among)
			put = b.rest
		}
		if err != nil {
			d.opts.Logger.Warn("graph is made anew", "cause", err)
			x = nil
		}
	}
	if x == nil {
		x, put = hnsw.New(int(f.Dim), opts), f.set()
	}
	if put.IsEmpty() {
		return x, done, nil // as it is, in its file
	}
	it := put.Iterator()
	err = x.PutAll(ctx, int(put.GetCardinality()), func(int) (uint32, []float32, error) {
		ord := it.Next()
		v, err := f.rowCopy(ord)
		return ord, v, err
	})
	if err != nil {
		done()
	}
	return x, done, err
}

// hasSamples reports whether there is a vocabulary with vectors of the rows' space.
func (s *Snapshot) hasSamples(ctx context.Context) (bool, error) {
	b, err := s.vocab(ctx)
	return err == nil && b.vocab != nil && b.vocab.Vectors != nil && b.vocab.D == s.Dim(), err
}

// samples returns word vectors of the vocabulary, evenly spread, that a graph is prepared for.
func (s *Snapshot) samples(ctx context.Context) (samples [][]float32, err error) {
	if has, err := s.hasSamples(ctx); !has {
		return nil, err
	}
	b, err := s.vocab(ctx)
	if err != nil {
		return nil, err
	}
	n := len(b.vocab.Words)
	for i := range min(n, maxSamples) {
		v := b.vocab.Vector(i * n / min(n, maxSamples))
		if slices.ContainsFunc(v, func(a float32) bool { return a != 0 }) {
			samples = append(samples, v)
		}
	}
	return samples, nil
}

// useGraph puts the graph with a stamp to use, in place of the one before.
func (d *DB) useGraph(stamp uint64) error {
	d.deriving.Lock()
	defer d.deriving.Unlock()
	f := d.rows.Load()
	if f == nil {
		return nil
	}
	g, err := d.openGraph(f, graphName(stamp), stamp)
	if err != nil {
		return err
	}
	old := f.graph.Swap(g)
	if old == nil {
		return nil
	}
	f.mu.Lock()
	err = old.side.Close()
	f.mu.Unlock()
	if old.stamp != stamp { // or the new file has the old one's name
		err = errors.Join(err, d.store.RemoveSide(graphName(old.stamp)))
	}
	if err != nil {
		d.opts.Logger.Warn("derived file stays", "file", graphName(old.stamp), "cause", err)
	}
	return nil
}

// carryGraph lays the graph of one file of rows over the one that takes its place.
func (d *DB) carryGraph(from, to *rowsFile) {
	if from == nil {
		return
	}
	old := from.graph.Load()
	if old == nil {
		return
	}
	g, err := d.openGraph(to, graphName(old.stamp), old.stamp)
	if err != nil {
		d.opts.Logger.Warn("derived file is not used", "file", graphName(old.stamp), "cause", err)
		return
	}
	to.graph.Store(g)
}

// stampNeeded is the commit since which the list of touched rows must be kept for f and what lies over it.
func (d *DB) stampNeeded(f *rowsFile) uint64 {
	stamp := f.Stamp
	if g := f.graph.Load(); g != nil {
		stamp = min(stamp, g.stamp)
	}
	if keep := d.keepTouched.Load(); keep > 0 {
		stamp = min(stamp, keep-1)
	}
	return stamp
}

// dropGraph takes a damaged graph out of use; the next one is made anew. Nobody may be using f.
func (d *DB) dropGraph(f *rowsFile, cause error) {
	g := f.graph.Swap(nil)
	if g == nil {
		return
	}
	name := graphName(g.stamp)
	d.opts.Logger.Warn("derived file is not used", "file", name, "cause", cause)
	f.mu.Lock()
	err := g.side.Close()
	f.mu.Unlock()
	if !d.opts.ReadOnly {
		err = errors.Join(err, d.store.RemoveSide(name))
	}
	if err != nil {
		d.opts.Logger.Warn("derived file stays", "file", name, "cause", err)
	}
}

// set returns the ordinals of the file. It is shared.
func (f *rowsFile) set() *roaring.Bitmap {
	f.once.Do(func() {
		f.all = roaring.New()
		f.all.AddMany(f.ords)
	})
	return f.all
}

// way says how a search is answered: along the graph, if graph is not nil, keeping ef rows in mind; exactly otherwise.
type way struct {
	graph *graphFile
	ef    int
	why   string
}

// way chooses. The file is in use; outside says whether the query lies outside the cloud of pictures, as texts do.
func (f *rowsFile) way(d *DB, k int, passing uint64, outside func(*hnsw.Index) bool, e index.Effort) way {
	g := f.graph.Load()
	switch {
	case e == index.Exact:
		return way{why: "exact, as asked for"}
	case d.opts.GraphFrom < 0 || int(f.Rows) < d.opts.GraphFrom:
		return way{why: exactOf(d.opts.GraphFrom)}
	case g == nil:
		return way{why: "exact, for the graph is still to be made"}
	}
	p := hnsw.Decide(hnsw.Situation{
		Graph: true, Nodes: g.index.Len(), Passing: int(min(passing, uint64(g.index.Len()))), Outside: outside(g.index), K: k, Ef: max(int(e), 0),
	})
	if p.Scan {
		return way{why: "exact: " + p.String()}
	}
	return way{g, max(int(e), 0), p.String()}
}

func exactOf(from int) string {
	if from < 0 {
		return "exact, for graphs are switched off"
	}
	return fmt.Sprintf("exact, as always below %d", from)
}

// DenseWay says how NearDense would answer, and why.
func (s *source) DenseWay(k int, text, narrowed bool, e index.Effort) string {
	n := s.Len()
	f := s.d.rows.Load()
	scan := fmt.Sprintf("a scan of %d vectors, ", n)
	if n == 1 {
		scan = "a scan of 1 vector, "
	}
	if f == nil || f.fits(s.r, s.state) != nil {
		if e == index.Exact {
			return scan + "exact, as asked for"
		}
		if n >= s.d.opts.GraphFrom && s.d.opts.GraphFrom > 0 {
			return scan + "exact, for the graph is still to be made"
		}
		return scan + exactOf(s.d.opts.GraphFrom)
	}
	var w way
	err := f.use(func() error {
		w = f.way(s.d, k, uint64(n), func(*hnsw.Index) bool { return text }, e)
		return nil
	})
	if err != nil || w.graph == nil {
		return scan + w.why
	}
	if narrowed {
		w.why += "; a scan where the filter leaves few"
	}
	return "a " + w.why
}
