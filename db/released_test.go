package db_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
)

// released are backups of small databases as released formats wrote them: 39 of 40 items with metadata of every type, an
// autoencoder, a vocabulary, names (in version 1 of their file) with one given by hand, and clusters. fingerprint is what the
// program that wrote it said.
var released = []struct{ file, fingerprint string }{
	{"format1.tar.zst", "cc9146e173f11138359ca94411ddaf32dcb05655bf5c2d9187e53cea9992f371"},
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
