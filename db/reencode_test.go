package db_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
	"github.com/saedb/saedb/sae"
)

// reencoded is a database of more rows than a few chunks, and an autoencoder large enough for a screen.
func reencoded(t *testing.T) (*db.DB, []db.Item, *sae.Model) {
	t.Helper()
	d := dbtest.MustOpen(t)
	items := dbtest.Items(3300, 32, 1)
	_, err := d.Put(ctx, items...)
	dbtest.Must(t, err)
	m := dbtest.Model(32, 512, 6, 1)
	dbtest.Must(t, d.AddModel(ctx, "m", m))
	return d, items, m
}

// codesOf returns the codes by id.
func codesOf(t *testing.T, d *db.DB, name string) map[string]sae.Code {
	t.Helper()
	codes := map[string]sae.Code{}
	for c, err := range d.Codes(ctx, name) {
		dbtest.Must(t, err)
		codes[c.ID] = c.Code
	}
	return codes
}

// mustBeCoded compares every stored code with what the model makes of the stored vector.
func mustBeCoded(t *testing.T, d *db.DB, m *sae.Model, name string, want int) {
	t.Helper()
	codes, n := codesOf(t, d, name), 0
	for it, err := range d.All(ctx) {
		dbtest.Must(t, err)
		n++
		if c, want := codes[it.ID], m.Encode(sae.Code{}, it.Vec); !slices.Equal(c.Latents, want.Latents) || !slices.Equal(c.Acts, want.Acts) {
			t.Fatalf("the code of %s is %v, want %v", it.ID, c, want)
		}
	}
	if n != want || len(codes) != want {
		t.Errorf("%d items with %d codes, want %d", n, len(codes), want)
	}
	dbtest.MustCheck(t, d)
}

func TestEncodeAllMakesTheCodesOfEncode(t *testing.T) {
	d, items, m := reencoded(t)
	for _, threads := range []int{1, 2, 3, 8} {
		name := fmt.Sprint("m", threads)
		dbtest.Must(t, d.AddModel(ctx, name, m))
		var seen []int
		dbtest.Must(t, d.EncodeAll(ctx, name, threads, func(done, total int) { seen = append(seen, done, total) }))
		if !slices.Equal(seen, []int{1000, 3300, 2000, 3300, 3000, 3300, 3300, 3300, 3300, 3300}) {
			t.Errorf("%d threads: progress %v", threads, seen)
		}
		mustBeCoded(t, d, m, name, len(items))
	}
}

// TestEncodeAllBesideOtherWriters replaces, deletes and adds rows between the commits, before and after the mark.
func TestEncodeAllBesideOtherWriters(t *testing.T) {
	d, items, m := reencoded(t)
	other := dbtest.Items(5000, 32, 2)
	step := 0
	dbtest.Must(t, d.EncodeAll(ctx, "m", 2, func(int, int) {
		if step++; step > 3 {
			return
		}
		for _, at := range []int{10, 1500, 3299} {
			it := other[at+step]
			it.ID = items[at-step].ID
			_, err := d.Put(ctx, it)
			dbtest.Must(t, err)
		}
		_, err := d.Delete(ctx, items[100+step].ID, items[2100+step].ID)
		dbtest.Must(t, err)
		_, err = d.Put(ctx, other[4000+step])
		dbtest.Must(t, err)
	}))
	mustBeCoded(t, d, m, "m", len(items)-2*3+3)
}

