package db

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/saedb/saedb/internal/kv"
)

// DB is one open database. Its methods may be called by many goroutines at once.
type DB struct {
	dir   string
	opts  *Options
	store *kv.Store
	write chan struct{} // holds one token: whoever takes it may write

	mu     sync.Mutex
	data   *memo // of the newest commit seen
	naming *memo // of the newest change of models, names or vocabulary seen
}

// Open opens the database in the folder dir. nil opts: all defaults.
// Errors: ErrNoDatabase, ErrLocked (another process has it open), ErrFormat (written by a newer program), ErrDim and
// ErrSpace (the options claim another space than the database's), ErrCorrupt, ErrDiskFull, ErrFailed.
func Open(ctx context.Context, dir string, opts *Options) (*DB, error) {
	o := opts.EnsureDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	store, fresh, err := kv.Open(dir, kv.Options{ReadOnly: o.ReadOnly, Create: o.Create, Logger: o.Logger, Tune: o.Tune})
	if errors.Is(err, ErrNoDatabase) {
		return nil, noDatabase(err)
	}
	if err != nil {
		return nil, err
	}
	d := &DB{dir: dir, opts: o, store: store, write: make(chan struct{}, 1), data: newMemo(0), naming: newMemo(0)}
	d.write <- struct{}{}
	if err := d.begin(fresh); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", dir, err), ignoreFailed(store.Close()))
	}
	return d, nil
}

// Create opens the database in dir and makes it if there is none: Open with Options.Create.
func Create(ctx context.Context, dir string, opts *Options) (*DB, error) {
	o := opts.EnsureDefaults()
	o.Create = true
	return Open(ctx, dir, o)
}

func noDatabase(err error) error {
	return fmt.Errorf("%w; saectl index, import, restore and demo create one (in Go: Options.Create)", err)
}

// ignoreFailed drops the error that a failed store's Close repeats.
func ignoreFailed(err error) error {
	if errors.Is(err, ErrFailed) {
		return nil
	}
	return err
}

// begin writes the header of a fresh database and checks the one of any other.
func (d *DB) begin(fresh bool) error {
	if fresh {
		if !d.opts.Create {
			return noDatabase(fmt.Errorf("%w: the folder holds an empty store", ErrNoDatabase))
		}
		b := d.store.Batch()
		defer b.Close()
		b.Set(kv.KeyFormat(), kv.AppendFormat(nil, kv.Format))
		b.Set(kv.KeyState(), kv.AppendState(nil, kv.State{NextModel: 1}))
		return b.Commit()
	}
	r, err := d.store.Snapshot()
	if err != nil {
		return err
	}
	defer r.Close()
	v, ok, err := r.Get(kv.KeyFormat())
	if err != nil {
		return err
	}
	if !ok {
		return noDatabase(fmt.Errorf("%w: the folder holds a Pebble store of another program", ErrNoDatabase))
	}
	format, err := kv.DecodeFormat(v)
	if err != nil {
		return err
	}
	if format > kv.Format {
		return fmt.Errorf("%w: the database has format %d, this program reads up to %d: use a newer saedb", ErrFormat, format, kv.Format)
	}
	space, ok, err := readSpace(r)
	if err != nil || !ok {
		return err
	}
	claim := d.opts.Space
	if claim.Dim == 0 {
		claim.Dim = d.opts.Dim
	}
	return space.check(claim)
}

// Dir returns the folder as it was given to Open.
func (d *DB) Dir() string { return d.dir }

// Close waits for calls in flight, iterations included, and closes the database. A goroutine must not call it from
// inside its own loop over an iterator of this database. The second Close returns ErrClosed.
func (d *DB) Close() error { return d.store.Close() }

// writer is one turn of writing: a view of the database as it is, the changes, and the state they lead to.
type writer struct {
	d     *DB
	r     *kv.Snapshot
	b     *kv.Batch
	state kv.State
	lists map[list][]byte // changes of posting blocks, gathered so that each block is merged once
}

// update runs f as the only writer and commits what f put into the batch; nothing is written if f fails.
func (d *DB) update(ctx context.Context, f func(*writer) error) error {
	if d.opts.ReadOnly {
		return ErrReadOnly
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-d.write:
		defer func() { d.write <- struct{}{} }()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	r, err := d.store.Snapshot()
	if err != nil {
		return err
	}
	defer r.Close()
	w := &writer{d: d, r: r, b: d.store.Batch(), lists: map[list][]byte{}}
	defer w.b.Close()
	if w.state, err = readState(r); err != nil {
		return err
	}
	if err := f(w); err != nil {
		return err
	}
	w.mergeLists()
	if w.b.Empty() {
		return nil
	}
	w.state.Seq++
	w.b.Set(kv.KeyState(), kv.AppendState(nil, w.state))
	return w.b.Commit()
}

func readState(r *kv.Snapshot) (kv.State, error) {
	v, ok, err := r.Get(kv.KeyState())
	if err != nil {
		return kv.State{}, err
	}
	if !ok {
		return kv.State{}, kv.Corruptf("the state is missing")
	}
	return kv.DecodeState(v)
}
