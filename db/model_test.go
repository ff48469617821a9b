package db_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/query/querytest"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/concept"
)

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// TestQueryScripts runs the scripts of query/querytest on a database.
func TestQueryScripts(t *testing.T) {
	datadriven.Walk(t, "../query/querytest/testdata", func(t *testing.T, path string) {
		querytest.RunScript(t, path, func(t *testing.T, data *querytest.Data) query.Source {
			d := dbtest.MustOpen(t)
			dbtest.Load(t, d, data)
			s, err := d.Snapshot()
			dbtest.Must(t, err)
			t.Cleanup(s.Close)
			dbtest.MustCheck(t, d)
			src, err := db.SourceOf(ctx, s)
			dbtest.Must(t, err)
			return src
		})
	})
}

// compare holds the database against a map: items, codes of the active autoencoder, and postings.
func compare(t *testing.T, d *db.DB, items map[string]db.Item, m *sae.Model, active string) {
	t.Helper()
	dbtest.MustCheck(t, d)
	got := map[string]db.Item{}
	for it, err := range d.All(ctx) {
		dbtest.Must(t, err)
		got[it.ID] = it
	}
	if !slices.Equal(sortedKeys(got), sortedKeys(items)) {
		t.Errorf("items %v, want %v", sortedKeys(got), sortedKeys(items))
	}
	for id, it := range items {
		if !reflect.DeepEqual(got[id].Meta, it.Meta) {
			t.Errorf("%s: metadata %v, want %v", id, got[id].Meta, it.Meta)
		}
	}
	if active == "" {
		return
	}
	for c, err := range d.Codes(ctx, "") {
		dbtest.Must(t, err)
		if want := m.Encode(sae.Code{}, got[c.ID].Vec); !reflect.DeepEqual(c.Code, want) {
			t.Errorf("code of %s: %v, want %v", c.ID, c.Code, want)
		}
	}
}

func TestStaleCodesAreCaughtUp(t *testing.T) {
	d := dbtest.MustOpen(t)
	_, err := d.Put(ctx, dbtest.Items(20, 6, 1)...)
	dbtest.Must(t, err)
	a, b := dbtest.Model(6, 20, 3, 1), dbtest.Model(6, 30, 5, 2)
	dbtest.Must(t, d.AddModel(ctx, "a", a))
	dbtest.Must(t, d.AddModel(ctx, "b", b))
	dbtest.Must(t, d.Activate(ctx, "a"))
	var seen []int
	dbtest.Must(t, d.EncodeAll(ctx, "b", 2, func(done, total int) { seen = append(seen, done, total) }))
	if !slices.Equal(seen, []int{20, 20, 20, 20}) {
		t.Errorf("progress %v", seen)
	}
	_, err = d.Put(ctx, dbtest.Items(25, 6, 2)...) // 20 replaced, 5 new
	dbtest.Must(t, err)
	list, err := d.Models(ctx)
	dbtest.Must(t, err)
	if !list[0].Encoded || list[1].Encoded {
		t.Errorf("encoded: %v %v, want true false", list[0].Encoded, list[1].Encoded)
	}
	dbtest.Must(t, d.Activate(ctx, "b"))
	items := map[string]db.Item{}
	for _, it := range dbtest.Items(25, 6, 2) {
		items[it.ID] = it
	}
	compare(t, d, items, b, "b")
	dbtest.Must(t, d.Activate(ctx, "a"))
	compare(t, d, items, a, "a")
	dbtest.Must(t, d.DropModel(ctx, "b"))
	if err := d.DropModel(ctx, "a"); !errors.Is(err, db.ErrActive) {
		t.Errorf("drop of the active one: %v", err)
	}
	if _, err := d.Model(ctx, "b"); !errors.Is(err, db.ErrNotFound) {
		t.Errorf("model after drop: %v", err)
	}
	dbtest.MustCheck(t, d)
}

