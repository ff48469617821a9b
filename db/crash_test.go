package db_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
)

var pid = os.Getpid()

// TestCrash cuts the power after every step of a small life, with any part of the unsynced data lost: what was
// acknowledged is there, and the check is silent.
func TestCrash(t *testing.T) {
	seed := uint64(20261123)
	rng := rand.New(rand.NewPCG(seed, 0))
	fs := vfs.NewCrashableMem()
	d, err := db.Open(ctx, dbtest.Dir, dbtest.Options(fs))
	dbtest.Must(t, err)
	defer d.Close()
	acked := map[string]db.Item{}
	put := func(items ...db.Item) {
		_, err := d.Put(ctx, items...)
		dbtest.Must(t, err)
		for _, it := range items {
			acked[it.ID] = it
		}
	}
	active := ""
	steps := map[string]func(){
		"1 put":      func() { put(dbtest.Items(30, 8, 1)...) },
		"2 model":    func() { dbtest.Must(t, d.AddModel(ctx, "m", dbtest.Model(8, 32, 4, 1))) },
		"3 encode":   func() { dbtest.Must(t, d.EncodeAll(ctx, "m", 1, nil)) },
		"4 activate": func() { dbtest.Must(t, d.Activate(ctx, "m")); active = "m" },
		"5 replace":  func() { put(dbtest.Items(10, 8, 2)...) },
		"6 names":    func() { dbtest.Must(t, d.SetNames(ctx, "", dbtest.Names(32))) },
		"7 delete": func() {
			_, err := d.Delete(ctx, "i0003", "i0029")
			dbtest.Must(t, err)
			delete(acked, "i0003")
			delete(acked, "i0029")
		},
		"8 add again": func() { put(dbtest.Items(4, 8, 3)...) },
		"9 a block":   func() { put(dbtest.Items(110, 8, 4)[40:]...) },
		"a seal":      func() { _, _, err := d.Compact(ctx); dbtest.Must(t, err) },
		"b replace":   func() { put(dbtest.Items(70, 8, 5)[60:]...) },
		"c delete": func() {
			for _, it := range dbtest.Items(100, 8, 1)[58:] {
				_, err := d.Delete(ctx, it.ID)
				dbtest.Must(t, err)
				delete(acked, it.ID)
			}
		},
		"d seal": func() { _, _, err := d.Compact(ctx); dbtest.Must(t, err) },
	}
	for _, name := range sortedKeys(steps) {
		steps[name]()
		for _, percent := range []int{0, 50, 100} {
			clone := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng})
			c := dbtest.MustOpenOn(t, clone)
			dbtest.MustCheck(t, c)
			if n := len(listIDs(t, c.All(ctx))); n != len(acked) {
				t.Errorf("after %s, %d%% of unsynced data kept, seed %d: %d items, want %d", name, percent, seed, n, len(acked))
			}
			a, err := d.Fingerprint(ctx)
			dbtest.Must(t, err)
			if b, err := c.Fingerprint(ctx); err != nil || a != b {
				t.Errorf("after %s, seed %d: another content (%v)", name, seed, err)
			}
			st, err := c.Stats(ctx)
			dbtest.Must(t, err)
			if st.Active != active {
				t.Errorf("after %s: %q is active, want %q", name, st.Active, active)
			}
			dbtest.Must(t, c.Close())
		}
	}
}

// TestWriteErrors lets the i-th write fail, alone or with all after it, for i = 0, 1, 2, … until none does: each time the
// story ends in an error, never in a wait and never in a success that is not kept; the folder opens again and holds what
// was acknowledged.
func TestWriteErrors(t *testing.T) {
	t.Run("one", func(t *testing.T) { writeErrors(t, func(n, i int32) bool { return n == i }) })
	t.Run("all from one on", func(t *testing.T) { writeErrors(t, func(n, i int32) bool { return n >= i }) })
}

