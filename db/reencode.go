package db

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/saedb/saedb/internal/kv"
	"github.com/saedb/saedb/sae"
)

// encodeChunk is the number of rows that EncodeAll encodes between two commits: some megabytes of batch, and under a second of work of
// a large autoencoder.
const encodeChunk = 1000

// Coder makes codes of many rows with one autoencoder: those of its Encode, within what it says of itself.
type Coder interface {
	// EncodeBatch returns a code for each row of x, in the slices of dst where those are long enough, on up to threads goroutines.
	EncodeBatch(dst []sae.Code, x []float32, threads int) ([]sae.Code, error)
	Close() error
}

// processor is the Coder of this library.
type processor struct{ *sae.Encoder }

func (p processor) EncodeBatch(dst []sae.Code, x []float32, threads int) ([]sae.Code, error) {
	return p.Encoder.EncodeBatch(dst, x, threads), nil
}

func (processor) Close() error { return nil }

// EncodeAll makes the codes of all items by a stored autoencoder, a chunk of rows in each commit. Interrupted, it goes
// on where it stopped when it is called again; run to its end, it does nothing the next time. threads 0: those of the
// options; the codes do not depend on it. progress, if not nil, is called after each chunk, in this goroutine, with
// the rows done and the rows there are.
func (d *DB) EncodeAll(ctx context.Context, name string, threads int, progress func(done, total int)) error {
	return d.EncodeAllBy(ctx, name, threads, nil, progress)
}

// EncodeAllBy is EncodeAll with codes of another make, of a GPU say. open is called with the autoencoder once there is something to encode, and what it returns is
// closed in the end; nil is EncodeAll. Rows that are replaced meanwhile are encoded as Put does. What was committed before an error stays: EncodeAll, or
// EncodeAllBy again, goes on from there.
func (d *DB) EncodeAllBy(ctx context.Context, name string, threads int, open func(*sae.Model) (Coder, error), progress func(done, total int)) (err error) {
	if threads == 0 {
		threads = d.opts.Threads
	}
	if progress == nil {
		progress = func(int, int) {}
	}
	b := &bulk{open: open}
	defer func() { err = errors.Join(err, b.close()) }()
	for {
		more, err := d.encodeSome(ctx, name, b, threads, progress)
		if err != nil {
			return fmt.Errorf("encode with autoencoder %q: %w", name, err)
		}
		if !more {
			return nil
		}
	}
}

// bulk is the Coder of an EncodeAllBy, of the autoencoder of that number.
type bulk struct {
	open   func(*sae.Model) (Coder, error)
	number uint32
	coder  Coder
}

// of returns the coder for an autoencoder. One of the same name may have come in its place since the last call.
func (b *bulk) of(ctx context.Context, s *Snapshot, rec modelRecord, e *sae.Encoder) (Coder, error) {
	if b.open == nil {
		return processor{e}, nil
	}
	if b.coder != nil && b.number == rec.number {
		return b.coder, nil
	}
	if err := b.close(); err != nil {
		return nil, err
	}
	m, err := loadModel(ctx, s.naming, s.r, rec)
	if err != nil {
		return nil, err
	}
	b.coder, err = b.open(m)
	b.number = rec.number
	return b.coder, err
}

func (b *bulk) close() (err error) {
	if b.coder != nil {
		err = b.coder.Close()
	}
	b.coder = nil
	return err
}

// encodeSome encodes the rows that are there after the progress mark, outside the writer's turn, and the stale rows once there are no
// more, within it.
func (d *DB) encodeSome(ctx context.Context, name string, b *bulk, threads int, report func(done, total int)) (more bool, err error) {
	s, err := d.Snapshot()
	if err != nil {
		return false, err
	}
	defer s.Close()
	rec, err := findModel(s.r, s.state, name)
	if err != nil {
		return false, err
	}
	if done, err := s.encoded(rec.number); err != nil || done {
		if err == nil {
			report(s.Len(), s.Len())
		}
		return false, err
	}
	e, err := loadEncoder(ctx, s.naming, s.r, rec)
	if err != nil {
		return false, err
	}
	from, err := progress(s.r, rec.number)
	if err != nil {
		return false, err
	}
	coder, err := b.of(ctx, s, rec, e)
	if err != nil {
		return false, err
	}
	last, err := d.encodeFrom(ctx, s, rec, coder, from, threads, report)
	if err != nil || last > from {
		return true, err
	}
	return true, d.update(ctx, func(w *writer) error { return w.encodeStale(ctx, rec, e, threads) })
}

