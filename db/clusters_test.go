package db_test

import (
	"errors"
	"iter"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
)

// grouping puts each item into the cluster that of says, into none where that is negative.
func grouping(items []db.Item, of func(i int) int) iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		for i, it := range items {
			if c := of(i); c >= 0 && !yield(it.ID, c) {
				return
			}
		}
	}
}

func TestClusters(t *testing.T) {
	items := dbtest.Items(9, 2, 1)
	d := dbtest.MustOpen(t)
	mustPut(t, d, items...)
	if _, err := d.Clusters(ctx); !errors.Is(err, db.ErrNoClusters) {
		t.Errorf("before there are any: %v", err)
	}
	before := fingerprint(t, d)

	want := &db.Clusters{Over: "codes", SAE: "first", K: 2, Seed: 1, Starts: 4, List: []db.Cluster{
		{ID: 0, Size: 3, Name: "dog", Concepts: []db.ConceptShare{{Word: "dog", Share: 0.5}}, Within: 0.9}, {ID: 1, Size: 6, Within: 1}}}
	dbtest.Must(t, d.SetClusters(ctx, want, grouping(items, func(i int) int { return min(i/3, 1) })))
	if got, err := d.Clusters(ctx); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if got := found(t, d, "cluster = 0"); !slices.Equal(got, []string{items[0].ID, items[1].ID, items[2].ID}) {
		t.Errorf("cluster 0 is %q", got)
	}
	dbtest.MustCheck(t, d)
	made := fingerprint(t, d)
	dbtest.Must(t, d.SetClusters(ctx, &db.Clusters{Over: "vectors", K: 1, List: []db.Cluster{{ID: 0, Size: 9}}}, grouping(items, func(int) int { return 0 })))
	if fingerprint(t, d) == made {
		t.Error("the fingerprint does not see another grouping")
	}

	one := &db.Clusters{Over: "vectors", K: 1, List: []db.Cluster{{ID: 0, Size: 1}}}
	dbtest.Must(t, d.SetClusters(ctx, one, grouping(items[4:5], func(int) int { return 0 })))
	if got := found(t, d, "exists cluster"); !slices.Equal(got, []string{items[4].ID}) {
		t.Errorf("one item is in a cluster, and %q have the field", got)
	}
	dbtest.MustCheck(t, d)

	dbtest.Must(t, d.SetClusters(ctx, nil, nil))
	if _, err := d.Clusters(ctx); !errors.Is(err, db.ErrNoClusters) || fingerprint(t, d) != before {
		t.Errorf("removed: %v, and a trace is left: %v", err, fingerprint(t, d) != before)
	}
}

// What does not fit together is refused, and nothing is stored.
func TestClustersThatDoNotFit(t *testing.T) {
	items := dbtest.Items(3, 2, 1)
	d := dbtest.MustOpen(t)
	mustPut(t, d, items...)
	two := &db.Clusters{K: 2, List: []db.Cluster{{ID: 0, Size: 2}, {ID: 1, Size: 1}}}
	dbtest.Must(t, d.SetClusters(ctx, two, grouping(items, func(i int) int { return i / 2 })))
	before := fingerprint(t, d)
	for name, c := range map[string]struct {
		c    *db.Clusters
		of   map[string]int
		want error
	}{
		"unknown item":          {two, map[string]int{items[0].ID: 1, "zz": 0}, db.ErrNotFound},
		"cluster of no list":    {two, map[string]int{items[0].ID: 2}, db.ErrItem},
		"cluster without table": {nil, map[string]int{items[0].ID: 0}, db.ErrItem},
	} {
		if err := d.SetClusters(ctx, c.c, maps.All(c.of)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if fingerprint(t, d) != before {
			t.Errorf("%s: something was stored", name)
		}
	}
}

// A new grouping replaces the old one in one step: with the power cut before any write of it, and after the last, there is one
// or the other, the description and every item's field.
func TestClustersAreReplacedAtOnce(t *testing.T) {
	const seed = 20261124
	rng := rand.New(rand.NewPCG(seed, 0))
	mem := vfs.NewCrashableMem()
	var mu sync.Mutex     // writes come from several goroutines
	var cuts []*vfs.MemFS // how the disk looks before each write
	look := func() {
		mu.Lock()
		defer mu.Unlock()
		for _, percent := range []int{0, 50, 100} {
			cuts = append(cuts, mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng}))
		}
	}
	var looking atomic.Bool
	d := dbtest.MustOpenOn(t, errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if looking.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			look()
		}
		return nil
	})))
	items := dbtest.Items(200, 4, seed)
	mustPut(t, d, items...)
	dbtest.Must(t, d.SetClusters(ctx, &db.Clusters{Over: "codes", K: 2, List: []db.Cluster{{ID: 0, Size: 100}, {ID: 1, Size: 100}}},
		grouping(items, func(i int) int { return i % 2 })))
	old := fingerprint(t, d)
	looking.Store(true)
	dbtest.Must(t, d.SetClusters(ctx, &db.Clusters{Over: "vectors", K: 3, List: []db.Cluster{{ID: 0, Size: 60}, {ID: 1, Size: 40}, {ID: 2, Size: 40}}},
		grouping(items, func(i int) int { return i%10%4 - 1 })))
	looking.Store(false)
	look()
	acknowledged := len(cuts) - 3
	now := fingerprint(t, d)
	seen := map[string]bool{}
	for i, cut := range cuts {
		c := dbtest.MustOpenOn(t, cut)
		dbtest.MustCheck(t, c)
		at := fingerprint(t, c)
		seen[at] = true
		if at != now && (at != old || i >= acknowledged) {
			t.Errorf("power cut %d of %d, seed %d: neither the old grouping nor the new one", i, len(cuts), seed)
		}
		dbtest.Must(t, c.Close())
	}
	if !seen[old] || !seen[now] || acknowledged == 0 {
		t.Errorf("%d power cuts show the old grouping: %v, the new one: %v", len(cuts), seen[old], seen[now])
	}
}