// writeErrors runs the story for each i; fails says whether the n-th write fails then.
func writeErrors(t *testing.T, fails func(n, i int32) bool) {
	const most = 2000
	for i := range int32(most) {
		mem := vfs.NewCrashableMem()
		var count atomic.Int32
		inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && fails(count.Add(1)-1, i) {
				return errorfs.ErrInjected
			}
			return nil
		})
		done := make(chan storyEnd, 1)
		go func() { done <- story(errorfs.Wrap(mem, inject)) }()
		var end storyEnd
		select {
		case end = <-done:
		case <-time.After(time.Minute):
			t.Fatalf("write %d fails: the story does not end", i)
		}
		if end.err == nil {
			if n := count.Load(); n > i {
				// Only what nobody relies on failed: the holder file, or a file that Close tidies away.
				t.Logf("write %d fails: no error, %d items", i, end.acked)
			} else {
				return
			}
		}
		clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 0})
		d, err := db.Open(ctx, dbtest.Dir, dbtest.Options(clone))
		if err != nil {
			t.Fatalf("write %d fails: the folder does not open again: %v", i, err)
		}
		dbtest.MustCheck(t, d)
		if n := len(listIDs(t, d.All(ctx))); n < end.acked {
			t.Errorf("write %d fails: %d items acknowledged, %d found", i, end.acked, n)
		}
		dbtest.Must(t, d.Close())
	}
	t.Fatalf("the story has over %d writes", most)
}

type storyEnd struct {
	acked int
	err   error
}

// story opens a database, puts items one by one and in a block, brings the others into blocks, adds a model and closes.
func story(fs vfs.FS) (end storyEnd) {
	opts := dbtest.Options(fs)
	opts.Tune = func(p *pebble.Options) { p.FS = fs; p.MemTableSize = 64 << 10 } // flushes are part of it
	d, err := db.Open(ctx, dbtest.Dir, opts)
	if err != nil {
		end.err = err
		return end
	}
	fail := func(err error) bool {
		if err == nil || end.err != nil {
			return err != nil
		}
		end.err = err
		// The database must go on saying so, and must close.
		if errors.Is(err, db.ErrFailed) {
			if _, err := d.Put(ctx, db.Item{ID: "late", Vec: make([]float32, 8)}); !errors.Is(err, db.ErrFailed) {
				end.err = fmt.Errorf("put after %w gives %v", end.err, err)
			}
			if _, err := d.Get(ctx, "i0000"); !errors.Is(err, db.ErrFailed) {
				end.err = fmt.Errorf("get after %w gives %v", end.err, err)
			}
		}
		return true
	}
	defer func() { fail(d.Close()) }()
	for _, it := range dbtest.Items(6, 8, 1) {
		it.Thumb = make([]byte, 20<<10)
		if _, err := d.Put(ctx, it); fail(err) {
			return end
		}
		end.acked++
	}
	block := dbtest.Items(70, 8, 2)[6:]
	if _, err := d.Put(ctx, block...); fail(err) {
		return end
	}
	end.acked += len(block)
	if _, _, err := d.Compact(ctx); fail(err) {
		return end
	}
	if _, err := d.Put(ctx, dbtest.Items(70, 8, 3)[60:]...); fail(err) {
		return end
	}
	if fail(d.AddModel(ctx, "m", dbtest.Model(8, 16, 4, 1))) || fail(d.Activate(ctx, "m")) {
		return end
	}
	return end
}

// TestFullDisk: the error says what to do, and nothing that was acknowledged is lost.
func TestFullDisk(t *testing.T) {
	mem := vfs.NewCrashableMem()
	var full atomic.Bool
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return syscall.ENOSPC
		}
		return nil
	}))
	d := dbtest.MustOpenOn(t, fs)
	_, err := d.Put(ctx, dbtest.Items(10, 4, 1)...)
	dbtest.Must(t, err)
	full.Store(true)
	_, err = d.Put(ctx, dbtest.Items(20, 4, 1)...)
	if !errors.Is(err, db.ErrDiskFull) || !errors.Is(err, db.ErrFailed) || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("put on a full disk: %v", err)
	}
	if _, err := d.Get(ctx, "i0001"); !errors.Is(err, db.ErrDiskFull) {
		t.Errorf("get after that: %v", err)
	}
	if err := d.Close(); !errors.Is(err, db.ErrDiskFull) {
		t.Errorf("close: %v", err)
	}
	full.Store(false)
	again := dbtest.MustOpenOn(t, fs) // in the same process: the lock is free
	dbtest.MustCheck(t, again)
	if ids := listIDs(t, again.All(ctx)); len(ids) != 10 {
		t.Errorf("%d items, want the 10 acknowledged", len(ids))
	}
}
