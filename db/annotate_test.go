package db_test

import (
	"errors"
	"iter"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
)

// annotations yields the values by ascending id.
func annotations(values map[string]any) iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for _, id := range slices.Sorted(maps.Keys(values)) {
			if !yield(id, values[id]) {
				return
			}
		}
	}
}

// found returns the ids that a query finds.
func found(t *testing.T, d *db.DB, query string) []string {
	t.Helper()
	var ids []string
	for row, err := range d.Query(ctx, query, nil) {
		dbtest.Must(t, err)
		ids = append(ids, row.ID)
	}
	return ids
}

// Annotating gives the database that putting the items with the field would have given, and leaves no trace when it is undone.
func TestAnnotate(t *testing.T) {
	items := dbtest.Items(30, 2, 1)
	d := dbtest.MustOpen(t)
	mustPut(t, d, items...)
	dbtest.Must(t, d.AddModel(ctx, "first", compass(2)))
	dbtest.Must(t, d.Activate(ctx, "first"))
	before := fingerprint(t, d)

	values := map[string]any{}
	for i, it := range items {
		values[it.ID] = int64(i % 3)
	}
	n, err := d.Annotate(ctx, "cluster", annotations(values))
	if err != nil || n != 30 {
		t.Fatalf("%d items, %v", n, err)
	}
	if n, err := d.Annotate(ctx, "cluster", annotations(values)); err != nil || n != 0 {
		t.Errorf("a second time: %d items, %v", n, err)
	}
	if got := found(t, d, "cluster = 2"); len(got) != 10 || !slices.Contains(got, items[2].ID) {
		t.Errorf("cluster = 2 finds %q", got)
	}
	dbtest.MustCheck(t, d)

	twin := dbtest.MustOpen(t)
	for i, it := range items {
		it.Meta = maps.Clone(it.Meta)
		if it.Meta == nil {
			it.Meta = map[string]any{}
		}
		it.Meta["cluster"] = int64(i % 3)
		mustPut(t, twin, it)
	}
	dbtest.Must(t, twin.AddModel(ctx, "first", compass(2)))
	dbtest.Must(t, twin.Activate(ctx, "first"))
	if fingerprint(t, d) != fingerprint(t, twin) {
		t.Error("annotated items differ from items put with the field")
	}

	for id := range values {
		values[id] = nil
	}
	if n, err := d.Annotate(ctx, "cluster", annotations(values)); err != nil || n != 30 {
		t.Errorf("removing: %d items, %v", n, err)
	}
	if got := found(t, d, "exists cluster"); len(got) != 0 {
		t.Errorf("removed, and yet %q have it", got)
	}
	if fingerprint(t, d) != before {
		t.Error("setting and removing a field leaves a trace")
	}
	dbtest.MustCheck(t, d)
}

// One bad value, and nothing is stored.
func TestAnnotateIsAllOrNothing(t *testing.T) {
	items := dbtest.Items(3, 4, 1)
	d := dbtest.MustOpen(t)
	mustPut(t, d, items...)
	before := fingerprint(t, d)
	for name, c := range map[string]struct {
		field string
		id    string
		v     any
		want  error
	}{
		"unknown id":        {"cluster", "zz", int64(1), db.ErrNotFound},
		"not a number":      {"cluster", items[2].ID, math.NaN(), db.ErrItem},
		"unknown type":      {"cluster", items[2].ID, 1, db.ErrItem},
		"a path of numbers": {"path", items[2].ID, int64(1), db.ErrItem},
		"no field":          {"", items[2].ID, int64(1), db.ErrItem},
		"the id":            {"id", items[2].ID, "x", db.ErrItem},
	} {
		values := func(yield func(string, any) bool) {
			_ = yield(items[0].ID, "fine") && yield(items[1].ID, "fine") && yield(c.id, c.v)
		}
		if n, err := d.Annotate(ctx, c.field, values); !errors.Is(err, c.want) || n != 0 {
			t.Errorf("%s: %d items, %v, want %v", name, n, err, c.want)
		}
	}
	if fingerprint(t, d) != before {
		t.Error("something was stored")
	}
	twice := func(yield func(string, any) bool) { _ = yield(items[0].ID, int64(1)) && yield(items[0].ID, int64(2)) }
	if n, err := d.Annotate(ctx, "meta.stars", twice); err != nil || n != 1 {
		t.Errorf("two values for one id: %d items, %v", n, err)
	}
	if it, err := d.Get(ctx, items[0].ID); err != nil || it.Meta["stars"] != int64(2) {
		t.Errorf("the last of two values counts, and it is %v, %v", it.Meta["stars"], err)
	}
	dbtest.MustCheck(t, d)
}
