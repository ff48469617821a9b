package db_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
	"github.com/saedb/saedb/internal/kv"
)

// layout is where the vectors of a database lie.
type layout struct {
	loose  int // under keys of their own
	blocks int
	rows   int // in blocks, dead ones too
}

// layoutOf opens a closed database's store.
func layoutOf(t *testing.T, fs vfs.FS, dir string, dim int) (l layout) {
	t.Helper()
	s, _, err := kv.Open(dir, kv.Options{Tune: func(o *pebble.Options) { o.FS = fs }})
	dbtest.Must(t, err)
	defer s.Close()
	r, err := s.Snapshot()
	dbtest.Must(t, err)
	defer r.Close()
	for _, err := range r.Range(kv.SpanVectors().Lower, kv.SpanVectors().Upper) {
		dbtest.Must(t, err)
		l.loose++
	}
	for p, err := range r.Range(kv.SpanBlocks().Lower, kv.SpanBlocks().Upper) {
		dbtest.Must(t, err)
		b, err := kv.DecodeBlock(p.Value, dim)
		dbtest.Must(t, err)
		l.blocks++
		for place := range kv.VectorRows(dim) {
			if b.Row(place) != nil {
				l.rows++
			}
		}
	}
	return l
}

// TestWhereVectorsLie: a put fills whole blocks and leaves the rest alone, what is replaced leaves its block, and Compact brings all into
// blocks and out of them what is dead. None of it changes an answer.
func TestWhereVectorsLie(t *testing.T) {
	const dim = 8
	fs := vfs.NewMem()
	put := func(from, to int, seed uint64) func(d *db.DB) {
		return func(d *db.DB) {
			_, err := d.Put(ctx, dbtest.Items(to, dim, seed)[from:]...)
			dbtest.Must(t, err)
		}
	}
	remove := func(from, to int) func(d *db.DB) {
		return func(d *db.DB) {
			for i := from; i < to; i++ {
				_, err := d.Delete(ctx, fmt.Sprintf("i%04d", i))
				dbtest.Must(t, err)
			}
		}
	}
	compact := func(d *db.DB) {
		before := fingerprint(t, d)
		_, _, err := d.Compact(ctx)
		dbtest.Must(t, err)
		if fingerprint(t, d) != before {
			t.Error("after Compact it is another database")
		}
	}
	for _, step := range []struct {
		name string
		do   func(d *db.DB)
		want layout
	}{
		{"a few", put(0, 5, 1), layout{5, 0, 0}},
		{"up to the end of block 2", put(5, 48, 1), layout{16, 2, 32}},
		{"one over", put(48, 65, 1), layout{17, 3, 48}},
		{"the same again", put(0, 65, 1), layout{17, 3, 48}},
		{"other vectors of two of block 1", put(16, 18, 2), layout{19, 3, 48}},
		{"deleted in block 1 and beside it", remove(14, 17), layout{16, 3, 48}},
		{"compacted", compact, layout{0, 5, 62}},
		{"compacted again", compact, layout{0, 5, 62}},
		{"more in the last block", put(65, 70, 1), layout{5, 5, 62}},
		{"compacted with them", compact, layout{0, 5, 67}},
		{"all of block 2 deleted", remove(32, 48), layout{0, 5, 67}},
		{"compacted without it", compact, layout{0, 4, 51}},
		{"all deleted", remove(0, 70), layout{0, 4, 51}},
		{"compacted to nothing", compact, layout{}},
		{"put again, across the end of block 4", put(0, 30, 1), layout{14, 1, 16}},
	} {
		d := dbtest.MustOpenOn(t, fs)
		step.do(d)
		dbtest.MustCheck(t, d)
		dbtest.Must(t, d.Close())
		if got := layoutOf(t, fs, dbtest.Dir, dim); got != step.want {
			t.Errorf("%s: %+v, want %+v", step.name, got, step.want)
		}
	}
}

// TestBlocksOfLongVectors: fewer rows in a block, down to one.
func TestBlocksOfLongVectors(t *testing.T) {
	for _, c := range []struct {
		dim  int
		want layout
	}{{512, layout{3, 2, 32}}, {513, layout{3, 4, 32}}, {1200, layout{3, 8, 32}}, {8192, layout{0, 35, 35}}} {
		fs := vfs.NewMem()
		d := dbtest.MustOpenOn(t, fs)
		_, err := d.Put(ctx, dbtest.Items(35, c.dim, 1)...)
		dbtest.Must(t, err)
		dbtest.MustCheck(t, d)
		for i, want := range dbtest.Items(35, c.dim, 1) {
			if it, err := d.Get(ctx, want.ID); err != nil || stored(want).differ(it) != nil {
				t.Errorf("%d numbers: item %d: %v", c.dim, i, err)
			}
		}
		dbtest.Must(t, d.Close())
		if got := layoutOf(t, fs, dbtest.Dir, c.dim); got != c.want {
			t.Errorf("%d numbers: %+v, want %+v", c.dim, got, c.want)
		}
	}
}

