package kv

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// backlog stands for a database with so many compactions to do, which calls and is called as Pebble's is.
type backlog struct {
	s     *scheduler
	mu    sync.Mutex
	left  int
	waits bool
	most  atomic.Int32 // that ran at once
	runs  atomic.Int32
	done  sync.WaitGroup
}

func (b *backlog) GetAllowedWithoutPermission() int { return 2 }

func (b *backlog) GetWaitingCompaction() (bool, pebble.WaitingCompaction) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waits = b.waits && b.left > 0
	return b.waits, pebble.WaitingCompaction{}
}

func (b *backlog) Schedule(h pebble.CompactionGrantHandle) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left == 0 {
		return false
	}
	b.run(h)
	return true
}

// run starts a compaction. mu is held.
func (b *backlog) run(h pebble.CompactionGrantHandle) {
	b.left--
	n := b.runs.Add(1)
	b.most.Store(max(b.most.Load(), n))
	go func() {
		defer b.done.Done()
		b.runs.Add(-1)
		h.Done()
		b.look()
	}()
}

// look starts what may run.
func (b *backlog) look() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for !b.waits && b.left > 0 {
		ok, h := b.s.TrySchedule()
		if !ok {
			b.waits = true
			return
		}
		b.run(h)
	}
}

// TestScheduler runs every compaction of a backlog that is looked at from many goroutines, and none after the store failed.
func TestScheduler(t *testing.T) {
	failed := make(chan struct{})
	s := newScheduler(failed)
	b := &backlog{s: s, left: 2000}
	b.done.Add(b.left)
	s.Register(2, b)
	for range 4 {
		go func() {
			for range 30 {
				b.look()
				s.UpdateGetAllowedWithoutPermission()
			}
		}()
	}
	b.done.Wait()
	if n := b.most.Load(); n > 4 { // the two, and one more for each of those who may start one at the same time
		t.Errorf("%d ran at once", n)
	}
	close(failed)
	if ok, _ := s.TrySchedule(); ok {
		t.Error("one may run although the store failed")
	}
	s.Unregister()
}

// readCounter counts the reads of tables.
type readCounter struct {
	vfs.FS
	n atomic.Int64
}

func (c *readCounter) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := c.FS.Open(name, opts...)
	if err == nil && strings.HasSuffix(name, ".sst") {
		f = &countedFile{File: f, n: &c.n}
	}
	return f, err
}

type countedFile struct {
	vfs.File
	n *atomic.Int64
}

func (f *countedFile) ReadAt(p []byte, off int64) (int, error) {
	f.n.Add(1)
	return f.File.ReadAt(p, off)
}

// TestDamagedCompaction fails the store, once: it is not tried again.
func TestDamagedCompaction(t *testing.T) {
	fs := vfs.NewMem()
	open := func(fs vfs.FS, automatic bool) (*Store, error) {
		s, _, err := Open("db", Options{Create: true, Tune: func(o *pebble.Options) {
			o.FS, o.DisableAutomaticCompactions, o.L0CompactionThreshold = fs, !automatic, 2
		}})
		return s, err
	}
	for i := range 6 { // overlapping tables in the first level
		s, err := open(fs, false)
		if err != nil {
			t.Fatal(err)
		}
		set(t, s, "a", fmt.Sprint(i))
		set(t, s, "b", strings.Repeat("x", 4096))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	names, err := fs.List("db")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !strings.HasSuffix(name, ".sst") {
			continue
		}
		f, err := fs.OpenReadWrite("db/"+name, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{1, 2, 3, 4, 5, 6, 7, 8}, 40); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	counted := &readCounter{FS: fs}
	s, err := open(counted, true) // fails in the course of it, or after it
	if err == nil {
		<-s.Failed()
		err = s.Err()
		_ = s.Close()
	}
	if !errors.Is(err, ErrFailed) || !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v", err)
	}
	for range 30 { // until the one that failed, and another that ran beside it, are at their ends
		n := counted.n.Load()
		time.Sleep(100 * time.Millisecond)
		if counted.n.Load() == n {
			return
		}
	}
	t.Error("the damaged tables are read again and again")
}
