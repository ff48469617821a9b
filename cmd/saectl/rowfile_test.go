package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/saedb/saedb/cmd/saectl/internal/runs"
	"github.com/saedb/saedb/db"
)

// TestRowFileIsTheRowSet: what a training reads from a file are the rows that others have in memory, ids and digests included, and nothing stays
// behind, not even of a run that was killed.
func TestRowFileIsTheRowSet(t *testing.T) {
	ctx := context.Background()
	d, err := db.Open(ctx, newTrainDB(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, id := range []string{"zebra", "a", "m"} { // not in the order of their ids
		vector := make([]float32, 24)
		vector[len(id)], vector[3] = 1, float32(len(id))
		if _, err := d.Put(ctx, db.Item{ID: id, Vec: vector}); err != nil {
			t.Fatal(err)
		}
	}
	root := runs.In(d.Dir())
	if err := os.MkdirAll(string(root), 0o777); err != nil {
		t.Fatal(err)
	}
	killed := filepath.Join(string(root), "scratch-1")
	if err := os.WriteFile(killed, []byte("left"), 0o600); err != nil {
		t.Fatal(err)
	}

	want, err := loadRows(ctx, d)
	if err != nil {
		t.Fatal(err)
	}
	ids, r, err := spillRows(ctx, d, root)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(ids, want.ids) || r.Len() != want.Len() || r.Dim() != want.Dim() {
		t.Fatalf("%d rows of %d numbers, want %d of %d, or other ids", r.Len(), r.Dim(), want.Len(), want.Dim())
	}
	all := make([]int, len(ids))
	for i := range all {
		all[i] = len(ids) - 1 - i
		if !slices.Equal(r.Row(all[i]), want.Row(all[i])) {
			t.Fatalf("row %d, %s, is another one", all[i], ids[all[i]])
		}
	}
	if r.err != nil || ids.digest(r, all) != want.ids.digest(want, all) {
		t.Errorf("the digests differ (%v)", r.err)
	}

	if err := r.file.Truncate(0); err != nil {
		t.Fatal(err)
	}
	if row := r.Row(5); row[0] == row[0] || r.err == nil || !strings.Contains(r.err.Error(), "read the vectors back") {
		t.Errorf("a file cut short gives %v and the error %v", row[:2], r.err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(string(root))
	if err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v (%v)", entries, err)
	}
}
