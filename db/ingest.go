package db

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/saedb/saedb/internal/kv"
)

// IngestChunk is the number of items that Ingest commits at once, or a few less where that makes the chunk end with a block of vectors:
// enough to make the wait for the disk small beside the work, few enough that an interrupted import loses under a second of it.
const IngestChunk = 1024

// Ingest stores a stream of items, a chunk of up to IngestChunk at a time: each chunk is atomic, and chunks reach the disk in
// their order, so a killed Ingest leaves whole chunks and the same call, repeated, continues. While one chunk is written,
// the items of the next are read and checked. The result counts what was stored, also when an error ends the stream:
// whether it comes from items, from ctx, or from an item that cannot be stored, the good items before it are stored first.
// When Ingest returns, what the result counts is on disk.
func (d *DB) Ingest(ctx context.Context, items iter.Seq2[Item, error]) (Result, error) {
	in := startIntake(context.WithoutCancel(ctx), d)
	defer in.stop() // should items panic
	var failed error
	for it, err := range items {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = in.add(it)
		}
		if err != nil {
			failed = err
			break
		}
	}
	in.flush()
	res, err := in.stop()
	return res, errors.Join(failed, err)
}

// intake gathers items into chunks and has a goroutine write them.
type intake struct {
	chunk   []row
	inChunk map[string]bool
	next    uint32 // the ordinal of the chunk's first item, if all before it are new

	chunks  chan []row    // to the writing goroutine
	nexts   chan uint32   // from it, for each chunk: the next ordinal before it is written
	closed  bool          // chunks is
	broken  chan struct{} // closed when it can write no more
	stopped chan struct{} // closed when it has ended
	res     Result        // of what is on disk; its own until it has ended
	err     error         // likewise
}

func startIntake(ctx context.Context, d *DB) *intake {
	in := &intake{
		inChunk: map[string]bool{}, next: d.now.heading.Load().state.Next,
		chunks: make(chan []row), nexts: make(chan uint32), broken: make(chan struct{}), stopped: make(chan struct{}),
	}
	go func() {
		defer close(in.stopped)
		if in.err = in.write(ctx, d); in.err != nil {
			close(in.broken)
		}
	}()
	return in
}

// write writes chunks until there are no more. The wait for one to be on disk falls into the making of the next.
func (in *intake) write(ctx context.Context, d *DB) error {
	landed := func() error { return nil } // waits for the chunk before
	for rows := range in.chunks {
		in.nexts <- d.now.heading.Load().state.Next
		res, wait, err := d.putRows(ctx, rows)
		if err := errors.Join(landed(), err); err != nil {
			if wait != nil {
				err = errors.Join(err, wait())
			}
			return err
		}
		landed = func() error {
			err := wait()
			if err == nil {
				in.res.add(res)
			}
			return err
		}
	}
	return landed()
}

// add takes an item into the chunk. It does not keep the item's slices.
func (in *intake) add(it Item) error {
	r, err := prepare(it)
	if err != nil {
		return err
	}
	if len(in.chunk) > 0 && len(r.vec) != len(in.chunk[0].vec) {
		return fmt.Errorf("put %q: %w: its vector has %d numbers, those before it %d", r.id, ErrDim, len(r.vec), len(in.chunk[0].vec))
	}
	if in.inChunk[r.id] || len(in.chunk) >= IngestChunk-int(in.next%kv.VectorRows(len(r.vec))) {
		if !in.flush() {
			return nil // stop says why
		}
	}
	r.thumb = slices.Clone(r.thumb)
	in.chunk = append(in.chunk, r)
	in.inChunk[r.id] = true
	return nil
}

// flush hands the chunk over, and reports whether it was taken.
func (in *intake) flush() bool {
	if len(in.chunk) == 0 {
		return true
	}
	select {
	case in.chunks <- in.chunk:
		in.next = <-in.nexts + uint32(len(in.chunk))
	case <-in.broken:
		return false
	}
	in.chunk = make([]row, 0, IngestChunk)
	clear(in.inChunk)
	return true
}

// stop waits until everything that was handed over is on disk and returns what was stored. Nothing is added after it.
func (in *intake) stop() (Result, error) {
	if !in.closed {
		close(in.chunks)
		in.closed = true
	}
	<-in.stopped
	return in.res, in.err
}