func TestEncodeAllContinues(t *testing.T) {
	d := dbtest.MustOpen(t)
	items := dbtest.Items(2500, 4, 1)
	_, err := d.Put(ctx, items...)
	dbtest.Must(t, err)
	dbtest.Must(t, d.AddModel(ctx, "m", dbtest.Model(4, 8, 2, 1)))
	once, cancel := context.WithCancel(ctx)
	err = d.EncodeAll(once, "m", 1, func(done, _ int) {
		if done == 1000 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled: %v", err)
	}
	dbtest.MustCheck(t, d)
	first := 0
	dbtest.Must(t, d.EncodeAll(ctx, "m", 1, func(done, _ int) {
		if first == 0 {
			first = done
		}
	}))
	if first != 2000 {
		t.Errorf("it went on to %d, want 2000", first)
	}
	dbtest.MustCheck(t, d)
	if !func() bool { l, err := d.Models(ctx); return err == nil && l[0].Encoded }() {
		t.Error("not all is encoded")
	}
}

func TestModelsAreRefused(t *testing.T) {
	d := dbtest.MustOpen(t)
	if err := d.AddModel(ctx, "m", dbtest.Model(4, 8, 2, 1)); !errors.Is(err, db.ErrDim) {
		t.Errorf("before the first vector: %v", err)
	}
	_, err := d.Put(ctx, dbtest.Items(3, 4, 1)...)
	dbtest.Must(t, err)
	if err := d.AddModel(ctx, "m", dbtest.Model(5, 8, 2, 1)); !errors.Is(err, db.ErrDim) {
		t.Errorf("other width: %v", err)
	}
	if err := d.AddModel(ctx, "m", &sae.Model{D: 4, M: 8, K: 9}); !errors.Is(err, db.ErrModel) {
		t.Errorf("invalid: %v", err)
	}
	dbtest.Must(t, d.AddModel(ctx, "m", dbtest.Model(4, 8, 2, 1)))
	dbtest.Must(t, d.AddModel(ctx, "m", dbtest.Model(4, 8, 2, 1)))
	if err := d.AddModel(ctx, "m", dbtest.Model(4, 8, 2, 2)); !errors.Is(err, db.ErrModel) {
		t.Errorf("name taken: %v", err)
	}
	if _, err := d.Model(ctx, ""); !errors.Is(err, db.ErrNoModel) {
		t.Errorf("active one: %v", err)
	}
	if _, err := d.Names(ctx, "m"); !errors.Is(err, db.ErrNoNames) {
		t.Errorf("names: %v", err)
	}
	if err := d.SetNames(ctx, "m", dbtest.Names(7)); !errors.Is(err, db.ErrModel) {
		t.Errorf("names of another model: %v", err)
	}
	if _, err := d.Vocab(ctx); !errors.Is(err, db.ErrNoVocab) {
		t.Errorf("vocabulary: %v", err)
	}
}

func TestNamesAndEdits(t *testing.T) {
	d := dbtest.MustOpen(t)
	_, err := d.Put(ctx, dbtest.Items(30, 4, 1)...)
	dbtest.Must(t, err)
	dbtest.Must(t, d.AddModel(ctx, "m", dbtest.Model(4, 8, 2, 1)))
	dbtest.Must(t, d.Activate(ctx, "m"))
	dbtest.Must(t, d.SetNames(ctx, "", dbtest.Names(8)))
	answer := func(text string) int {
		n := 0
		for _, err := range d.Query(ctx, text, nil) {
			if err != nil {
				return -1
			}
			n++
		}
		return n
	}
	before := answer("concept = word0002 top 100")
	if before < 1 {
		t.Fatalf("word0002 finds %d", before)
	}
	dbtest.Must(t, d.SetEdits(ctx, "m", concept.Edits{Set: map[uint32]string{2: "sea"}}))
	dbtest.Must(t, d.SetNames(ctx, "m", dbtest.Names(8))) // named anew: the edit stays
	if got := answer("concept = sea top 100"); got != before {
		t.Errorf("sea finds %d, want %d", got, before)
	}
	if err := d.SetEdits(ctx, "m", concept.Edits{Set: map[uint32]string{99: "sea"}}); !errors.Is(err, concept.ErrEdit) {
		t.Errorf("an edit of latent 99: %v", err)
	}
	given, err := d.Names(ctx, "m")
	dbtest.Must(t, err)
	if given.Latents[2].Word != "word0002" {
		t.Errorf("Names gives the edited name %q", given.Latents[2].Word)
	}
	st, err := d.ConceptStats(ctx, "m")
	dbtest.Must(t, err)
	if st.Rows != 30 || st.Counts[2] != before {
		t.Errorf("stats: %d rows, latent 2 in %d codes, want 30 and %d", st.Rows, st.Counts[2], before)
	}
}

// TestReadersBesideAWriter: a reader sees an item with its code in the lists, or neither.
func TestReadersBesideAWriter(t *testing.T) {
	d := dbtest.MustOpen(t)
	_, err := d.Put(ctx, dbtest.Items(10, 6, 1)...)
	dbtest.Must(t, err)
	dbtest.Must(t, d.AddModel(ctx, "m", dbtest.Model(6, 12, 3, 1)))
	dbtest.Must(t, d.Activate(ctx, "m"))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				for err := range d.Check(ctx) {
					t.Errorf("check beside a writer: %v", err)
				}
				for _, err := range d.Query(ctx, "latent = 3 top 5", nil) {
					if err != nil {
						t.Errorf("query beside a writer: %v", err)
					}
				}
			}
		})
	}
	for seed := range uint64(15) {
		_, err := d.Put(ctx, dbtest.Items(10+int(seed), 6, seed)...)
		dbtest.Must(t, err)
		_, err = d.Delete(ctx, fmt.Sprintf("i%04d", seed))
		dbtest.Must(t, err)
	}
	close(stop)
	wg.Wait()
}

// TestSetModel replaces the autoencoder that answers, interrupted once; queries know the new names at the switch and not before.
func TestSetModel(t *testing.T) {
	d := dbtest.MustOpen(t)
	_, err := d.Put(ctx, dbtest.Items(30, 6, 1)...)
	dbtest.Must(t, err)
	dbtest.Must(t, d.SetModel(ctx, "first", dbtest.Model(6, 24, 3, 1), nil))
	if err := d.SetModel(newCancelAfter(3), "second", dbtest.Model(6, 24, 3, 2), dbtest.Names(24)); err == nil {
		t.Fatal("it was not interrupted")
	}
	if st, err := d.Stats(ctx); err != nil || st.Active != "first" {
		t.Errorf("interrupted: %q answers (%v)", st.Active, err)
	}
	dbtest.Must(t, d.SetModel(ctx, "second", dbtest.Model(6, 24, 3, 2), dbtest.Names(24)))
	if st, err := d.Stats(ctx); err != nil || st.Active != "second" || len(st.Models) != 2 {
		t.Errorf("%q of %d answers (%v)", st.Active, len(st.Models), err)
	}
	for _, err := range d.Query(ctx, "concept = word0003", nil) {
		dbtest.Must(t, err)
	}
	dbtest.MustCheck(t, d)
}
