package db_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
	"github.com/saedb/saedb/internal/kv"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/sae/concept"
)

// changeKeys changes a closed database behind its back.
func changeKeys(fs vfs.FS, f func(r *kv.Snapshot, b *kv.Batch) error) error {
	s, _, err := kv.Open(dbtest.Dir, kv.Options{Tune: func(o *pebble.Options) { o.FS = fs }})
	if err != nil {
		return err
	}
	r, err := s.Snapshot()
	if err != nil {
		return err
	}
	b := s.Batch()
	if err := f(r, b); err != nil {
		return err
	}
	if err := b.Commit(); err != nil {
		return err
	}
	b.Close()
	r.Close()
	return s.Close()
}

// unweigh gives the postings of a closed database the form that they had in format 2.
func unweigh(fs vfs.FS) error {
	return changeKeys(fs, func(r *kv.Snapshot, b *kv.Batch) error {
		b.Set(kv.KeyFormat(), kv.AppendFormat(nil, 2))
		b.Delete(kv.KeyWeighed())
		for model := range uint32(20) {
			for _, span := range []kv.Span{kv.SpanWeights(model), kv.SpanStats(model), kv.SpanPostings(model)} {
				b.DeleteRange(span.Lower, span.Upper)
			}
			for p, err := range r.Range(kv.SpanCodes(model).Lower, kv.SpanCodes(model).Upper) {
				if err != nil {
					return err
				}
				ord, err := kv.Last(p.Key)
				if err != nil {
					return err
				}
				latents, acts, err := kv.DecodeCode(nil, nil, p.Value)
				if err != nil {
					return err
				}
				for i, latent := range latents {
					b.Merge(kv.KeyPosting(model, latent, ord/kv.BlockRows), kv.AppendPosting(nil, ord, acts[i]))
				}
			}
		}
		return nil
	})
}

// TestOldPostingsAnswerAsNewOnes: a database whose postings have the form of format 2, read only, written to, and upgraded, gives the
// answers of one that has had the new form from the first.
func TestOldPostingsAnswerAsNewOnes(t *testing.T) {
	make := func() vfs.FS {
		fs := vfs.NewMem()
		d := dbtest.MustOpenOn(t, fs)
		_, err := d.Put(ctx, dbtest.Items(400, 16, 1)...)
		dbtest.Must(t, err)
		for _, name := range []string{"m", "other"} {
			dbtest.Must(t, d.AddModel(ctx, name, dbtest.Model(16, 20, 3, uint64(len(name)))))
			dbtest.Must(t, d.EncodeAll(ctx, name, 1, nil))
		}
		dbtest.Must(t, d.Activate(ctx, "m"))
		names := dbtest.Names(20)
		names.Concepts[5].Group = []concept.Weight{{Latent: 5, W: 0.6}, {Latent: 2, W: 0.3}, {Latent: 11, W: 0.1}}
		dbtest.Must(t, d.SetNames(ctx, "m", names))
		dbtest.Must(t, d.SetVocab(ctx, vocabOf(16, "word0001", "word0002")))
		dbtest.Must(t, d.SetClusters(ctx, &db.Clusters{Over: "vectors", K: 1, List: []db.Cluster{{ID: 0, Size: 1, Within: 1}}}, clusterOf("i0001")))
		dbtest.Must(t, d.Close())
		return fs
	}
	fresh, old := make(), make()
	dbtest.Must(t, unweigh(old))
	same := func(when string, a, b *db.DB) {
		t.Helper()
		for _, q := range append(questions, "latents order by max desc", "concept = word0003 >= 50% top 30", "near image i0009 + word0002 top 30",
			"concept = word0005 top 1000", "concept = word0005 > 20% or concept = word0003 < 1 order by score top 40", "describe concept word0005",
			"count by latent", "count by concept", "plan concept = word0007") {
			want, err := answerOf(a, q)
			dbtest.Must(t, err)
			if got, err := answerOf(b, q); err != nil || got != want {
				t.Errorf("%s: %s gives\n%s%v\nwant\n%s", when, q, got, err, want)
			}
		}
		dbtest.MustCheck(t, a)
		dbtest.MustCheck(t, b)
	}
	o := dbtest.Options(old)
	o.Create, o.ReadOnly = false, true
	a, b := dbtest.MustOpenOn(t, fresh), must1(db.Open(ctx, dbtest.Dir, o))(t)
	same("read only", a, b)
	dbtest.Must(t, b.Close())
	b = dbtest.MustOpenOn(t, old)
	for _, d := range []*db.DB{a, b} {
		_, err := d.Put(ctx, dbtest.Items(100, 16, 2)...) // replaces the first hundred
		dbtest.Must(t, err)
		_, err = d.Delete(ctx, "i0003", "i0150", "i0399")
		dbtest.Must(t, err)
		more := dbtest.Items(450, 16, 3)[400:]
		_, err = d.Put(ctx, more...)
		dbtest.Must(t, err)
		dbtest.Must(t, d.EncodeAll(ctx, "other", 1, nil)) // what was replaced is stale
	}
	same("written to", a, b)
	dbtest.Must(t, b.Weigh(ctx))
	same("upgraded", a, b)
	for _, d := range []*db.DB{a, b} {
		dbtest.Must(t, d.DropModel(ctx, "other"))
		_, _, err := d.Compact(ctx)
		dbtest.Must(t, err)
	}
	same("compacted", a, b)
	dbtest.Must(t, b.Close())
	dbtest.Must(t, changeKeys(old, func(r *kv.Snapshot, _ *kv.Batch) error {
		for p, err := range r.Range(kv.SpanAllPostings().Lower, kv.SpanAllPostings().Upper) {
			return fmt.Errorf("%x is left (%w)", p.Key, err)
		}
		return nil
	}))
}

