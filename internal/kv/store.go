package kv

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// holderFile holds the process id of the process that has the folder open and, on a second line, the URL by which that
// process lets others read, if it does. It is a courtesy to whoever meets the lock: nothing depends on it.
const holderFile = "HOLDER"

// Options say how Open opens. The zero value opens an existing database for reading and writing.
type Options struct {
	ReadOnly bool
	Create   bool                  // make the database if the folder is missing or empty
	Logger   *slog.Logger          // nil: silent
	Tune     func(*pebble.Options) // last word on Pebble's options, but for logger, merger and read-only
}

// Store is one open Pebble database.
type Store struct {
	dir      string
	readOnly bool
	db       *pebble.DB
	fence    *fence
	guard    *guard
	wrote    atomic.Bool // something was committed

	mu     sync.Mutex
	idle   *sync.Cond             // on mu: calls became 0
	calls  int                    // calls in flight and open cursors
	snaps  map[*Snapshot]struct{} // open snapshots, closed by Close at the latest
	closed bool                   // set first thing by Close: no new calls
}

// Open opens the database in dir. fresh reports that it holds no key at all: it was made just now, or by a process
// that ended before it wrote its first.
// Errors: ErrNoDatabase (missing, or a folder of something else), ErrLocked, ErrCorrupt, ErrDiskFull, ErrFailed.
func Open(dir string, o Options) (s *Store, fresh bool, err error) {
	po := pebbleOptions()
	if o.Tune != nil {
		o.Tune(po)
	}
	if po.FS == nil {
		po.FS = vfs.Default
	}
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	f := &fence{FS: po.FS}
	g := newGuard(dir, log, f)
	po.FS, po.Logger, po.Merger, po.ReadOnly = f, g, merger(), o.ReadOnly
	po.Experimental.CompactionScheduler = newScheduler(g.failed)
	po.DisableTableStats = o.ReadOnly // they are for compactions; a damaged table would fail a store that only saves what it can
	po.EventListener = &pebble.EventListener{
		BackgroundError: g.background,
		DataCorruption: func(info pebble.DataCorruptionInfo) { // the reader gets the error too
			log.Error("corrupt file", "dir", dir, "path", info.Path, "details", info.Details)
		},
	}
	if err := inspect(f.FS, dir, o); err != nil {
		return nil, false, err
	}
	store := &Store{dir: dir, readOnly: o.ReadOnly, fence: f, guard: g, snaps: map[*Snapshot]struct{}{}}
	store.idle = sync.NewCond(&store.mu)
	err = g.run(func() (err error) { // still runs after Open where the store failed: they share no variable but store
		if err := f.lock(dir); err != nil {
			return err
		}
		if err := checkManifest(f.FS, dir); err != nil {
			return err
		}
		store.db, err = pebble.Open(dir, po)
		return err
	})
	if err != nil {
		g.fail(err) // whatever Pebble started stops
		return nil, false, errors.Join(fmt.Errorf("open %s: %w", dir, err), f.release())
	}
	store.writeHolder()
	if !o.ReadOnly {
		if err := store.removeStale(); err != nil {
			return nil, false, errors.Join(fmt.Errorf("open %s: %w", dir, err), store.Close())
		}
	}
	fresh, err = store.empty()
	if err != nil {
		return nil, false, errors.Join(fmt.Errorf("open %s: %w", dir, err), store.Close())
	}
	return store, fresh, nil
}

// pebbleOptions returns what we change of Pebble's defaults.
func pebbleOptions() *pebble.Options {
	po := &pebble.Options{
		FormatMajorVersion: pebble.FormatNewest,
		// A bulk commit of 1,000 rows of 512 numbers is 2 MB and half a memtable is the limit beyond which Pebble
		// gives a batch a table of its own; 32 MB keeps bulk commits on the ordinary path. It grows from 256 kB.
		MemTableSize: 32 << 20,
		// Latent postings, vectors and codes of one scan are read once: 32 MB hold the index blocks of a database
		// of a million rows and what queries come back to. Pebble takes the memtables, two of them while one is being
		// written out, from the cache's size: with 32 MB nothing was left of it after an import, and every get read
		// its blocks from the file.
		CacheSize: 96 << 20,
	}
	for i := range po.Levels {
		po.Levels[i].FilterPolicy = bloom.FilterPolicy(10) // most gets of a first import are misses
		// A vector is 2 kB. Blocks of 4 kB, Pebble's own, made flushes a third slower; but each read of a damaged block
		// tries all its bits, which takes 4 times as long for twice the size: some tenths of a second for these. A value
		// that is larger, such as a block of vectors (block.go), is a block of its own.
		po.Levels[i].BlockSize = 16 << 10
	}
	return po
}

