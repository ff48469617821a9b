package db_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
	"github.com/saedb/saedb/internal/kv"
)

var ctx = context.Background()

func TestRoundTrip(t *testing.T) {
	d := dbtest.MustOpen(t)
	when := time.Date(2021, 5, 4, 3, 2, 1, 987654321, time.FixedZone("", 3600))
	in := db.Item{
		ID:  "trips/a b.jpg",
		Vec: []float32{3, 0, 4},
		Meta: map[string]any{
			"year": int64(2021), "stars": 4.5, "flag": true, "shot": when, "labels": []string{"sea", "sky"},
			"empty": []string{}, "width": int64(640), "camera.make": "Leica", "meta.label": "mine", "label": "theirs",
			"zero": "a\x00b", "long": strings.Repeat("ü", 300),
		},
		Thumb: []byte{0xff, 0xd8},
	}
	if _, err := d.Put(ctx, in); err != nil {
		t.Fatal(err)
	}
	got, err := d.Get(ctx, in.ID)
	if err != nil {
		t.Fatal(err)
	}
	want := in
	want.Vec, want.Norm, want.Added = []float32{0.6, 0, 0.8}, 5, got.Added
	want.Meta = maps.Clone(in.Meta)
	want.Meta["shot"] = when.UTC()
	delete(want.Meta, "empty")
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if time.Since(got.Added) > time.Hour || got.Added.IsZero() {
		t.Errorf("added %v", got.Added)
	}
	again, err := d.Put(ctx, got)
	if err != nil || again != (db.Result{Unchanged: 1}) {
		t.Errorf("putting what was read: %+v, %v", again, err)
	}
	dbtest.MustCheck(t, d)
}

func TestReplaceDeleteAndAddAgain(t *testing.T) {
	d := dbtest.MustOpen(t)
	put := func(want db.Result, items ...db.Item) {
		t.Helper()
		if got, err := d.Put(ctx, items...); err != nil || got != want {
			t.Fatalf("put: %+v, %v; want %+v", got, err, want)
		}
		dbtest.MustCheck(t, d)
	}
	a := db.Item{ID: "a", Vec: []float32{1, 0}, Meta: map[string]any{"x": int64(1)}}
	b := db.Item{ID: "b", Vec: []float32{0, 1}}
	put(db.Result{Added: 2}, a, b)
	put(db.Result{Unchanged: 2}, a, b)
	a.Meta = map[string]any{"x": "one"}
	put(db.Result{Replaced: 1, Unchanged: 1}, a, b)
	a.Thumb = []byte("t")
	put(db.Result{Replaced: 1}, a)
	a.Vec = []float32{2, 0} // the same direction, another norm
	put(db.Result{Replaced: 1}, a)
	put(db.Result{Replaced: 1}, db.Item{ID: "a", Vec: []float32{5, 5}}, a, db.Item{ID: "a", Vec: []float32{1, 1}}) // the last counts

	if n, err := d.Delete(ctx, "a", "nobody", "a"); n != 1 || err != nil {
		t.Fatalf("delete: %d, %v", n, err)
	}
	dbtest.MustCheck(t, d)
	if _, err := d.Get(ctx, "a"); !errors.Is(err, db.ErrNotFound) {
		t.Errorf("get of a deleted item: %v", err)
	}
	put(db.Result{Added: 1}, a)
	if ids := listIDs(t, d.All(ctx)); !slices.Equal(ids, []string{"b", "a"}) {
		t.Errorf("all: %v; an id that comes again goes to the end", ids)
	}
}

func listIDs(t *testing.T, items iter.Seq2[db.Item, error]) (ids []string) {
	t.Helper()
	for it, err := range items {
		dbtest.Must(t, err)
		ids = append(ids, it.ID)
	}
	return ids
}