// TestUpgradeGoesOn: cut short between any two commits, and written to, it comes to the same.
func TestUpgradeGoesOn(t *testing.T) {
	f, err := os.ReadFile(filepath.Join("testdata", "format2.tar.zst"))
	dbtest.Must(t, err)
	dir := filepath.Join(t.TempDir(), "db")
	dbtest.Must(t, db.Restore(ctx, dir, bytes.NewReader(f)))
	d, err := db.Open(ctx, dir, nil)
	dbtest.Must(t, err)
	answer, err := answerOf(d, "latents order by max desc")
	dbtest.Must(t, err)
	for rounds := 0; ; rounds++ {
		done, err := d.WeighOnce(ctx)
		dbtest.Must(t, err)
		if done {
			if rounds < 2 {
				t.Errorf("%d rounds before the last: nothing was cut short", rounds)
			}
			break
		}
		dbtest.MustCheck(t, d)
		if got, err := answerOf(d, "latents order by max desc"); err != nil || got != answer {
			t.Fatalf("in the midst of it latents are\n%s%v\nwant\n%s", got, err, answer)
		}
		it, err := d.Get(ctx, "p03.jpg")
		dbtest.Must(t, err)
		it.Vec[0], it.Norm = -it.Vec[0], 0
		_, err = d.Put(ctx, it) // away, and back at the next turn
		dbtest.Must(t, err)
		it.Vec[0] = -it.Vec[0]
		_, err = d.Put(ctx, it)
		dbtest.Must(t, err)
	}
	dbtest.MustCheck(t, d)
	dbtest.Must(t, d.Close())
	if from, to, err := db.Upgrade(ctx, dir); err != nil || from != 2 || to != 3 {
		t.Errorf("upgraded from %d to %d, %v", from, to, err)
	}
	d, err = db.Open(ctx, dir, nil)
	dbtest.Must(t, err)
	dbtest.MustCheck(t, d)
	if got, err := answerOf(d, "latents order by max desc"); err != nil || got != answer {
		t.Errorf("upgraded, latents are\n%s%v\nwant\n%s", got, err, answer)
	}
	dbtest.Must(t, d.Close())
}

