package db_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
	"github.com/saedb/saedb/internal/kv"
)

// released are backups of small databases as released formats wrote them: 39 of 40 items with metadata of every type, an
// autoencoder, a vocabulary, names (in version 1 of their file) with one given by hand, and clusters. fingerprint is what the
// program that wrote it said.
var released = []struct{ file, fingerprint string }{
	{"format1.tar.zst", "cc9146e173f11138359ca94411ddaf32dcb05655bf5c2d9187e53cea9992f371"},
	{"format2.tar.zst", "cc9146e173f11138359ca94411ddaf32dcb05655bf5c2d9187e53cea9992f371"}, // the same, upgraded
}

// TestReleasedFormatIsWrittenWithout upgrade: a row keeps its old form until it is written, and the database ends as one that was
// upgraded first.
func TestReleasedFormatIsWrittenWithout(t *testing.T) {
	var prints []string
	for _, upgrade := range []bool{false, true} {
		f, err := os.Open(filepath.Join("testdata", released[0].file))
		dbtest.Must(t, err)
		dir := filepath.Join(t.TempDir(), "db")
		dbtest.Must(t, db.Restore(ctx, dir, f))
		dbtest.Must(t, f.Close())
		if upgrade {
			from, to, err := db.Upgrade(ctx, dir)
			if err != nil || from != 1 || to != kv.Format {
				t.Errorf("upgraded from %d to %d: %v", from, to, err)
			}
		}
		d, err := db.Open(ctx, dir, nil)
		dbtest.Must(t, err)
		item, err := d.Get(ctx, "p03.jpg")
		dbtest.Must(t, err)
		item.Meta["note"] = "new"
		_, err = d.Put(ctx, item)
		dbtest.Must(t, err)
		_, err = d.Annotate(ctx, "meta.stars", seqOf("p06.jpg", 9.5))
		dbtest.Must(t, err)
		_, err = d.Delete(ctx, "p08.jpg", "p29.jpg")
		dbtest.Must(t, err)
		if st, err := d.Stats(ctx); err != nil || st.Format != kv.Format {
			t.Errorf("format %d after writing (%v)", st.Format, err)
		}
		dbtest.MustCheck(t, d)
		dbtest.Must(t, d.Close())
		if from, _, err := db.Upgrade(ctx, dir); err != nil || (from == kv.Format) != upgrade {
			t.Errorf("upgraded %v: again from %d, %v", upgrade, from, err)
		}
		prints = append(prints, fingerprintOf(t, dir))
	}
	if prints[0] != prints[1] {
		t.Errorf("fingerprints %q", prints)
	}
}

// TestReleasedFormats opens every one, finds all that was in it, and writes to it.
func TestReleasedFormats(t *testing.T) {
	for _, c := range released {
		f, err := os.Open(filepath.Join("testdata", c.file))
		dbtest.Must(t, err)
		dir := filepath.Join(t.TempDir(), "db")
		dbtest.Must(t, db.Restore(ctx, dir, f))
		dbtest.Must(t, f.Close())
		if got := fingerprintOf(t, dir); got != c.fingerprint { // checks, too
			t.Errorf("%s: fingerprint %s, want %s", c.file, got, c.fingerprint)
		}
		_, _, err = db.Upgrade(ctx, dir)
		dbtest.Must(t, err)
		d, err := db.Open(ctx, dir, nil)
		dbtest.Must(t, err)
		for query, want := range map[string][]string{
			"concept = lighthouse top 3":                       {"p06.jpg", "p29.jpg", "p19.jpg"},
			"meta.year = 2003 and meta.stars < 2 order by id":  {"p03.jpg", "p08.jpg", "p13.jpg"},
			"meta.labels = b and meta.good = true order by id": nil,
			"meta.taken < 2021-05-03 order by id":              {"p00.jpg", "p01.jpg", "p28.jpg", "p29.jpg"},
		} {
			var ids []string
			for row, err := range d.Query(ctx, query, nil) {
				dbtest.Must(t, err)
				ids = append(ids, row.ID)
			}
			if !slices.Equal(ids, want) {
				t.Errorf("%s: %s gives %q, want %q", c.file, query, ids, want)
			}
		}
		if list, err := d.Clusters(ctx); err != nil || len(list.List) != 3 {
			t.Errorf("%s: clusters %+v, %v", c.file, list, err)
		}
		if names, err := d.Names(ctx, ""); err != nil || len(names.Concepts) != 6 || names.Latents[3].Word == "" {
			t.Errorf("%s: names %v", c.file, err)
		}
		_, err = d.Put(ctx, dbtest.Items(5, 8, 1)...)
		dbtest.Must(t, err)
		dbtest.MustCheck(t, d)
		dbtest.Must(t, d.Close())
	}
}