func TestBadItems(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		name string
		item db.Item
		kind error
		says string
	}{
		{"no id", db.Item{Vec: []float32{1, 0}}, db.ErrItem, "1 to 512 bytes"},
		{"long id", db.Item{ID: strings.Repeat("x", 513), Vec: []float32{1, 0}}, db.ErrItem, "513 bytes"},
		{"id of other bytes", db.Item{ID: "\xff", Vec: []float32{1, 0}}, db.ErrItem, "UTF-8"},
		{"no vector", db.Item{ID: "a"}, db.ErrVector, "it is empty"},
		{"width", db.Item{ID: "a", Vec: []float32{1, 2, 3}}, db.ErrDim, "3 numbers, the database's have 2"},
		{"NaN", db.Item{ID: "a", Vec: []float32{1, nan}}, db.ErrVector, "element 1 is NaN"},
		{"zero", db.Item{ID: "a", Vec: []float32{0, 0}}, db.ErrVector, "norm is 0"},
		{"infinite norm", db.Item{ID: "a", Vec: []float32{3e38, 3e38}}, db.ErrVector, "norm"},
		{"negative norm", db.Item{ID: "a", Vec: []float32{1, 0}, Norm: -1}, db.ErrVector, "norm"},
		{"int", db.Item{ID: "a", Vec: []float32{1, 0}, Meta: map[string]any{"n": 1}}, db.ErrItem, "meta.n is a int"},
		{"id as metadata", db.Item{ID: "a", Vec: []float32{1, 0}, Meta: map[string]any{"id": "b"}}, db.ErrItem, "meta.id"},
		{"twice", db.Item{ID: "a", Vec: []float32{1, 0}, Meta: map[string]any{"n": "", "meta.n": ""}}, db.ErrItem, "twice"},
		{"path", db.Item{ID: "a", Vec: []float32{1, 0}, Meta: map[string]any{"path": int64(3)}}, db.ErrItem, "want string"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := dbtest.MustOpen(t)
			_, err := d.Put(ctx, db.Item{ID: "first", Vec: []float32{1, 1}})
			dbtest.Must(t, err)
			_, err = d.Put(ctx, db.Item{ID: "good", Vec: []float32{1, 1}}, c.item)
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v; want %q and %q in it", err, c.kind, c.says)
			}
			if ids := listIDs(t, d.All(ctx)); !slices.Equal(ids, []string{"first"}) {
				t.Errorf("the batch left %v", ids)
			}
		})
	}
}

