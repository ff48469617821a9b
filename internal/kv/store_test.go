package kv

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

func crashable() *vfs.MemFS { return vfs.NewCrashableMem() }

func set(t *testing.T, s *Store, key, value string) {
	t.Helper()
	b := s.Batch()
	defer b.Close()
	b.Set([]byte(key), []byte(value))
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
}

// TestFatalfStopsEverything: what Pebble thinks fatal fails the store and leaves the process and its callers alone.
func TestFatalfStopsEverything(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, fs)
	set(t, s, "a", "1")
	cause := errors.New("the disk is on fire")
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.guard.Fatalf("pebble: %v", cause)
	}()
	<-s.guard.failed
	select {
	case <-stopped:
		t.Error("Fatalf returned")
	case <-time.After(10 * time.Millisecond):
	}
	if err := s.Err(); !errors.Is(err, ErrFailed) || !errors.Is(err, cause) || !strings.Contains(err.Error(), "pebble: the disk is on fire") {
		t.Errorf("Err: %v", err)
	}
	b := s.Batch()
	b.Set([]byte("b"), nil)
	if err := b.Commit(); !errors.Is(err, ErrFailed) {
		t.Errorf("commit: %v", err)
	}
	b.Close()
	if _, err := s.Snapshot(); !errors.Is(err, ErrFailed) {
		t.Errorf("snapshot: %v", err)
	}
	if err := s.Close(); !errors.Is(err, ErrFailed) {
		t.Errorf("close: %v", err)
	}
	again := mustOpen(t, fs) // the lock is free
	r, err := again.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if v, _, err := r.Get([]byte("a")); string(v) != "1" || err != nil {
		t.Errorf("after opening again: %q, %v", v, err)
	}
}

// TestFatalfWhileReading ends the read, not the reader.
func TestFatalfWhileReading(t *testing.T) {
	s := mustOpen(t, vfs.NewMem())
	err := s.guard.protect(func() error {
		s.guard.Fatalf("pebble: %s", "a table is missing")
		return nil
	})
	if !errors.Is(err, ErrFailed) || !strings.Contains(err.Error(), "a table is missing") {
		t.Errorf("got %v", err)
	}
}

// TestCorruptTable flips bytes in every table: a read gives ErrCorrupt, or the value where no flipped bit matters.
func TestCorruptTable(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, fs)
	value := bytes.Repeat([]byte("abcdefgh"), 4096)
	set(t, s, "k", string(value))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := fs.List("db")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range names {
		if !strings.HasSuffix(name, ".sst") {
			continue
		}
		found++
		f, err := fs.OpenReadWrite("db/"+name, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{1, 2, 3, 4}, 100); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	if found == 0 {
		t.Fatal("Close left no table to spoil")
	}
	s, _, err = Open("db", Options{Tune: func(o *pebble.Options) { o.FS = fs }})
	if err != nil {
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("open: %v", err)
		}
		return
	}
	defer s.Close()
	r, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if v, _, err := r.Get([]byte("k")); !errors.Is(err, ErrCorrupt) {
		t.Errorf("get: %d bytes, %v", len(v), err)
	}
}

// TestCloseEndsWhatIsOpen: a snapshot that nobody closed, and a cursor opened inside another's loop while Close waits.
func TestCloseEndsWhatIsOpen(t *testing.T) {
	s := mustOpen(t, vfs.NewMem())
	set(t, s, "a", "1")
	set(t, s, "b", "2")
	r, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	for p, err := range r.Range(nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if string(p.Key) == "a" {
			go func() { closed <- s.Close() }()
			for !errors.Is(s.Err(), ErrClosed) {
				time.Sleep(time.Millisecond)
			}
			if _, _, err := r.Get([]byte("a")); !errors.Is(err, ErrClosed) {
				t.Errorf("get while closing: %v", err)
			}
		}
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	r.Close() // does nothing
}
