package db_test

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
	"github.com/saedb/saedb/internal/kv"
)

// damaged returns a file system with a database of 300 items and an autoencoder, and what All yielded of it.
func damaged(t *testing.T) (fs *vfs.MemFS, items map[string]db.Item, fingerprint string) {
	t.Helper()
	fs = vfs.NewMem()
	o := dbtest.Options(fs)
	o.Tune = func(p *pebble.Options) {
		p.FS = fs
		for i := range p.Levels {
			p.Levels[i].BlockSize = 512 // many blocks for few items
		}
	}
	d, err := db.Open(ctx, dbtest.Dir, o)
	dbtest.Must(t, err)
	all := dbtest.Items(300, 16, 1)
	for i := range all {
		all[i].Thumb = []byte{byte(i), 1}
	}
	_, err = d.Put(ctx, all...)
	dbtest.Must(t, err)
	_, err = d.Delete(ctx, "i0007")
	dbtest.Must(t, err)
	dbtest.Must(t, d.AddModel(ctx, "m", dbtest.Model(16, 20, 3, 1)))
	dbtest.Must(t, d.Activate(ctx, "m"))
	dbtest.Must(t, d.SetNames(ctx, "m", dbtest.Names(20)))
	items = map[string]db.Item{}
	for it, err := range d.All(ctx) {
		dbtest.Must(t, err)
		items[it.ID] = it
	}
	fingerprint, err = d.Fingerprint(ctx)
	dbtest.Must(t, err)
	dbtest.Must(t, d.Close())
	return fs, items, fingerprint
}

// rescue salvages the database on fs into a new one, which must be whole.
func rescue(t *testing.T, d *db.DB) (*db.DB, db.Salvaged) {
	t.Helper()
	to := dbtest.MustOpen(t)
	out, err := d.Salvage(ctx, to)
	dbtest.Must(t, err)
	dbtest.MustCheck(t, to)
	return to, out
}

func TestSalvageOfAWholeDatabase(t *testing.T) {
	fs, items, want := damaged(t)
	to, out := rescue(t, dbtest.MustOpenOn(t, fs))
	if got, err := to.Fingerprint(ctx); err != nil || got != want {
		t.Errorf("fingerprint %s, want %s (%v)", got, want, err)
	}
	if want := (db.Salvaged{Items: len(items), Models: 1}); !reflect.DeepEqual(out, want) {
		t.Errorf("%+v, want %+v", out, want)
	}
}

func TestSalvageLosesOnlyWhatIsDamaged(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(b *kv.Batch)
		want  db.Salvaged // but for Faults
		says  string
	}{
		{"a vector is short", func(b *kv.Batch) { b.Set(kv.KeyVector(290), []byte{1}) }, db.Salvaged{Items: 298, Lost: 1, Models: 1}, `item "i0290": vector: `},
		{"a vector is missing", func(b *kv.Batch) { b.Delete(kv.KeyVector(290)) }, db.Salvaged{Items: 298, Lost: 1, Models: 1}, "no vector"},
		{"a block of vectors is short", func(b *kv.Batch) { b.Set(kv.KeyBlock(0), []byte{1}) }, db.Salvaged{Items: 284, Lost: 15, Models: 1}, `item "i0015": vector: block 0 of vectors: `},
		{"a block of vectors is missing", func(b *kv.Batch) { b.Delete(kv.KeyBlock(8)) }, db.Salvaged{Items: 283, Lost: 16, Models: 1}, "block 8 is missing"},
		{"a row of a block is missing", func(b *kv.Batch) {
			b.Set(kv.KeyBlock(0), kv.AppendVector(kv.AppendBlock(nil, 1<<3), unitOf(dbtest.Items(300, 16, 1)[3])))
		}, db.Salvaged{Items: 285, Lost: 14, Models: 1}, "ordinal 2 is not in it"},
		{"an item's record", func(b *kv.Batch) { b.Set(kv.KeyItem(2), []byte{1}) }, db.Salvaged{Items: 298, Lost: 1, Models: 1}, "ordinal 2: "},
		{"metadata", spoilMeta, db.Salvaged{Items: 299, Bare: 1, Models: 1}, `item "i0002": metadata: `},
		{"a code", func(b *kv.Batch) { b.Set(kv.KeyCode(1, 5), []byte{9}) }, db.Salvaged{Items: 299, Models: 1}, ""},
		{"a posting block", func(b *kv.Batch) { b.Set(kv.KeyWeights(1, 3, 0), []byte{1}) }, db.Salvaged{Items: 299, Models: 1}, ""},
		{"the model", func(b *kv.Batch) { b.SetBlob(kv.SpanFile(1), []byte("no")) }, db.Salvaged{Items: 299}, `autoencoder "m": `},
		{"the names", func(b *kv.Batch) { b.SetBlob(kv.SpanNames(1), []byte("no")) }, db.Salvaged{Items: 299, Models: 1}, `names of autoencoder "m"`},
	} {
		fs, items, _ := damaged(t)
		s, _, err := kv.Open(dbtest.Dir, kv.Options{Tune: func(o *pebble.Options) { o.FS = fs }})
		dbtest.Must(t, err)
		b := s.Batch()
		c.spoil(b)
		dbtest.Must(t, b.Commit())
		b.Close()
		dbtest.Must(t, s.Close())
		to, out := rescue(t, dbtest.MustOpenOn(t, fs))
		faults := errors.Join(out.Faults...)
		if out.Faults = nil; !reflect.DeepEqual(out, c.want) {
			t.Errorf("%s: %+v, want %+v", c.name, out, c.want)
		}
		if (c.says == "") != (faults == nil) || faults != nil && !strings.Contains(faults.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.name, faults, c.says)
		}
		for it, err := range to.All(ctx) {
			dbtest.Must(t, err)
			want := items[it.ID]
			if !slices.Equal(it.Vec, want.Vec) || it.Norm != want.Norm && out.Bare == 0 || out.Bare == 0 && !reflect.DeepEqual(it.Meta, want.Meta) {
				t.Errorf("%s: item %s came back as another", c.name, it.ID)
			}
		}
	}
}