func TestIngest(t *testing.T) {
	d := dbtest.MustOpen(t)
	items := dbtest.Items(db.IngestChunk+500, 4, 1)
	stream := func(end error, more ...db.Item) iter.Seq2[db.Item, error] {
		return func(yield func(db.Item, error) bool) {
			for _, it := range slices.Concat(items, more) {
				if !yield(it, nil) {
					return
				}
			}
			if end != nil {
				yield(db.Item{}, end)
			}
		}
	}
	broken := errors.New("the file ends here")
	res, err := d.Ingest(ctx, stream(broken))
	if !errors.Is(err, broken) || res != (db.Result{Added: len(items)}) {
		t.Fatalf("a stream that breaks: %+v, %v", res, err)
	}
	res, err = d.Ingest(ctx, stream(nil, items[3]))
	if err != nil || res != (db.Result{Unchanged: len(items) + 1}) {
		t.Fatalf("the same again: %+v, %v", res, err)
	}
	zero := db.Item{ID: "zero", Vec: make([]float32, 4)}
	if res, err = d.Ingest(ctx, stream(nil, db.Item{ID: "new", Vec: []float32{1, 2, 3, 4}}, zero)); !errors.Is(err, db.ErrVector) || res.Added != 1 {
		t.Fatalf("a zero row after a good one: %+v, %v", res, err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	n := 0
	res, err = d.Ingest(cancelled, func(yield func(db.Item, error) bool) {
		for _, it := range dbtest.Items(100, 4, 7) {
			if n++; n == 60 {
				cancel()
			}
			if !yield(it, nil) {
				return
			}
		}
	})
	if !errors.Is(err, context.Canceled) || res.Replaced != 59 {
		t.Fatalf("a cancelled stream: %+v, %v", res, err)
	}
	dbtest.MustCheck(t, d)
}

func TestSnapshotIsIsolated(t *testing.T) {
	d := dbtest.MustOpen(t)
	items := dbtest.Items(5, 3, 1)
	_, err := d.Put(ctx, items...)
	dbtest.Must(t, err)
	s, err := d.Snapshot()
	dbtest.Must(t, err)
	defer s.Close()
	before, err := s.Fingerprint(ctx)
	dbtest.Must(t, err)

	_, err = d.Delete(ctx, "i0001")
	dbtest.Must(t, err)
	items[2].Vec = []float32{0, 0, 1}
	_, err = d.Put(ctx, items[2], db.Item{ID: "new", Vec: []float32{1, 1, 1}})
	dbtest.Must(t, err)

	after, err := s.Fingerprint(ctx)
	dbtest.Must(t, err)
	if before != after || s.Len() != 5 {
		t.Error("the snapshot changed with the database")
	}
	if now, _ := d.Fingerprint(ctx); now == before {
		t.Error("the database's fingerprint did not change with its content")
	}
	for err := range s.Check(ctx) {
		t.Error(err)
	}
}

func TestFingerprintForgetsTheOrder(t *testing.T) {
	items := dbtest.Items(20, 4, 1)
	a, b := dbtest.MustOpen(t), dbtest.MustOpen(t)
	_, err := a.Put(ctx, items...)
	dbtest.Must(t, err)
	slices.Reverse(items)
	for _, it := range items {
		other := it
		other.Vec = []float32{1, 1, 1, 1}
		for _, it := range []db.Item{other, it} {
			_, err := b.Put(ctx, it)
			dbtest.Must(t, err)
		}
	}
	x, err := a.Fingerprint(ctx)
	dbtest.Must(t, err)
	if y, err := b.Fingerprint(ctx); err != nil || x != y {
		t.Errorf("%x and %x, %v", x, y, err)
	}
}

func TestOpen(t *testing.T) {
	fs := vfs.NewMem()
	open := func(dir string, o db.Options) error {
		o.Tune = func(p *pebble.Options) { p.FS = fs }
		d, err := db.Open(ctx, dir, &o)
		if err == nil {
			err = d.Close()
		}
		return err
	}
	expect := func(name string, err, kind error, says ...string) {
		t.Helper()
		if !errors.Is(err, kind) {
			t.Errorf("%s: %v, want %v", name, err, kind)
			return
		}
		for _, s := range says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %q does not say %q", name, err, s)
			}
		}
	}
	clip := db.Space{Encoder: "clip-b32", Preprocess: "v1"}

	expect("missing", open("db", db.Options{}), db.ErrNoDatabase, "db", "saectl index, import, restore and demo create one")
	dbtest.Must(t, fs.MkdirAll("empty", 0o755))
	expect("empty", open("empty", db.Options{}), db.ErrNoDatabase, "empty")
	dbtest.Must(t, fs.MkdirAll("pictures", 0o755))
	f, err := fs.Create("pictures/a.jpg", vfs.WriteCategoryUnspecified)
	dbtest.Must(t, err)
	dbtest.Must(t, f.Close())
	expect("other files", open("pictures", db.Options{Create: true}), db.ErrNoDatabase, "a.jpg")

	d, err := db.Create(ctx, "db", &db.Options{Space: clip, Tune: func(p *pebble.Options) { p.FS = fs }})
	dbtest.Must(t, err)
	expect("locked", open("db", db.Options{}), db.ErrLocked, "db", fmt.Sprintf("pid %d", pid))
	d.Announce("http://127.0.0.1:7878")
	expect("served", open("db", db.Options{}), db.ErrLocked, fmt.Sprintf("pid %d", pid), "saectl --db http://127.0.0.1:7878")
	d.Announce("no URL\a")
	expect("served nowhere", open("db", db.Options{}), db.ErrLocked, fmt.Sprintf("by another process (pid %d)", pid))
	_, err = d.Put(ctx, db.Item{ID: "a", Vec: []float32{1, 2, 3}})
	dbtest.Must(t, err)
	dbtest.Must(t, d.Close())
	expect("closed twice", d.Close(), db.ErrClosed)
	_, err = d.Get(ctx, "a")
	expect("get after close", err, db.ErrClosed)
	_, err = d.Put(ctx, db.Item{ID: "a", Vec: []float32{1, 2, 3}})
	expect("put after close", err, db.ErrClosed)

	expect("again", open("db", db.Options{Create: true, Dim: 3}), nil)
	expect("same space", open("db", db.Options{Space: clip}), nil)
	expect("dimensions", open("db", db.Options{Dim: 4}), db.ErrDim, "3 dimensions", "have 4")
	other := db.Space{Encoder: "siglip"}
	expect("space", open("db", db.Options{Space: other}), db.ErrSpace, "clip-b32", "siglip", "v1")
	if err := open("db", db.Options{Create: true, ReadOnly: true, Dim: -1}); err == nil || !strings.Contains(err.Error(), "exclude") || !strings.Contains(err.Error(), "-1") {
		t.Errorf("bad options: %v", err)
	}
}

