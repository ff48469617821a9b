package db_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
)

func fingerprint(t *testing.T, d *db.DB) string {
	t.Helper()
	sum, err := d.Fingerprint(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func mustPut(t *testing.T, d *db.DB, items ...db.Item) {
	t.Helper()
	if _, err := d.Put(context.Background(), items...); err != nil {
		t.Fatal(err)
	}
}

func TestFingerprintIgnoresHistory(t *testing.T) {
	items := dbtest.Items(20, 4, 1)
	straight := dbtest.MustOpen(t)
	mustPut(t, straight, items...)

	late := dbtest.Options(vfs.NewMem())
	late.Now = func() time.Time { return time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC) }
	winding, err := db.Open(context.Background(), dbtest.Dir, late)
	if err != nil {
		t.Fatal(err)
	}
	defer winding.Close()
	slices.Reverse(items)
	for _, it := range items {
		other := it
		other.Meta = nil
		mustPut(t, winding, other)
		mustPut(t, winding, it)
	}
	mustPut(t, winding, db.Item{ID: "passing", Vec: []float32{1, 0, 0, 0}})
	if _, err := winding.Delete(context.Background(), "passing"); err != nil {
		t.Fatal(err)
	}
	if a, b := fingerprint(t, straight), fingerprint(t, winding); a != b {
		t.Errorf("another order, another time: %s, want %s", b, a)
	}
}

func TestFingerprintSeesEveryPart(t *testing.T) {
	vec := []float32{3, 4}
	variants := map[string]db.Item{
		"as it was":   {ID: "a", Vec: vec, Meta: map[string]any{"n": int64(1)}, Thumb: []byte("x")},
		"id":          {ID: "b", Vec: vec, Meta: map[string]any{"n": int64(1)}, Thumb: []byte("x")},
		"direction":   {ID: "a", Vec: []float32{4, 3}, Meta: map[string]any{"n": int64(1)}, Thumb: []byte("x")},
		"norm":        {ID: "a", Vec: []float32{6, 8}, Meta: map[string]any{"n": int64(1)}, Thumb: []byte("x")},
		"field":       {ID: "a", Vec: vec, Meta: map[string]any{"m": int64(1)}, Thumb: []byte("x")},
		"type":        {ID: "a", Vec: vec, Meta: map[string]any{"n": 1.0}, Thumb: []byte("x")},
		"value":       {ID: "a", Vec: vec, Meta: map[string]any{"n": int64(2)}, Thumb: []byte("x")},
		"thumb":       {ID: "a", Vec: vec, Meta: map[string]any{"n": int64(1)}, Thumb: []byte("y")},
		"no metadata": {ID: "a", Vec: vec, Thumb: []byte("x")},
		"no thumb":    {ID: "a", Vec: vec, Meta: map[string]any{"n": int64(1)}},
	}
	seen := map[string]string{}
	for name, it := range variants {
		d := dbtest.MustOpen(t)
		mustPut(t, d, it)
		sum := fingerprint(t, d)
		if other, twice := seen[sum]; twice {
			t.Errorf("%q and %q have one fingerprint", name, other)
		}
		seen[sum] = name
	}
}
