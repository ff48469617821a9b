package db_test

import (
	"context"
	"errors"
	"testing"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
)

func TestSmoke(t *testing.T) {
	ctx := context.Background()
	d := dbtest.MustOpen(t)
	res, err := d.Put(ctx, dbtest.Items(10, 4, 1)...)
	if err != nil || res != (db.Result{Added: 10}) {
		t.Fatal(res, err)
	}
	res, err = d.Put(ctx, dbtest.Items(10, 4, 1)...)
	if err != nil || res != (db.Result{Unchanged: 10}) {
		t.Fatal(res, err)
	}
	it, err := d.Get(ctx, "i0003")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", it)
	if n, err := d.Delete(ctx, "i0003", "nobody"); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if _, err := d.Get(ctx, "i0003"); !errors.Is(err, db.ErrNotFound) {
		t.Fatal(err)
	}
	n := 0
	for _, err := range d.All(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 9 {
		t.Fatal(n)
	}
	t.Log(d.Close())
}