func TestReadOnly(t *testing.T) {
	fs := vfs.NewMem()
	d := dbtest.MustOpenOn(t, fs)
	_, err := d.Put(ctx, dbtest.Items(3, 2, 1)...)
	dbtest.Must(t, err)
	dbtest.Must(t, d.Close())
	r, err := db.Open(ctx, dbtest.Dir, &db.Options{ReadOnly: true, Tune: func(p *pebble.Options) { p.FS = fs }})
	dbtest.Must(t, err)
	defer r.Close()
	if ids := listIDs(t, r.All(ctx)); len(ids) != 3 {
		t.Errorf("all: %v", ids)
	}
	if _, err := r.Put(ctx, dbtest.Items(1, 2, 1)...); !errors.Is(err, db.ErrReadOnly) {
		t.Errorf("put: %v", err)
	}
	if _, err := r.Delete(ctx, "i0001"); !errors.Is(err, db.ErrReadOnly) {
		t.Errorf("delete: %v", err)
	}
	dbtest.MustCheck(t, r)
}

func TestNewerFormatIsRefused(t *testing.T) {
	fs := vfs.NewMem()
	dbtest.Must(t, dbtest.MustOpenOn(t, fs).Close())
	s, _, err := kv.Open(dbtest.Dir, kv.Options{Tune: func(p *pebble.Options) { p.FS = fs }})
	dbtest.Must(t, err)
	b := s.Batch()
	b.Set(kv.KeyFormat(), kv.AppendFormat(nil, kv.Format+7))
	dbtest.Must(t, b.Commit())
	b.Close()
	dbtest.Must(t, s.Close())
	_, err = db.Open(ctx, dbtest.Dir, dbtest.Options(fs))
	if !errors.Is(err, db.ErrFormat) || !strings.Contains(err.Error(), fmt.Sprint("format ", kv.Format+7)) || !strings.Contains(err.Error(), fmt.Sprint("up to ", kv.Format)) {
		t.Errorf("got %v", err)
	}
}

func TestCloseWaitsForReaders(t *testing.T) {
	d := dbtest.MustOpen(t)
	_, err := d.Put(ctx, dbtest.Items(50, 2, 1)...)
	dbtest.Must(t, err)
	closed := make(chan error)
	n := 0
	for _, err := range d.All(ctx) {
		if n++; n == 1 {
			go func() { closed <- d.Close() }()
		}
		dbtest.Must(t, err)
	}
	if n != 50 {
		t.Errorf("the loop saw %d items", n)
	}
	dbtest.Must(t, <-closed)
}