// TestCompactTidies: after the strongest item of a latent is gone the statistics answer all the same, and Compact makes them, and the bounds of the
// block, as if it had never been there.
func TestCompactTidies(t *testing.T) {
	fs := vfs.NewMem()
	d := dbtest.MustOpenOn(t, fs)
	_, err := d.Put(ctx, db.Item{ID: "weak", Vec: []float32{1, 100}}, db.Item{ID: "strong", Vec: []float32{100, 1}}, db.Item{ID: "weaker", Vec: []float32{0.5, 100}})
	dbtest.Must(t, err)
	dbtest.Must(t, d.AddModel(ctx, "m", compass(2)))
	dbtest.Must(t, d.Activate(ctx, "m"))
	_, err = d.Delete(ctx, "strong")
	dbtest.Must(t, err)
	// loose counts the statistics and the blocks that are not as exact as they could be.
	loose := func() (stats, blocks int) {
		dbtest.Must(t, d.Close())
		dbtest.Must(t, changeKeys(fs, func(r *kv.Snapshot, _ *kv.Batch) error {
			for p, err := range r.Range(kv.SpanStats(1).Lower, kv.SpanStats(1).Upper) {
				dbtest.Must(t, err)
				if st, err := kv.DecodeStats(p.Value); err != nil || !st.Exact() {
					stats++
				}
			}
			for p, err := range r.Range(kv.SpanWeights(1).Lower, kv.SpanWeights(1).Upper) {
				dbtest.Must(t, err)
				if w, err := kv.DecodeWeights(p.Value, nil); err != nil || slices.Max(w.Bytes) < 128 {
					blocks++
				}
			}
			return nil
		}))
		d = dbtest.MustOpenOn(t, fs)
		return stats, blocks
	}
	want, err := answerOf(d, "latents")
	dbtest.Must(t, err)
	if stats, blocks := loose(); stats != 1 || blocks != 1 {
		t.Errorf("before, %d statistics and %d blocks are loose, want those of latent 0", stats, blocks)
	}
	_, _, err = d.Compact(ctx)
	dbtest.Must(t, err)
	if stats, blocks := loose(); stats != 0 || blocks != 0 {
		t.Errorf("compacted, %d statistics and %d blocks are loose", stats, blocks)
	}
	dbtest.MustCheck(t, d)
	if got, err := answerOf(d, "latents"); err != nil || got != want {
		t.Errorf("compacted, latents are\n%s%v\nwant\n%s", got, err, want)
	}
}

// must1 is the value of a call that must not fail.
func must1[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		dbtest.Must(t, err)
		return v
	}
}

// TestPostingsAreOfOneCommit: a question asked again, of which the postings are held by then, has the same answer, and in an older snapshot too; after a change it has the new
// one.
func TestPostingsAreOfOneCommit(t *testing.T) {
	d := dbtest.MustOpen(t)
	_, err := d.Put(ctx, dbtest.Items(300, 8, 1)...)
	dbtest.Must(t, err)
	dbtest.Must(t, d.AddModel(ctx, "m", dbtest.Model(8, 32, 6, 1)))
	dbtest.Must(t, d.Activate(ctx, "m"))
	names := dbtest.Names(32)
	for latent := uint32(1); latent < 9; latent++ {
		names.Concepts[0].Group = append(names.Concepts[0].Group, concept.Weight{Latent: latent, W: 1 / float32(latent)})
	}
	dbtest.Must(t, d.SetNames(ctx, "m", names))
	ask := func(s interface {
		Query(context.Context, string, query.Params, ...query.Option) iter.Seq2[query.Row, error]
	}) (ids []string) {
		t.Helper()
		for row, err := range s.Query(ctx, "concept = word0000 top 21", nil) {
			dbtest.Must(t, err)
			ids = append(ids, row.ID)
		}
		return ids
	}
	old, err := d.Snapshot()
	dbtest.Must(t, err)
	defer old.Close()
	first := ask(d)
	if again := ask(d); len(first) != 21 || !slices.Equal(first, again) {
		t.Fatalf("%v, then %v", first, again)
	}
	_, err = d.Delete(ctx, first[0])
	dbtest.Must(t, err)
	for range 2 {
		if now := ask(d); !slices.Equal(now[:20], first[1:]) {
			t.Errorf("without %s: %v, want what was behind it in %v", first[0], now, first)
		}
		if then := ask(old); !slices.Equal(then, first) {
			t.Errorf("the older snapshot: %v, want %v", then, first)
		}
	}
}
