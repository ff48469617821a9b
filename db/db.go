package db

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/saedb/saedb/internal/kv"
)

// DB is one open database. Its methods may be called by many goroutines at once.
type DB struct {
	dir    string
	opts   *Options
	store  *kv.Store
	write  chan struct{} // holds one token: whoever takes it may write
	now    now           // the newest commit, for readers that need no snapshot
	places places        // for the same

	rows     atomic.Pointer[rowsFile] // the derived file in use; nil: none
	deriving sync.Mutex               // held while one is made

	graphing    sync.Mutex    // held while a graph is made
	keepTouched atomic.Uint64 // 1 plus the commit since which the list of touched rows must be kept for that; 0: none is made
	building    atomic.Bool   // a build in the background is on its way
	background  sync.WaitGroup
	ended       context.Context // until Close
	end         context.CancelFunc

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
	d.ended, d.end = context.WithCancel(context.Background())
	if err := d.begin(fresh); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", dir, err), ignoreFailed(d.Close()))
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
		h := heading{format: kv.Format, state: kv.State{NextModel: 1}, ranges: true, weighed: true}
		b.Set(kv.KeyFormat(), kv.AppendFormat(nil, h.format))
		b.Set(kv.KeyState(), kv.AppendState(nil, h.state))
		b.Set(kv.KeyRanges(), nil)
		b.Set(kv.KeyWeighed(), nil)
		d.now.set(h)
		return b.Commit()
	}
	r, err := d.store.Snapshot()
	if err != nil {
		return err
	}
	defer r.Close()
	format, err := readFormat(r)
	if err != nil {
		return err
	}
	if format > kv.Format {
		return fmt.Errorf("%w: the database has format %d, this program reads up to %d: use a newer saedb", ErrFormat, format, kv.Format)
	}
	h := heading{format: format}
	if h.state, err = readState(r); err != nil {
		return err
	}
	if _, h.ranges, err = r.Get(kv.KeyRanges()); err != nil {
		return err
	}
	if _, h.weighed, err = r.Get(kv.KeyWeighed()); err != nil {
		return err
	}
	d.now.set(h)
	if err := d.openRows(r, h.state); err != nil {
		return err
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
func (d *DB) Close() error {
	d.mu.Lock()
	d.end()
	d.mu.Unlock()
	d.background.Wait()
	err := d.store.Close()
	if f := d.rows.Swap(nil); f != nil {
		err = errors.Join(err, f.close())
	}
	return err
}

// heading is what the database knows of itself at one commit.
type heading struct {
	format  uint32
	state   kv.State
	ranges  bool // range sums are kept
	weighed bool // all postings are weights, and latents have statistics
}

// now is the heading of the newest commit, and says when there is none because one is being made: a reader that finds the
// same turn before and after has read one state.
type now struct {
	turn    atomic.Uint64 // odd while a commit becomes visible
	heading atomic.Pointer[heading]
}

func (n *now) set(h heading) { n.heading.Store(&h) }

// begin returns the newest heading and its turn; ok is false while a commit becomes visible.
func (n *now) begin() (h *heading, turn uint64, ok bool) {
	turn = n.turn.Load()
	return n.heading.Load(), turn, turn%2 == 0
}

// still reports whether no commit has begun since begin.
func (n *now) still(turn uint64) bool { return n.turn.Load() == turn }

// writer is one turn of writing: a view of the database as it is, the changes, and the state they lead to.
type writer struct {
	d *DB
	r *kv.Snapshot
	b *kv.Batch
	heading
	lists  map[list][]change      // changes of posting blocks, gathered so that each block is merged once; nil for none
	left   map[list][]byte        // rows that leave posting blocks of formats 1 and 2, likewise
	counts map[fieldType]int64    // changes of the field catalogue, likewise
	sums   map[uint32]kv.RangeSum // changes of range sums, likewise
	filling
}

// update runs f as the only writer and commits what f put into the batch; nothing is written if f fails. It returns when the changes
// are on disk, and gives the turn to the next writer before that, as soon as they are visible.
func (d *DB) update(ctx context.Context, f func(*writer) error) error {
	w, err := d.change(ctx, f)
	if err != nil || w == nil {
		return err
	}
	return w.start(func(error) {})()
}

// apply is update up to where the changes are visible; wait, which is not nil without an error, returns when they are on
// disk. Each apply needs one wait. What is applied later is not on disk before.
func (d *DB) apply(ctx context.Context, f func(*writer) error) (wait func() error, err error) {
	w, err := d.change(ctx, f)
	if err != nil {
		return nil, err
	}
	if w == nil {
		return func() error { return nil }, nil
	}
	visible := make(chan error, 1)
	wait = w.start(func(err error) { visible <- err })
	select {
	case err = <-visible:
	case <-d.store.Failed():
		err = d.store.Err()
	}
	if err != nil {
		_ = wait() // says the same
		return nil, err
	}
	return wait, nil
}

// change takes the writer's turn and runs f. The writer it returns still has the turn, and something to commit. There is none, and the
// turn is over, if f fails or changes nothing.
func (d *DB) change(ctx context.Context, f func(*writer) error) (*writer, error) {
	if d.opts.ReadOnly {
		return nil, ErrReadOnly
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-d.store.Failed(): // the turn may never end
		return nil, d.store.Err()
	case <-d.write:
	}
	w, err := d.draft(ctx, f)
	if w == nil {
		d.write <- struct{}{}
	}
	return w, err
}

// draft is change within the turn.
func (d *DB) draft(ctx context.Context, f func(*writer) error) (*writer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r, err := d.store.Present()
	if err != nil {
		return nil, err
	}
	w := &writer{
		d: d, r: r, b: d.store.Batch(), heading: *d.now.heading.Load(),
		counts: map[fieldType]int64{}, sums: map[uint32]kv.RangeSum{},
	}
	if w.format < kv.Format && !w.weighed {
		w.weighed, err = noPostings(r)
	}
	if err == nil {
		err = f(w)
	}
	if err == nil {
		w.merge()
	}
	if err != nil || w.b.Empty() {
		w.b.Close()
		return nil, err
	}
	if w.format < kv.Format {
		w.format = kv.Format
		w.b.Set(kv.KeyFormat(), kv.AppendFormat(nil, w.format))
		if w.weighed {
			w.b.Set(kv.KeyWeighed(), nil)
		}
	}
	w.state.Seq++
	w.b.Set(kv.KeyState(), kv.AppendState(nil, w.state))
	return w, nil
}

// start commits the batch. The turn ends when its changes are visible, or never will be; visible is called right after that. The function
// it returns, to be called once, waits until they are on disk. Where the store fails meanwhile, the turn may not end: nobody writes any more.
func (w *writer) start(visible func(error)) func() error {
	d := w.d
	d.now.turn.Add(1) // if the commit fails it stays odd: so has the store
	wait := w.b.Start(func(err error) {
		if err == nil {
			d.now.set(w.heading)
			d.now.turn.Add(1)
		}
		d.write <- struct{}{}
		visible(err)
	})
	return func() error {
		defer w.b.Close()
		return wait()
	}
}

// merge puts what was gathered into the batch.
func (w *writer) merge() {
	w.mergeLists()
	for k, n := range w.counts {
		if n != 0 {
			w.b.Merge(kv.KeyField(k.field, k.t), kv.AppendCounter(nil, n))
		}
	}
	for block, sum := range w.sums {
		if sum != (kv.RangeSum{}) {
			w.b.Merge(kv.KeyRange(block), kv.AppendRangeSum(nil, sum))
		}
	}
}

func readFormat(r *kv.Snapshot) (uint32, error) {
	v, ok, err := r.Get(kv.KeyFormat())
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, noDatabase(fmt.Errorf("%w: the folder holds a Pebble store of another program", ErrNoDatabase))
	}
	return kv.DecodeFormat(v)
}

func readState(r *kv.Snapshot) (kv.State, error) {
	v, ok, err := r.Get(kv.KeyState())
	if err != nil {
		return kv.State{}, err
	}
	if !ok {
		return kv.State{}, kv.Corruptf("the state is missing")
	}
	state, err := kv.DecodeState(v)
	if err == nil && state.Dim > MaxDim {
		err = kv.Corruptf("the state says that vectors have %d numbers", state.Dim)
	}
	return state, err
}
