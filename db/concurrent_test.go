package db_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
	"github.com/saedb/saedb/query"
)

// round is a batch in which all items say the same number: by their first coordinate's sign, their metadata and their thumbnail.
func round(n int, number int64) []db.Item {
	items := dbtest.Items(n, 6, 1)
	for i := range items {
		items[i].Meta = map[string]any{"round": number}
		items[i].Thumb = []byte{byte(number)}
		if items[i].Vec[0] = 5; number%2 == 1 {
			items[i].Vec[0] = -5
		}
	}
	return items
}

// ofRound returns the round of an item, -1 if its parts are of different ones.
func ofRound(it db.Item) int64 {
	number := it.Meta["round"].(int64)
	if (it.Vec[0] < 0) != (number%2 == 1) || it.Thumb[0] != byte(number) {
		return -1
	}
	return number
}

// TestReadersSeeOneCommit while writers replace all items again and again, derived files are made, and the active autoencoder
// changes: an item is of one round, and so are all items of a loop and all rows of an answer.
func TestReadersSeeOneCommit(t *testing.T) {
	const n, rounds = 60, 60
	d := dbtest.MustOpen(t)
	_, err := d.Put(ctx, round(n, 0)...)
	dbtest.Must(t, err)
	for _, name := range []string{"a", "b"} {
		dbtest.Must(t, d.AddModel(ctx, name, dbtest.Model(6, 24, 3, 1)))
		dbtest.Must(t, d.Activate(ctx, name))
		dbtest.Must(t, d.SetNames(ctx, name, dbtest.Names(24)))
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	read := func(f func() error) {
		wg.Go(func() {
			for times := 0; ; times++ {
				if err := f(); err != nil {
					t.Error(err)
					return
				}
				select {
				case <-done:
					if times == 0 {
						t.Error("a reader never read")
					}
					return
				default:
				}
			}
		})
	}
	read(func() error {
		it, err := d.Get(ctx, "i0007")
		if err == nil && ofRound(it) < 0 {
			t.Errorf("an item of two rounds: %v %v %v", it.Vec, it.Meta, it.Thumb)
		}
		return err
	})
	read(func() error {
		seen := map[int64]int{}
		for it, err := range d.All(ctx) {
			if err != nil {
				return err
			}
			seen[ofRound(it)]++
		}
		if len(seen) != 1 || seen[-1] > 0 {
			t.Errorf("a loop over all items saw rounds %v", seen)
		}
		return nil
	})
	for _, text := range []string{"near vector $q in dense with meta top 60", "near vector $q with meta top 60", "meta.round >= 0 with meta top 60"} {
		params := query.Params{}
		if text[0] == 'n' {
			params["q"] = []float32{1, 1, 1, 1, 1, 1}
		}
		read(func() error {
			seen := map[int64]bool{}
			for row, err := range d.Query(ctx, text, params) {
				if err != nil {
					return err
				}
				seen[row.Meta["meta.round"].(int64)] = true
			}
			if len(seen) > 1 {
				t.Errorf("%s: rows of rounds %v", text, seen)
			}
			return nil
		})
	}
	for i := range int64(rounds) {
		_, err := d.Put(ctx, round(n, i+1)...)
		dbtest.Must(t, err)
		if i%8 == 3 {
			dbtest.Must(t, d.Derive(ctx))
		}
		if i%8 == 5 {
			dbtest.Must(t, d.Activate(ctx, []string{"a", "b"}[i%16/8]))
		}
	}
	close(done)
	wg.Wait()
	dbtest.MustCheck(t, d)
}

// cancelAfter is a context that is cancelled when it has been asked n times.
type cancelAfter struct {
	context.Context
	mu   sync.Mutex
	left int
	done chan struct{}
}

func newCancelAfter(n int) *cancelAfter {
	return &cancelAfter{Context: context.Background(), left: n, done: make(chan struct{})}
}

func (c *cancelAfter) Done() <-chan struct{} { return c.done }

func (c *cancelAfter) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left--; c.left == -1 {
		close(c.done)
	}
	if c.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestCancelledCallsLeaveNothing cancels each call the first, second, third … time it looks at its context, until it comes to its
// end: what is stored is what was there before, or for a call of several commits whole steps of it, which the call, made again, ends.
func TestCancelledCallsLeaveNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		name  string
		call  func(ctx context.Context, d *db.DB) error
		steps bool // it has several commits
	}{
		{"put", func(ctx context.Context, d *db.DB) error {
			_, err := d.Put(ctx, dbtest.Items(50, 6, 2)...)
			return err
		}, false},
		{"delete", func(ctx context.Context, d *db.DB) error {
			_, err := d.Delete(ctx, "i0001", "i0002")
			return err
		}, false},
		{"annotate", func(ctx context.Context, d *db.DB) error {
			_, err := d.Annotate(ctx, "meta.n", seqOf("i0001", int64(1)))
			return err
		}, false},
		{"activate", func(ctx context.Context, d *db.DB) error { return d.Activate(ctx, "b") }, true},
		{"drop", func(ctx context.Context, d *db.DB) error { return d.DropModel(ctx, "b") }, false},
		{"ingest", func(ctx context.Context, d *db.DB) error {
			_, err := d.Ingest(ctx, itemSeq(dbtest.Items(1500, 6, 3)))
			return err
		}, true},
		{"derive", func(ctx context.Context, d *db.DB) error { return d.Derive(ctx) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := ""
			for n := 0; ; n += 1 + n/4*rng.IntN(3) {
				d := dbtest.MustOpen(t)
				_, err := d.Put(ctx, dbtest.Items(30, 6, 1)...)
				dbtest.Must(t, err)
				for _, name := range []string{"a", "b"} {
					dbtest.Must(t, d.AddModel(ctx, name, dbtest.Model(6, 24, 3, 1)))
				}
				dbtest.Must(t, d.Activate(ctx, "a"))
				before, err := d.Fingerprint(ctx)
				dbtest.Must(t, err)
				err = c.call(newCancelAfter(n), d)
				dbtest.MustCheck(t, d)
				after, printErr := d.Fingerprint(ctx)
				dbtest.Must(t, printErr)
				if err == nil {
					if n == 0 {
						t.Error("it never looks at its context")
					}
					break
				}
				if !errors.Is(err, context.Canceled) {
					t.Fatalf("cancelled at look %d: %v", n, err)
				}
				if !c.steps && after != before {
					t.Errorf("cancelled at look %d: something is stored", n)
				}
				dbtest.Must(t, c.call(ctx, d))
				again, printErr := d.Fingerprint(ctx)
				dbtest.Must(t, printErr)
				if want == "" {
					want = again
				}
				if again != want {
					t.Errorf("cancelled at look %d and called again: another content", n)
				}
				dbtest.Must(t, d.Close())
			}
		})
	}
}
