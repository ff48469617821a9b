package db_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
	"github.com/saedb/saedb/internal/kv"
)

// weights is a posting block of one row, or an operand that removes it.
func weights(row uint16, act float32) []byte {
	return kv.AppendWeights(nil, kv.Weigh([]uint16{row}, []float32{act}))
}

// TestCheckFinds spoils one thing at a time behind the database's back.
func TestCheckFinds(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(b *kv.Batch)
		says  string
	}{
		{"id map", func(b *kv.Batch) { b.Set(kv.KeyID("i0003"), kv.AppendOrd(nil, 4)) }, `id "i0003" leads to ordinal 4`},
		{"id missing", func(b *kv.Batch) { b.Delete(kv.KeyID("i0003")) }, "19 ids for 20 items"},
		{"vector missing", func(b *kv.Batch) { b.Delete(kv.KeyVector(17)) }, "ordinal 17 has no vector"},
		{"vector short", func(b *kv.Batch) { b.Set(kv.KeyVector(17), []byte{1, 2, 3, 4}) }, "vector of 4 bytes, want 24"},
		{"vector long", func(b *kv.Batch) { b.Set(kv.KeyVector(17), kv.AppendVector(nil, []float32{1, 1, 0, 0, 0, 0})) }, "norm 1.41"},
		{"vector of nobody", func(b *kv.Batch) { b.Set(kv.KeyVector(99), kv.AppendVector(nil, make([]float32, 6))) }, "vector of ordinal 99"},
		{"metadata", spoilMeta, "metadata of 0 fields"},
		{"other metadata", func(b *kv.Batch) {
			b.Set(kv.KeyItem(2), kv.AppendItem(nil, kv.Item{ID: "i0002", Norm: 1, Block: true, Meta: kv.AppendMeta(nil, map[string]any{"meta.x": "y"})}))
		}, "the metadata index lacks"},
		{"metadata beside the record", func(b *kv.Batch) { b.Set(kv.KeyMeta(2), kv.AppendMeta(nil, nil)) }, "its record knows nothing of it"},
		{"thumbnail that is not in the record", func(b *kv.Batch) { b.Set(kv.KeyThumb(2), []byte("GIF")) }, "its record knows nothing of it"},
		{"thumbnail that is only in the record", func(b *kv.Batch) {
			b.Set(kv.KeyItem(2), kv.AppendItem(nil, kv.Item{ID: "i0002", Norm: 1, Block: true, Thumb: true}))
		}, "ordinal 2 has no thumbnail"},
		{"an item gone without a trace", func(b *kv.Batch) {
			for _, k := range [][]byte{kv.KeyItem(19), kv.KeyVector(19), kv.KeyID("i0019")} {
				b.Delete(k)
			}
		}, "ordinals 0 to 32767: 25 items, vectors, blocks and thumbnails were stored, 23 are there"},
		{"another norm", func(b *kv.Batch) {
			b.Set(kv.KeyItem(2), kv.AppendItem(nil, kv.Item{ID: "i0002", Norm: 7, Block: true}))
		}, "an item, vector, block or thumbnail is not what was stored"},
		{"index entry too many", func(b *kv.Batch) { b.Set(kv.KeyIndex("meta.year", int64(3), 2), nil) }, `meta.year = 3 for ordinal 2, item "i0002"`},
		{"field count", func(b *kv.Batch) { b.Merge(kv.KeyField("meta.year", kv.Int), kv.AppendCounter(nil, 2)) }, "the catalogue counts 22 items, there are 20"},
		{"live count", func(b *kv.Batch) {
			b.Set(kv.KeyState(), kv.AppendState(nil, kv.State{Next: 20, Live: 7, Dim: 6, Active: 1, NextModel: 2}))
		}, "20 items are stored, the count says 7"},
		{"next ordinal", func(b *kv.Batch) {
			b.Set(kv.KeyState(), kv.AppendState(nil, kv.State{Next: 19, Live: 20, Dim: 6, Active: 1, NextModel: 2}))
		}, "the next to give is 19"},
		{"code missing", func(b *kv.Batch) { b.Delete(kv.KeyCode(1, 5)) }, `item "i0005" at ordinal 5 has no code`},
		{"code changed", func(b *kv.Batch) { b.Set(kv.KeyCode(1, 5), kv.AppendCode(nil, []uint32{1}, []float32{9})) }, "are not those of the"},
		{"code too long", func(b *kv.Batch) {
			b.Set(kv.KeyCode(1, 5), kv.AppendCode(nil, []uint32{1, 2, 3, 4}, []float32{9, 9, 9, 9}))
		}, "4 latents, k is 3"},
		{"code of a latent that is not", func(b *kv.Batch) { b.Set(kv.KeyCode(1, 5), kv.AppendCode(nil, []uint32{20}, []float32{9})) }, "latent 20 of 20"},
		{"posting too many", func(b *kv.Batch) { b.Merge(kv.KeyWeights(1, 3, 0), weights(77, 1)) }, "latent 3: ordinal 77 has a posting"},
		{"posting broken", func(b *kv.Batch) { b.Set(kv.KeyWeights(1, 3, 0), []byte{1}) }, "latent 3, block 0: corrupt data: posting block of 1 bytes"},
		{"posting missing", func(b *kv.Batch) {
			b.Merge(kv.KeyWeights(1, 3, 0), weights(5, 0)) // whether or not it was there
			b.Set(kv.KeyCode(1, 5), kv.AppendCode(nil, []uint32{3}, []float32{0.001}))
		}, "latent 3: ordinal 5 has no posting, its code has the activation 0.001"},
		{"another weight", func(b *kv.Batch) {
			b.Set(kv.KeyWeights(1, 3, 0), weights(5, 8))
			b.Set(kv.KeyCode(1, 5), kv.AppendCode(nil, []uint32{3}, []float32{8}))
			b.Merge(kv.KeyWeights(1, 3, 0), weights(5, 4))
		}, "latent 3: the posting of ordinal 5 says above 3.9375 and up to 4, its code 8"},
		{"bounds", func(b *kv.Batch) {
			b.Set(kv.KeyWeights(1, 3, 0), weights(5, 4))
			b.Set(kv.KeyCode(1, 5), kv.AppendCode(nil, []uint32{3}, []float32{8}))
		}, "latent 3: ordinal 5 has the activation 8, its posting block says from 4 to 4"},
		{"posting of an old format", func(b *kv.Batch) { b.Merge(kv.KeyPosting(1, 3, 0), kv.AppendPosting(nil, 5, 1)) }, "the header says that there are none"},
		{"statistics", func(b *kv.Batch) {
			b.Merge(kv.KeyStats(1, 3), kv.AppendStats(nil, kv.Stats{Count: 1, Whole: 1, Top: 1}))
		}, "latent 3: its statistics count"},
		{"statistics missing", func(b *kv.Batch) { b.DeleteRange(kv.SpanStats(1).Lower, kv.SpanStats(1).Upper) }, "it has no statistics, and is active in"},
		{"statistics broken", func(b *kv.Batch) { b.Set(kv.KeyStats(1, 3), []byte{1}) }, "statistics of a latent: 01"},
		{"statistics of a latent that is not", func(b *kv.Batch) { b.Set(kv.KeyStats(1, 20), nil) }, "statistics of latent 20 of 20"},
		{"largest activation", func(b *kv.Batch) { b.Merge(kv.KeyStats(1, 3), kv.AppendStats(nil, kv.Stats{Top: 1e9})) }, "no activation is above 1e+09"},
		{"model file", func(b *kv.Batch) { b.SetBlob(kv.SpanFile(1), []byte("not a model")) }, `autoencoder "m"`},
		{"names", func(b *kv.Batch) { b.SetBlob(kv.SpanNames(1), []byte("not names")) }, `names of autoencoder "m"`},
		{"no active model", func(b *kv.Batch) { b.Delete(kv.KeyModel(1)) }, "the active autoencoder, number 1, is missing"},
		{"unknown key", func(b *kv.Batch) { b.Set([]byte("zebra"), nil) }, "unknown key"},
	} {
		t.Run(c.name, func(t *testing.T) { checkFinds(t, 20, c.spoil, c.says) })
	}
}

