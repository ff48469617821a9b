package db_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
	"github.com/saedb/saedb/internal/kv"
	"github.com/saedb/saedb/sae/concept"
)

// headers are keys of which there is one, or one for each autoencoder, and which are read before anything else.
var headers = [][]byte{
	kv.KeyFormat(), kv.KeySpace(), kv.KeyState(), kv.KeyClusters(), kv.KeyDerived(), kv.KeyRanges(), kv.KeyRange(0), kv.KeyModel(1),
	kv.KeyProgress(1), kv.KeyEdits(1), kv.SpanNames(1).From(0).Lower, kv.SpanWords().From(0).Lower, kv.SpanWordVecs().From(0).Lower,
	kv.KeyWeighed(), kv.KeyStats(1, 3),
}

// FuzzHeader puts any bytes in the place of a header, behind the checksums: the database does not open, or all reading ends, in
// answers or in errors of which each says that something is wrong with what is stored.
func FuzzHeader(f *testing.F) {
	whole := vfs.NewMem()
	d := dbtest.MustOpenOn(f, whole)
	_, err := d.Put(ctx, dbtest.Items(12, 4, 1)...)
	dbtest.Must(f, err)
	dbtest.Must(f, d.AddModel(ctx, "m", dbtest.Model(4, 8, 2, 1)))
	dbtest.Must(f, d.Activate(ctx, "m"))
	dbtest.Must(f, d.SetNames(ctx, "m", dbtest.Names(8)))
	dbtest.Must(f, d.SetVocab(ctx, vocabOf(4, "word0001", "word0002")))
	dbtest.Must(f, d.SetClusters(ctx, &db.Clusters{Over: "vectors", K: 1, List: []db.Cluster{{ID: 0, Size: 1, Within: 1}}}, clusterOf("i0001")))
	dbtest.Must(f, d.Close())

	f.Add(uint8(0), kv.AppendFormat(nil, kv.Format+1))
	f.Add(uint8(1), []byte(`{"dim":1000000000}`))
	f.Add(uint8(2), kv.AppendState(nil, kv.State{Seq: 9, Next: 12, Live: 12, Dim: 1<<32 - 1, Active: 1, NextModel: 2}))
	f.Add(uint8(2), kv.AppendState(nil, kv.State{Seq: 9, Next: 3, Live: 1, Dim: 4, Active: 7}))
	f.Add(uint8(3), []byte(`{"clusters":[{"cluster":-5}]}`))
	f.Add(uint8(6), []byte{1})
	f.Add(uint8(7), []byte(`{"name":"m","d":5,"m":1000000000,"k":9}`))
	f.Add(uint8(8), []byte{255, 255, 255, 255})
	f.Add(uint8(9), []byte(`{"set":{"99":"x"}}`))
	f.Add(uint8(11), []byte("\n\n\n"))
	f.Add(uint8(12), []byte{0, 0, 0xc0, 0x7f})
	f.Add(uint8(14), kv.AppendStats(nil, kv.Stats{Count: -5, Whole: 1 << 63, Top: 1e30, Gone: 2e30}))
	f.Fuzz(func(t *testing.T, which uint8, value []byte) {
		fs := vfs.NewMem()
		_, err := vfs.Clone(whole, fs, dbtest.Dir, dbtest.Dir)
		dbtest.Must(t, err)
		key := headers[int(which)%len(headers)]
		s, _, err := kv.Open(dbtest.Dir, kv.Options{Tune: func(p *pebble.Options) { p.FS = fs }})
		dbtest.Must(t, err)
		b := s.Batch()
		b.Set(key, value)
		dbtest.Must(t, b.Commit())
		b.Close()
		dbtest.Must(t, s.Close())

		wrong := func(what string, err error) {
			t.Helper()
			for _, kind := range []error{db.ErrCorrupt, db.ErrFormat, db.ErrNoModel, db.ErrNoNames, db.ErrNoVocab, db.ErrNotFound, db.ErrModel, db.ErrDim, concept.ErrEdit} {
				if err == nil || errors.Is(err, kind) {
					return
				}
			}
			t.Errorf("%q is %q: %s: %v", key, value, what, err)
		}
		d, err := db.Open(ctx, dbtest.Dir, dbtest.Options(fs))
		if err != nil {
			wrong("open", err)
			return
		}
		defer d.Close()
		for fault := range d.Check(ctx) {
			wrong("check", fault)
		}
		for _, err := range d.All(ctx) {
			wrong("all", err)
		}
		for _, err := range d.Vectors(ctx) {
			wrong("vectors", err)
		}
		_, err = d.Fingerprint(ctx)
		wrong("fingerprint", err)
		_, err = d.Stats(ctx)
		wrong("stats", err)
		_, err = d.ConceptStats(ctx, "")
		wrong("statistics of the codes", err)
		for _, q := range questions {
			_, _ = answerOf(d, q) // an unknown concept or picture is an error of its own
		}
		_, err = d.Put(ctx, dbtest.Items(14, 4, 2)...)
		wrong("put", err)
		var backup bytes.Buffer
		wrong("backup", d.Backup(ctx, &backup))
	})
}