// inspect refuses a folder that Pebble would fill with its files although it holds others, and one without a
// database unless o asks for one to be made.
func inspect(fsys vfs.FS, dir string, o Options) error {
	names, err := fsys.List(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if !o.Create {
			return fmt.Errorf("%w in %s: there is no such folder", ErrNoDatabase, dir)
		}
		if err := fsys.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("create %s: %w", dir, classify(err))
		}
		return nil
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w in %s: it is a file, a database is a folder", ErrNoDatabase, dir)
	case err != nil:
		return fmt.Errorf("open %s: %w", dir, err)
	}
	desc, err := pebble.Peek(dir, fsys)
	if err != nil {
		return fmt.Errorf("open %s: %w", dir, classify(err))
	}
	if desc.Exists {
		return nil
	}
	for _, name := range names {
		if !ours(name) {
			return fmt.Errorf("%w in %s: the folder holds other files (%s, …)", ErrNoDatabase, dir, name)
		}
	}
	if !o.Create {
		return fmt.Errorf("%w in %s: the folder is empty", ErrNoDatabase, dir)
	}
	return nil
}

// ours reports whether a file of this name may lie in the folder of a database whose making was cut short.
func ours(name string) bool {
	for _, prefix := range []string{"LOCK", "MANIFEST-", "OPTIONS-", "CURRENT", "marker.", "temporary.", holderFile, sideDir} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return strings.HasSuffix(name, ".log") || strings.HasSuffix(name, ".sst") || strings.HasSuffix(name, ".dbtmp")
}

// lock probes the folder's lock, so that a held one is told from every other failure of opening.
func (f *fence) lock(dir string) error {
	l, err := f.FS.Lock(f.PathJoin(dir, "LOCK"))
	if err == nil {
		return l.Close()
	}
	held := errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) && !errors.Is(err, fs.ErrPermission) ||
		strings.Contains(err.Error(), "held by") || isSharing(err)
	if !held {
		return err
	}
	switch pid, url := readHolder(f.FS, dir); {
	case url != "":
		return fmt.Errorf("%w by a saedb server (pid %d): read through it with saectl --db %s (in Go: remote.Dial), or end it: %w", ErrLocked, pid, url, err)
	case pid != 0:
		return fmt.Errorf("%w by another process (pid %d): wait for it to end, or choose another folder: %w", ErrLocked, pid, err)
	}
	return fmt.Errorf("%w by another process: wait for it to end, or choose another folder: %w", ErrLocked, err)
}

// isSharing recognises the errors by which Windows refuses a file that another process has open.
func isSharing(err error) bool {
	var no syscall.Errno
	const sharing, locked = 32, 33 // ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION
	return os.PathSeparator == '\\' && errors.As(err, &no) && (no == sharing || no == locked)
}

// Announce writes beside the process id the URL by which this process lets others read the database.
func (s *Store) Announce(url string) { s.writeHolder(url) }

func (s *Store) writeHolder(lines ...string) {
	f, err := s.fence.FS.Create(s.fence.PathJoin(s.dir, holderFile), vfs.WriteCategoryUnspecified)
	if err != nil {
		return
	}
	lines = append([]string{strconv.Itoa(os.Getpid())}, lines...)
	_, _ = io.WriteString(f, strings.Join(lines, "\n")+"\n")
	_ = f.Close()
}

// readHolder returns what the holder file says: the process id, 0 if there is none, and the URL, empty if there is none.
func readHolder(fsys vfs.FS, dir string) (pid int, url string) {
	f, err := fsys.Open(fsys.PathJoin(dir, holderFile))
	if err != nil {
		return 0, ""
	}
	defer f.Close()
	text, _ := io.ReadAll(io.LimitReader(f, 512))
	first, second, _ := strings.Cut(string(text), "\n")
	pid, _ = strconv.Atoi(strings.TrimSpace(first))
	if url = strings.TrimSpace(second); !strings.HasPrefix(url, "http://") || strings.ContainsFunc(url, func(r rune) bool { return r <= ' ' || r > '~' }) {
		url = ""
	}
	return pid, url
}

func (s *Store) empty() (bool, error) {
	snap, err := s.Snapshot()
	if err != nil {
		return false, err
	}
	defer snap.Close()
	for _, err := range snap.Range(nil, nil) {
		return false, err
	}
	return true, nil
}

// Failed returns a channel that is closed when the store fails.
func (s *Store) Failed() <-chan struct{} { return s.guard.failed }

// Err returns ErrFailed with its cause if the store has failed, ErrClosed if it is closed, else nil.
func (s *Store) Err() error {
	if err := s.guard.err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	return nil
}

// enter counts a call in flight; each success needs one leave. It never waits, so calls may nest.
func (s *Store) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.calls++
	return nil
}