// TestIngestFindsBlockEnds: an ingest that begins, or is continued, in the middle of a block leaves some vectors alone with its first
// chunks, and none with those that follow.
func TestIngestFindsBlockEnds(t *testing.T) {
	fs := vfs.NewMem()
	d := dbtest.MustOpenOn(t, fs)
	items := dbtest.Items(8*db.IngestChunk+11, 2, 1)
	_, err := d.Put(ctx, items[:7]...)
	dbtest.Must(t, err)
	broken := errors.New("broken")
	_, err = d.Ingest(ctx, func(yield func(db.Item, error) bool) {
		itemSeq(items[7 : db.IngestChunk+50])(yield)
		yield(db.Item{}, broken)
	})
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
	_, err = d.Ingest(ctx, itemSeq(items))
	dbtest.Must(t, err)
	dbtest.MustCheck(t, d)
	dbtest.Must(t, d.Close())
	got := layoutOf(t, fs, dbtest.Dir, 2)
	if got.loose+got.rows != len(items) || got.loose > 6*16 {
		t.Errorf("%+v of %d items", got, len(items))
	}
}

// TestSealInManyCommits compacts more rows than go into one commit, is stopped in between, and goes on.
func TestSealInManyCommits(t *testing.T) {
	const n = 3000
	fs := vfs.NewMem()
	d := dbtest.MustOpenOn(t, fs)
	for _, it := range dbtest.Items(n, 2, 1) {
		_, err := d.Put(ctx, it)
		dbtest.Must(t, err)
	}
	want := fingerprint(t, d)
	snap, err := d.Snapshot()
	dbtest.Must(t, err)
	defer snap.Close()
	for polls := 1; ; polls += 20 { // each stopped a little later than the one before
		_, _, err := d.Compact(&shortLived{Context: ctx, polls: polls})
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if polls%100 == 1 {
			dbtest.MustCheck(t, d)
		}
	}
	if got := fingerprint(t, d); got != want {
		t.Error("it is another database")
	}
	if old, err := snap.Fingerprint(ctx); err != nil || old != want {
		t.Errorf("the snapshot is another (%v)", err)
	}
	for fault := range snap.Check(ctx) {
		t.Errorf("the snapshot: %v", fault)
	}
	dbtest.MustCheck(t, d)
	snap.Close()
	dbtest.Must(t, d.Close())
	if got := layoutOf(t, fs, dbtest.Dir, 2); got != (layout{0, (n + 15) / 16, n}) {
		t.Errorf("%+v", got)
	}
}

// shortLived is a context that ends when it has been asked so often.
type shortLived struct {
	context.Context
	mu    sync.Mutex
	polls int
}

func (c *shortLived) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.polls--; c.polls < 0 {
		return context.Canceled
	}
	return nil
}

// TestSealBesideOthers compacts again and again while others put, replace, delete and read: every reader finds what the writer wrote.
func TestSealBesideOthers(t *testing.T) {
	d := dbtest.MustOpen(t)
	items := dbtest.Items(200, 4, 1)
	_, err := d.Put(ctx, items[:100]...)
	dbtest.Must(t, err)
	stop := make(chan struct{})
	var others sync.WaitGroup
	others.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if _, _, err := d.Compact(ctx); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	others.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			want := items[i%100]
			if it, err := d.Get(ctx, want.ID); err != nil || stored(want).differ(it) != nil && i%100 >= 50 {
				t.Errorf("%s: %+v, %v", want.ID, it, err)
				return
			}
		}
	})
	for round := range 40 {
		for i := range 5 { // items 0 to 49 change, 100 to 199 come and go
			_, err := d.Put(ctx, dbtest.Items(50, 4, uint64(round))[i*10:i*10+3]...)
			dbtest.Must(t, err)
			_, err = d.Put(ctx, items[100+20*i:120+20*i]...)
			dbtest.Must(t, err)
			_, err = d.Delete(ctx, items[100+20*i].ID, items[110+i].ID)
			dbtest.Must(t, err)
		}
	}
	close(stop)
	others.Wait()
	dbtest.MustCheck(t, d)
}

// TestUpgradeSeals: of a released database that was upgraded, and of one that was written to and compacted, all vectors are in blocks.
func TestUpgradeSeals(t *testing.T) {
	for _, c := range released {
		for _, way := range []string{"upgrade", "compact"} {
			f, err := os.Open(filepath.Join("testdata", c.file))
			dbtest.Must(t, err)
			dir := filepath.Join(t.TempDir(), "db")
			dbtest.Must(t, db.Restore(ctx, dir, f))
			dbtest.Must(t, f.Close())
			if way == "upgrade" {
				_, _, err = db.Upgrade(ctx, dir)
				dbtest.Must(t, err)
			} else {
				d, err := db.Open(ctx, dir, nil)
				dbtest.Must(t, err)
				_, _, err = d.Compact(ctx)
				dbtest.Must(t, err)
				if st, err := d.Stats(ctx); err != nil || st.Format != kv.Format {
					t.Errorf("%s: compacted, it has format %d (%v)", c.file, st.Format, err)
				}
				dbtest.Must(t, d.Close())
			}
			if got := fingerprintOf(t, dir); got != c.fingerprint { // checks, too
				t.Errorf("%s: after %s its fingerprint is %s", c.file, way, got)
			}
			if got := layoutOf(t, vfs.Default, dir, 8); got != (layout{0, 3, 39}) {
				t.Errorf("%s: after %s %+v", c.file, way, got)
			}
		}
	}
}