// TestSalvageOfFlippedBytes spoils places all over the tables: whatever opens gives back items that are what they were, and what is
// missing is told.
func TestSalvageOfFlippedBytes(t *testing.T) {
	whole, items, _ := damaged(t)
	names, err := whole.List(dbtest.Dir)
	dbtest.Must(t, err)
	opened, lossy := 0, 0
	for _, name := range names {
		if !strings.HasSuffix(name, ".sst") {
			continue
		}
		size := sizeOf(t, whole, name)
		for at := int64(5); at < size; at += max(1, size/12) {
			fs := vfs.NewMem()
			_, err := vfs.Clone(whole, fs, dbtest.Dir, dbtest.Dir)
			dbtest.Must(t, err)
			flipBits(t, fs, name, at, 0x55)
			d, err := db.Open(ctx, dbtest.Dir, dbtest.Options(fs))
			if err != nil {
				if !errors.Is(err, db.ErrCorrupt) && !errors.Is(err, db.ErrFailed) {
					t.Errorf("%s at %d: open: %v", name, at, err)
				}
				continue
			}
			opened++
			to := dbtest.MustOpen(t)
			out, err := d.Salvage(ctx, to)
			_ = d.Close()
			if err != nil {
				if !errors.Is(err, db.ErrCorrupt) && !errors.Is(err, db.ErrFailed) {
					t.Errorf("%s at %d: %v", name, at, err)
				}
				continue
			}
			dbtest.MustCheck(t, to)
			left := maps.Clone(items)
			for it, err := range to.All(ctx) {
				dbtest.Must(t, err)
				want, ok := left[it.ID]
				if !ok || !slices.Equal(it.Vec, want.Vec) {
					t.Errorf("%s at %d: item %s came back as another", name, at, it.ID)
				}
				delete(left, it.ID)
			}
			if len(left) > 0 {
				lossy++
			}
			if len(left) > out.Lost || len(left) > 0 && len(out.Faults) == 0 {
				t.Errorf("%s at %d: %d items are missing, the salvage says %d (%v)", name, at, len(left), out.Lost, out.Faults)
			}
		}
	}
	if opened == 0 || lossy == 0 {
		t.Errorf("%d damaged databases opened, %d had lost items: the test shows nothing", opened, lossy)
	}
	t.Logf("%d damaged databases opened, %d had lost items", opened, lossy)
}

func sizeOf(t *testing.T, fs vfs.FS, name string) int64 {
	t.Helper()
	st, err := fs.Stat(dbtest.Dir + "/" + name)
	dbtest.Must(t, err)
	return st.Size()
}

// flip changes one byte of a file of the database.
func flip(t *testing.T, fs vfs.FS, name string, at int64) {
	t.Helper()
	f, err := fs.OpenReadWrite(dbtest.Dir+"/"+name, vfs.WriteCategoryUnspecified)
	dbtest.Must(t, err)
	b := []byte{0}
	_, err = f.ReadAt(b, at)
	dbtest.Must(t, err)
	_, err = f.WriteAt([]byte{b[0] ^ 0x55}, at)
	dbtest.Must(t, err)
	dbtest.Must(t, f.Close())
}

// spoilMeta gives item 2 an item record whose metadata cannot be read.
func spoilMeta(b *kv.Batch) {
	b.Set(kv.KeyItem(2), kv.AppendItem(nil, kv.Item{ID: "i0002", Norm: 1, Meta: []byte{9}, Block: true}))
}

// unitOf is an item's vector as it is stored.
func unitOf(it db.Item) []float32 { return stored(it).vec }