// TestCheckFindsInBlocks spoils what has to do with the block that the first 16 of 24 items' vectors are in.
func TestCheckFindsInBlocks(t *testing.T) {
	items := dbtest.Items(24, 6, 1)
	block := func(mask uint32, change func(ord int, x []float32)) []byte {
		v := kv.AppendBlock(nil, mask)
		for ord := range 16 {
			x := unitOf(items[ord])
			change(ord, x)
			if mask>>ord&1 == 1 {
				v = kv.AppendVector(v, x)
			}
		}
		return v
	}
	keep := func(int, []float32) {}
	record := func(ord int, inBlock bool) []byte {
		return kv.AppendItem(nil, kv.Item{ID: items[ord].ID, Norm: 1, Block: inBlock})
	}
	for _, c := range []struct {
		name  string
		spoil func(b *kv.Batch)
		says  string
	}{
		{"missing", func(b *kv.Batch) { b.Delete(kv.KeyBlock(0)) }, "ordinal 15 has no vector: block 0 is missing"},
		{"short", func(b *kv.Batch) { b.Set(kv.KeyBlock(0), block(1<<16-1, keep)[1:]) }, "block 0 of vectors, of ordinals 0 to 15"},
		{"empty", func(b *kv.Batch) { b.Set(kv.KeyBlock(0), kv.AppendBlock(nil, 0)) }, "block 0 of vectors, of ordinals 0 to 15"},
		{"without a row", func(b *kv.Batch) { b.Set(kv.KeyBlock(0), block(1<<16-1-1<<7, keep)) }, "ordinal 7: block 0 of vectors: corrupt data: ordinal 7 is not in it"},
		{"a row of another norm", func(b *kv.Batch) {
			b.Set(kv.KeyBlock(0), block(1<<16-1, func(ord int, x []float32) { x[0] += float32(ord / 15) }))
		}, `item "i0015": its vector has norm`},
		{"another row", func(b *kv.Batch) {
			b.Set(kv.KeyBlock(0), block(1<<16-1, func(ord int, x []float32) { x[0], x[1] = x[1], x[0] }))
		}, "an item, vector, block or thumbnail is not what was stored"},
		{"of ordinals that are to come", func(b *kv.Batch) {
			b.Set(kv.KeyBlock(1), kv.AppendVector(kv.AppendBlock(nil, 1<<9), make([]float32, 6)))
		},
			"block 1 of vectors has ordinal 25, the next to give is 24"},
		{"a vector of its own beside it", func(b *kv.Batch) { b.Set(kv.KeyVector(3), kv.AppendVector(nil, unitOf(items[3]))) },
			`item "i0003": key 7600000003 is there, its record says that its vector is in a block`},
		{"a record that does not know of it", func(b *kv.Batch) { b.Set(kv.KeyItem(3), record(3, false)) }, "ordinal 3 has no vector"},
		{"a record of a block that is not", func(b *kv.Batch) { b.Set(kv.KeyItem(20), record(20, true)) }, "ordinal 20 has no vector: block 1 is missing"},
	} {
		t.Run(c.name, func(t *testing.T) { checkFinds(t, 24, c.spoil, c.says) })
	}
}

