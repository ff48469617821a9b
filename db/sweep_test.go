package db_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
)

// busy is a workload that can be run again from its beginning, on whatever an interrupted run of it has left, and then ends with the
// same content.
type busy struct {
	d *db.DB

	mu    sync.Mutex
	acked map[string]float32 // items that are on disk: the first number of their vectors
	doubt map[string]float32 // items of the call under way: what they become; NaN-free, -1e9 for deleted
}

// gone is what a deleted item is in doubt about.
const gone = float32(-1e9)

// call runs one call of the database, of which the given items are the outcome once it returns.
func (l *busy) call(outcome map[string]float32, f func() error) error {
	l.mu.Lock()
	l.doubt = outcome
	l.mu.Unlock()
	err := f()
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, v := range outcome {
		if v == gone {
			delete(l.acked, id)
		} else {
			l.acked[id] = v
		}
	}
	l.doubt = nil
	return nil
}

func (l *busy) put(items []db.Item) error {
	outcome := map[string]float32{}
	for i := range items {
		items[i].Norm = 0
		outcome[items[i].ID] = items[i].Vec[0]
	}
	return l.call(outcome, func() error { _, err := l.d.Put(ctx, items...); return err })
}

func (l *busy) ingest(items []db.Item) error {
	outcome := map[string]float32{}
	for i := range items {
		items[i].Norm = 0
		outcome[items[i].ID] = items[i].Vec[0]
	}
	return l.call(outcome, func() error { _, err := l.d.Ingest(ctx, itemSeq(items)); return err })
}

func (l *busy) compact() error { _, _, err := l.d.Compact(ctx); return err }

func (l *busy) delete(ids ...string) error {
	outcome := map[string]float32{}
	for _, id := range ids {
		outcome[id] = gone
	}
	return l.call(outcome, func() error { _, err := l.d.Delete(ctx, ids...); return err })
}