// encodeFrom encodes the rows of s from the given mark on and returns the mark where it ended. While it commits a chunk, the next is encoded
// and the one after that read.
func (d *DB) encodeFrom(ctx context.Context, s *Snapshot, rec modelRecord, e Coder, mark uint32, threads int, report func(done, total int)) (uint32, error) {
	line := startCoding(ctx, s, e, mark, threads)
	defer line.stop()
	for c := range line.coded {
		next := c.rows[len(c.rows)-1].ord + 1
		moved, err := d.commitCodes(ctx, rec, mark, next, c)
		if err != nil {
			return mark, err
		}
		mark = next
		if !moved { // another EncodeAll or Activate came first: look again
			return mark, nil
		}
		line.free <- c.codes
		done, err := s.countBelow(mark)
		if err != nil {
			return mark, err
		}
		report(done, s.Len())
	}
	return mark, cmp.Or(line.stop(), ctx.Err())
}

// commitCodes writes the codes of a chunk and moves the mark past it. moved is false if the mark is not where it was expected.
func (d *DB) commitCodes(ctx context.Context, rec modelRecord, from, to uint32, c coded) (moved bool, err error) {
	err = d.update(ctx, func(w *writer) error {
		here, err := findModel(w.r, w.state, rec.Name)
		if err != nil || here.number != rec.number { // dropped meanwhile; perhaps another one has the name
			return err
		}
		now, err := progress(w.r, rec.number)
		if moved = err == nil && now == from && w.state.Active != rec.number; !moved {
			return err
		}
		for i, row := range c.rows {
			_, there, err := w.r.Get(kv.KeyItem(row.ord))
			if err != nil {
				return err
			}
			if there {
				w.setCode(rec.number, row.ord, sae.Code{}, c.codes[i])
			}
		}
		w.b.Set(kv.KeyProgress(rec.number), kv.AppendOrd(nil, to))
		return nil
	})
	return moved, err
}

// countBelow returns the number of items whose ordinals are below ord.
func (s *Snapshot) countBelow(ord uint32) (int, error) {
	live, err := s.live(context.Background())
	if err != nil || ord == 0 {
		return 0, err
	}
	return int(live.Rank(ord - 1)), nil
}

// coded is a chunk of rows with their codes.
type coded struct {
	rows  []encodeRow
	codes []sae.Code
}

// coding is two goroutines: one reads rows, one encodes them. Each holds one chunk and waits for the next to take it, so that there are three
// at most.
type coding struct {
	coded  chan coded      // chunks in order, closed after the last or an error
	free   chan []sae.Code // codes that are written, to be used again
	cancel context.CancelFunc
	err    error // of reading; to be read when coded is closed, as is
	failed error // of encoding, after which the rest is not read
}

func startCoding(ctx context.Context, s *Snapshot, e Coder, from uint32, threads int) *coding {
	ctx, cancel := context.WithCancel(ctx)
	c := &coding{coded: make(chan coded), free: make(chan []sae.Code, 3), cancel: cancel}
	chunks := make(chan []encodeRow)
	go func() {
		defer close(chunks)
		c.err = c.read(ctx, s, from, chunks)
	}()
	go func() {
		defer close(c.coded)
		c.encode(ctx, e, threads, chunks)
	}()
	return c
}

// read sends the rows of s, a chunk at a time.
func (c *coding) read(ctx context.Context, s *Snapshot, from uint32, chunks chan<- []encodeRow) error {
	for {
		rows, err := s.rowsFrom(ctx, from, encodeChunk)
		if err != nil || len(rows) == 0 {
			return err
		}
		select {
		case chunks <- rows:
		case <-ctx.Done():
			return ctx.Err()
		}
		from = rows[len(rows)-1].ord + 1
	}
}

// encode sends the chunks with their codes.
func (c *coding) encode(ctx context.Context, e Coder, threads int, chunks <-chan []encodeRow) {
	for rows := range chunks {
		var codes []sae.Code
		select {
		case codes = <-c.free:
		default:
		}
		if ctx.Err() != nil {
			continue
		}
		if codes, c.failed = e.EncodeBatch(codes, matrix(rows), threads); c.failed != nil {
			c.cancel()
			continue
		}
		select {
		case c.coded <- coded{rows, codes}:
		case <-ctx.Done():
		}
	}
}

// stop ends the goroutines, waits for them and returns the error of encoding, or else of reading. After the last chunk there is nothing to end.
func (c *coding) stop() error {
	c.cancel()
	for range c.coded { // chunks that nobody wants
	}
	return cmp.Or(c.failed, c.err)
}