// checkFinds spoils a database of that many items behind its back and wants the check to say so.
func checkFinds(t *testing.T, items int, spoil func(b *kv.Batch), says string) {
	t.Helper()
	fs := vfs.NewMem()
	d := dbtest.MustOpenOn(t, fs)
	_, err := d.Put(ctx, dbtest.Items(items, 6, 1)...)
	dbtest.Must(t, err)
	dbtest.Must(t, d.AddModel(ctx, "m", dbtest.Model(6, 20, 3, 1)))
	dbtest.Must(t, d.Activate(ctx, "m"))
	dbtest.Must(t, d.SetNames(ctx, "m", dbtest.Names(20)))
	dbtest.MustCheck(t, d)
	dbtest.Must(t, d.Close())

	s, _, err := kv.Open(dbtest.Dir, kv.Options{Tune: func(o *pebble.Options) { o.FS = fs }})
	dbtest.Must(t, err)
	b := s.Batch()
	spoil(b)
	dbtest.Must(t, b.Commit())
	b.Close()
	dbtest.Must(t, s.Close())

	d = dbtest.MustOpenOn(t, fs)
	var faults []string
	for err := range d.Check(ctx) {
		if !errors.Is(err, db.ErrCorrupt) {
			t.Errorf("%v is not ErrCorrupt", err)
		}
		faults = append(faults, err.Error())
	}
	if !strings.Contains(strings.Join(faults, "\n"), says) {
		t.Errorf("the check says %q, want %q", faults, says)
	}
	for range d.Check(ctx) { // one who stops early
		break
	}
}