func (s *Store) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls--; s.calls == 0 {
		s.idle.Broadcast()
	}
}

// Close waits for calls in flight and closes the store. A failed store is left behind instead: its folder's lock is
// freed and its memory stays in use until the process ends. The second Close returns ErrClosed.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.closed = true
	for s.calls > 0 {
		s.idle.Wait()
	}
	snaps := s.snaps
	s.snaps = nil
	s.mu.Unlock()

	_ = s.fence.FS.Remove(s.fence.PathJoin(s.dir, holderFile))
	err := s.guard.run(func() error {
		var err error
		for snap := range snaps {
			err = errors.Join(err, snap.kept.Close())
		}
		if s.wrote.Load() { // else the next Open has to replay the log, each time if it is read-only
			err = errors.Join(err, s.db.Flush())
		}
		return errors.Join(err, s.db.Close())
	})
	if err != nil {
		s.guard.fail(err)
		err = errors.Join(fmt.Errorf("close %s: %w", s.dir, err), s.fence.release())
	}
	s.guard.end()
	return err
}

// DiskSize returns the bytes of the store's files.
func (s *Store) DiskSize() (uint64, error) {
	var n uint64
	if err := s.use(func() error {
		n = s.db.Metrics().DiskSpaceUsage()
		return nil
	}); err != nil {
		return 0, err // the function may run still
	}
	return n, nil
}

// use runs f under the guard with the store kept open.
func (s *Store) use(f func() error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	return s.guard.run(f)
}

// Batch collects changes that commit together. Not for two goroutines at once.
type Batch struct {
	s *Store
	b *pebble.Batch
}

// Batch returns an empty batch. Close it, committed or not.
func (s *Store) Batch() *Batch { return &Batch{s: s, b: s.db.NewBatch()} }

// A change to a batch fails only when a batch outgrows 4 GB, which no caller of ours comes near: the first such
// error would be a bug, and Commit is where it shows.

// Set stores value under key. Both are copied.
func (b *Batch) Set(key, value []byte) { _ = b.b.Set(key, value, nil) }

// Merge adds operand to what is stored under key: postings and counters (merge.go). Both are copied.
func (b *Batch) Merge(key, operand []byte) { _ = b.b.Merge(key, operand, nil) }

// Delete removes key.
func (b *Batch) Delete(key []byte) { _ = b.b.Delete(key, nil) }

// DeleteRange removes every key in [lower, upper).
func (b *Batch) DeleteRange(lower, upper []byte) { _ = b.b.DeleteRange(lower, upper, nil) }

// Empty reports whether nothing was put into the batch.
func (b *Batch) Empty() bool { return b.b.Empty() }

// Commit makes the batch's changes visible, all at once, and returns after they are on disk. Without an error they
// survive a crash; after ErrFailed they may or may not be there when the database is opened again.
func (b *Batch) Commit() error { return b.Start(func(error) {})() }

// Start is Commit's first half; wait is the second, to be called once. visible is called once, on any goroutine: without an error when
// the changes are visible and sure to be on disk before those of any batch that is started later, with one when they will never be.
// Of a store that fails meanwhile it may never be called.
func (b *Batch) Start(visible func(error)) (wait func() error) {
	err := error(ErrReadOnly)
	if !b.s.readOnly {
		err = b.s.enter()
	}
	if err != nil {
		visible(err)
		return func() error { return err }
	}
	b.s.wrote.Store(true)
	done := b.s.guard.start(func() error {
		err := b.s.db.ApplyNoSyncWait(b.b, pebble.Sync)
		visible(err)
		if err != nil {
			return err
		}
		return b.b.SyncWait()
	})
	return func() error {
		defer b.s.leave()
		return done()
	}
}

// Close frees the batch. A failed store's batches are left to the garbage collector: Pebble may still hold them.
func (b *Batch) Close() {
	if b.s.guard.err() == nil {
		_ = b.b.Close()
	}
}

// Snapshot reads one state of the store. Close it: it keeps old data on disk.
type Snapshot struct {
	s    *Store
	p    pebble.Reader
	kept *pebble.Snapshot // p, nil if that is the store as it is
}

// Snapshot returns the store as it is now.
func (s *Store) Snapshot() (*Snapshot, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	var p *pebble.Snapshot
	if err := s.guard.run(func() error { p = s.db.NewSnapshot(); return nil }); err != nil {
		return nil, err
	}
	snap := &Snapshot{s: s, p: p, kept: p}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snaps[snap] = struct{}{}
	return snap, nil
}