// live does everything that writes: puts, replacements, deletions, metadata, models, names, clusters, compaction. Vectors are put into
// blocks, replaced and deleted in them, put alone and brought into blocks.
func (l *busy) live(rounds int) error {
	d := l.d
	steps := []func() error{
		func() error { return l.put(dbtest.Items(20, 8, 98)) },
		func() error { return d.AddModel(ctx, "first", dbtest.Model(8, 32, 4, 1)) },
		func() error { return d.Activate(ctx, "first") },
		func() error { return d.SetNames(ctx, "first", dbtest.Names(32)) },
	}
	for round := range rounds {
		seed := uint64(round)
		steps = append(steps,
			func() error { return l.put(dbtest.Items(60, 8, 3*seed)) },
			func() error { return l.put(dbtest.Items(200, 8, 3*seed+1)[100:]) },
			func() error { return l.delete("i0003", "i0120", "i0121", fmt.Sprintf("i%04d", 10+round)) },
			func() error { _, err := d.Annotate(ctx, "meta.round", seqOf("i0001", int64(round))); return err },
			func() error { return l.compact() },
			func() error { return l.put(dbtest.Items(30, 8, 3*seed+2)) },
			func() error { return l.ingest(dbtest.Items(100*round+300, 8, 3*seed)[100*round+210:]) },
			func() error { return d.DeriveGraph(ctx) },
			func() error {
				return d.SetClusters(ctx, &db.Clusters{Over: "vectors", K: 1, List: []db.Cluster{{ID: 0, Size: 1, Within: 1}}}, clusterOf("i0001"))
			},
		)
	}
	steps = append(steps,
		func() error { return d.AddModel(ctx, "second", dbtest.Model(8, 16, 3, 2)) },
		func() error { return d.Activate(ctx, "second") },
		func() error { return d.DropModel(ctx, "first") },
		l.compact,
		func() error { return l.put(dbtest.Items(10, 8, 99)) },
	)
	for i, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

func seqOf(id string, v any) func(func(string, any) bool) {
	return func(yield func(string, any) bool) { yield(id, v) }
}

func clusterOf(id string) func(func(string, int) bool) {
	return func(yield func(string, int) bool) { yield(id, 0) }
}

// small are options under which little data already flushes and compacts, and has a graph.
func small(fs vfs.FS) *db.Options {
	o := dbtest.Options(fs)
	o.GraphFrom = 200
	o.Tune = func(p *pebble.Options) {
		p.FS, p.MemTableSize, p.L0CompactionThreshold = fs, 16<<10, 2
	}
	return o
}

// crash is what a power cut left, and what had been acknowledged then.
type crash struct {
	op, percent  int
	fs           *vfs.MemFS
	acked, doubt map[string]float32
}

// TestPowerCuts cuts the power before a tenth of the operations of a life on the file system, with none, half or all of what was not
// synced kept. What was acknowledged is there, the check is silent, the graph finds what an exact search does, and the life lived again from its beginning ends as one that
// nothing interrupted. $SAEDB_LONG cuts before every operation of a longer life, with each of the three, and lives every tenth again.
func TestPowerCuts(t *testing.T) {
	rounds, share, again, seed := 2, 10, 1, uint64(20261124)
	ways := func(op int) []int { return []int{0, 50, 100}[op/10%3:][:1] }
	if os.Getenv("SAEDB_LONG") != "" {
		rounds, share, again = 9, 1, 10
		ways = func(int) []int { return []int{0, 50, 100} }
	}
	d, err := db.Open(ctx, dbtest.Dir, small(vfs.NewMem()))
	dbtest.Must(t, err)
	dbtest.Must(t, (&busy{d: d, acked: map[string]float32{}}).live(rounds))
	want, err := d.Fingerprint(ctx)
	dbtest.Must(t, err)
	dbtest.Must(t, d.Close())

	rng := rand.New(rand.NewPCG(seed, 0))
	cut, judged := map[int]bool{}, 0
	const passes = 10 // so that few clones are in memory at once
	for pass := range passes {
		crashes, ops := cutDuring(t, rounds, rng, ways, func(op int) bool { return op%(passes*share) == pass*share+int(seed)%share })
		for _, c := range crashes {
			cut[c.op] = true
			if judged++; judged%again == 0 {
				c.judge(t, seed, rounds, want)
			} else {
				c.judge(t, seed, 0, "")
			}
		}
		if pass == 0 {
			t.Logf("about %d operations in %d rounds", ops, rounds)
		}
	}
	t.Logf("seed %d: the power was cut before %d different operations, %d times", seed, len(cut), judged)
	if len(cut) < 20 {
		t.Errorf("only %d cuts: the test shows little", len(cut))
	}
}

// cutDuring lives a life and clones what a power cut would leave before each operation that when names.
func cutDuring(t *testing.T, rounds int, rng *rand.Rand, ways func(op int) []int, when func(op int) bool) (crashes []crash, ops int) {
	t.Helper()
	mem := vfs.NewCrashableMem()
	l := &busy{acked: map[string]float32{}}
	var mu sync.Mutex
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		ops++
		if !when(ops) {
			return nil
		}
		l.mu.Lock() // until the clones are made: the workload must not get past the call under way
		defer l.mu.Unlock()
		acked, doubt := maps.Clone(l.acked), maps.Clone(l.doubt)
		for _, percent := range ways(ops) {
			clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng})
			crashes = append(crashes, crash{ops, percent, clone, acked, doubt})
		}
		return nil
	}))
	d, err := db.Open(ctx, dbtest.Dir, small(fs))
	dbtest.Must(t, err)
	l.d = d
	dbtest.Must(t, l.live(rounds))
	dbtest.Must(t, d.Close())
	return crashes, ops
}

// judge opens what a power cut left; with rounds it lives its life again.
func (c crash) judge(t *testing.T, seed uint64, rounds int, want string) {
	t.Helper()
	where := fmt.Sprintf("seed %d, cut before operation %d, %d%% kept", seed, c.op, c.percent)
	d, err := db.Open(ctx, dbtest.Dir, small(c.fs))
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	defer d.Close()
	for fault := range d.Check(ctx) {
		t.Errorf("%s: check: %v", where, fault)
	}
	found := map[string]float32{}
	for it, err := range d.All(ctx) {
		if err != nil {
			t.Errorf("%s: %v", where, err)
			return
		}
		found[it.ID] = it.Vec[0] * it.Norm
	}
	for _, id := range slices.Sorted(maps.Keys(c.acked)) {
		now, there := found[id]
		becomes, inDoubt := c.doubt[id]
		switch {
		case there && near(now, c.acked[id]), there && inDoubt && near(now, becomes), !there && inDoubt && becomes == gone:
		default:
			t.Errorf("%s: %s is %v (%v), acknowledged was %v", where, id, now, there, c.acked[id])
		}
	}
	if len(found) >= 200 {
		agree(t, where, nearest(t, d, 8, " effort 20"), nearest(t, d, 8, " exact"))
	}
	if rounds == 0 {
		return
	}
	again := &busy{d: d, acked: map[string]float32{}}
	if err := again.live(rounds); err != nil {
		t.Errorf("%s: lived again: %v", where, err)
		return
	}
	if got, err := d.Fingerprint(ctx); err != nil || got != want {
		t.Errorf("%s: lived again it ends as %s, want %s (%v)", where, got, want, err)
	}
}

// near allows for the division by the norm and back.
func near(a, b float32) bool { return a-b < 1e-5 && b-a < 1e-5 }