func TestEncodeAllTwiceAtOnce(t *testing.T) {
	d, items, m := reencoded(t)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if err := d.EncodeAll(ctx, "m", 1, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	mustBeCoded(t, d, m, "m", len(items))
}

// TestEncodeAllStops on a cancelled context and on a model that is dropped meanwhile, and leaves no goroutine behind:
// that is looked at after Close, which waits for the compactions of Pebble and stops none of EncodeAll's goroutines.
func TestEncodeAllStops(t *testing.T) {
	if !alone(t) {
		return
	}
	before := goleak.IgnoreCurrent()
	d, items, m := reencoded(t)
	for at := range 4 {
		once, cancel := context.WithCancel(ctx)
		if at == 0 {
			cancel()
		}
		err := d.EncodeAll(once, "m", 2, func(done, total int) { cancel() })
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("cancelled: %v", err)
		}
		if n := len(codesOf(t, d, "m")); n != 1000*at {
			t.Errorf("stopped %d times: %d codes", at+1, n)
		}
		cancel()
	}
	dbtest.MustCheck(t, d)
	dbtest.Must(t, d.EncodeAll(ctx, "m", 2, nil))
	mustBeCoded(t, d, m, "m", len(items))

	dbtest.Must(t, d.AddModel(ctx, "dropped", m))
	err := d.EncodeAll(ctx, "dropped", 2, func(done, _ int) {
		if done == 1000 {
			dbtest.Must(t, d.DropModel(ctx, "dropped"))
		}
	})
	if !errors.Is(err, db.ErrNotFound) {
		t.Errorf("dropped: %v", err)
	}

	dbtest.Must(t, d.AddModel(ctx, "again", m))
	replaced := false
	dbtest.Must(t, d.EncodeAll(ctx, "again", 2, func(int, int) {
		if !replaced { // now another one has the name
			replaced = true
			dbtest.Must(t, d.DropModel(ctx, "again"))
			dbtest.Must(t, d.AddModel(ctx, "again", dbtest.Model(32, 40, 3, 5)))
		}
	}))
	mustBeCoded(t, d, dbtest.Model(32, 40, 3, 5), "again", len(items))
	dbtest.Must(t, d.Close())
	goleak.VerifyNone(t, before)
}

// brittle is a coder that fails after some calls.
type brittle struct {
	m            *sae.Model
	left, closed int
}

var errBrittle = errors.New("it broke")

func (b *brittle) EncodeBatch(dst []sae.Code, x []float32, threads int) ([]sae.Code, error) {
	if b.left--; b.left < 0 {
		return nil, errBrittle
	}
	return b.m.EncodeBatch(dst, x, threads), nil
}

func (b *brittle) Close() error { b.closed++; return nil }

// TestEncodeAllByAnotherCoder lets coders of another make fail at every place, and the processor go on.
func TestEncodeAllByAnotherCoder(t *testing.T) {
	d, items, m := reencoded(t)
	for calls := range 6 {
		name := fmt.Sprint("m", calls)
		dbtest.Must(t, d.AddModel(ctx, name, m))
		b, opened := &brittle{left: calls}, 0
		open := func(m *sae.Model) (db.Coder, error) { b.m = m; opened++; return b, nil }
		done := 0
		err := d.EncodeAllBy(ctx, name, 1, open, func(n, _ int) { done = n })
		if calls < 4 && (!errors.Is(err, errBrittle) || done > 1000*calls) || calls >= 4 && (err != nil || done != len(items)) {
			t.Fatalf("%d calls: %d rows are done, %v", calls, done, err)
		}
		if opened != 1 || b.closed != 1 {
			t.Errorf("the coder was opened %d times and closed %d times", opened, b.closed)
		}
		dbtest.Must(t, d.EncodeAll(ctx, name, 1, nil))
		mustBeCoded(t, d, m, name, len(items))
		dbtest.Must(t, d.EncodeAllBy(ctx, name, 1, func(*sae.Model) (db.Coder, error) { return nil, errBrittle }, nil)) // there is nothing left to open it for
	}
	dbtest.Must(t, d.AddModel(ctx, "none", m))
	if err := d.EncodeAllBy(ctx, "none", 1, func(*sae.Model) (db.Coder, error) { return nil, errBrittle }, nil); !errors.Is(err, errBrittle) {
		t.Errorf("a coder that cannot be had: %v", err)
	}
}