// Present is Snapshot for the only one who writes, until he does: no state of the store is kept, and there is nothing to free.
// A snapshot of Pebble's has it look for compactions when it is closed, which takes longer than a small batch.
func (s *Store) Present() (*Snapshot, error) {
	if err := s.Err(); err != nil {
		return nil, err
	}
	return &Snapshot{s: s, p: s.db}, nil
}

// Close frees the snapshot; later calls, and calls after the store's Close, do nothing.
func (r *Snapshot) Close() {
	if r.kept == nil || r.s.enter() != nil {
		return
	}
	defer r.s.leave()
	r.s.mu.Lock()
	_, open := r.s.snaps[r]
	delete(r.s.snaps, r)
	r.s.mu.Unlock()
	if open {
		_ = r.s.guard.run(r.kept.Close)
	}
}

// View calls f with the value under key, and reports whether there is one. f must not keep the value nor call the store.
func (r *Snapshot) View(key []byte, f func(value []byte) error) (ok bool, err error) {
	if err := r.s.enter(); err != nil {
		return false, err
	}
	defer r.s.leave()
	err = r.s.guard.protect(func() error {
		ok, err = Viewer{r.p}.View(key, f)
		return err
	})
	return ok, err
}

// Get returns a copy of the value under key, and whether there is one.
func (r *Snapshot) Get(key []byte) (value []byte, ok bool, err error) {
	ok, err = r.View(key, func(v []byte) error {
		value = append([]byte{}, v...)
		return nil
	})
	return value, ok, err
}

// Now runs read, which gets values as they are now: two gets may see two states. read must not call the store.
func (s *Store) Now(read func(Viewer) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	return s.guard.protect(func() error { return read(Viewer{s.db}) })
}

// Viewer reads single keys of a store as it is now.
type Viewer struct{ p pebble.Reader }

// View calls f with the value under key, and reports whether there is one. f must not keep the value.
func (v Viewer) View(key []byte, f func(value []byte) error) (ok bool, err error) {
	value, closer, err := v.p.Get(key)
	if err != nil {
		if errors.Is(err, pebble.ErrNotFound) {
			err = nil
		}
		return false, err
	}
	if err := f(value); err != nil {
		return true, errors.Join(err, closer.Close())
	}
	return true, closer.Close()
}

// Pair is a key with its value. Both belong to the iteration and are valid until its next step.
type Pair struct{ Key, Value []byte }

// Range yields the keys of [lower, upper) in byte order; nil bounds are open. An error is yielded once, last.
// The store must not be closed by the loop's own goroutine.
func (r *Snapshot) Range(lower, upper []byte) iter.Seq2[Pair, error] {
	return func(yield func(Pair, error) bool) {
		it, err := r.Iter(lower, upper)
		if err != nil {
			yield(Pair{}, err)
			return
		}
		defer it.Close()
		for ok := it.First(); ok; ok = it.Next() {
			if !yield(it.Pair(), nil) {
				return
			}
		}
		if err := it.Err(); err != nil {
			yield(Pair{}, err)
		}
	}
}

// Iter is a cursor over a snapshot, for readers that jump. Not for two goroutines at once.
type Iter struct {
	s   *Store
	it  *pebble.Iterator
	err error
}

// Iter returns a cursor over [lower, upper), standing before the first key. Close it.
func (r *Snapshot) Iter(lower, upper []byte) (*Iter, error) {
	it := &Iter{s: r.s}
	if err := r.s.enter(); err != nil {
		return nil, err
	}
	err := r.s.guard.protect(func() (err error) {
		it.it, err = r.p.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
		return err
	})
	if err != nil {
		r.s.leave()
		return nil, err
	}
	return it, nil // counts as a call in flight until Close
}

func (i *Iter) step(move func() bool) (ok bool) {
	if i.err != nil {
		return false
	}
	i.err = i.s.guard.protect(func() error {
		ok = move()
		if !ok {
			return i.it.Error()
		}
		return nil
	})
	return ok && i.err == nil
}

// First moves to the first key and reports whether there is one.
func (i *Iter) First() bool { return i.step(i.it.First) }

// Next moves to the next key and reports whether there is one.
func (i *Iter) Next() bool { return i.step(i.it.Next) }

// SeekGE moves to the first key that is not below key and reports whether there is one.
func (i *Iter) SeekGE(key []byte) bool {
	return i.step(func() bool { return i.it.SeekGE(key) })
}

// Pair returns where the cursor stands; valid until it moves.
func (i *Iter) Pair() Pair { return Pair{Key: i.it.Key(), Value: i.it.Value()} }

// Err returns the error that ended the iteration, nil if it came to its end.
func (i *Iter) Err() error { return i.err }

// Close frees the cursor.
func (i *Iter) Close() {
	_ = i.s.guard.protect(func() error { return i.it.Close() })
	i.s.leave()
}
