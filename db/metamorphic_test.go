package db_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/internal/dbtest"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/query/querytest"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/concept"
)

// TestMetamorphic does random things to a database under random options, and the same to its twin: every call returns what the
// twin's returns, every query answers what a search of the twin's items answers, a snapshot stays what it was, and a closing, a crash
// or a backup between two calls changes nothing. -rapid.checks sets the number of lives, -rapid.seed the first.
func TestMetamorphic(t *testing.T) {
	scratch := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		l := &fate{twin: newTwin(), fs: vfs.NewCrashableMem(), scratch: scratch}
		l.open(t)
		defer func() { _ = l.d.Close() }()
		t.Repeat(map[string]func(*rapid.T){
			"":           l.count,
			"put":        l.put,
			"put more":   l.put,
			"put one":    l.putOne,
			"ingest":     l.ingest,
			"bulk":       l.bulk,
			"delete":     l.delete,
			"annotate":   l.annotate,
			"cluster":    l.cluster,
			"refused":    l.refused,
			"add model":  l.addModel,
			"encode all": l.encodeAll,
			"activate":   l.activate,
			"drop model": l.dropModel,
			"name":       l.name,
			"edit":       l.edit,
			"vocabulary": l.vocabulary,
			"query":      l.query,
			"query more": l.query,
			"near":       l.near,
			"look":       l.look,
			"hold":       l.hold,
			"look back":  l.lookBack,
			"compact":    l.compact,
			"age":        l.age,
			"weigh":      l.weigh,
			"derive":     l.derive,
			"reopen":     l.reopen,
			"read only":  l.readOnly,
			"crash":      l.crash,
			"backup":     l.backup,
		})
		l.lookBack(t)
		l.look(t)
		l.born(t)
	})
}

// fate is one life of a database with its twin.
type fate struct {
	*twin
	d       *db.DB
	fs      *vfs.MemFS
	held    []past
	scratch string // a folder for what must be on a real disk
}

// past is an open snapshot and what it has to show.
type past struct {
	s    *db.Snapshot
	twin *twin
}

// A draw of one of few.
func pick[T any](t *rapid.T, what string, from ...T) T { return rapid.SampledFrom(from).Draw(t, what) }

func number(t *rapid.T, what string, from, to int) int { return rapid.IntRange(from, to).Draw(t, what) }

func chance(t *rapid.T, what string) bool { return rapid.Bool().Draw(t, what) }

func must(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wants ends the life if err is not of that kind.
func wants(t *rapid.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("error %v, want %v", err, kind)
	}
}

// open opens the database under random options.
func (l *fate) open(t *rapid.T) {
	d, err := db.Open(ctx, dbtest.Dir, l.options(t))
	must(t, err)
	l.d = d
}

func (l *fate) options(t *rapid.T) *db.Options {
	memtable := pick(t, "memtable", 16<<10, 64<<10, 4<<20)
	block := pick(t, "block", 64, 1024, 32<<10)
	table := pick(t, "table", 4<<10, 2<<20)
	cache := pick(t, "cache", 1, 8<<10, 8<<20)
	files := pick(t, "files in level 0", 1, 2, 4)
	return &db.Options{
		Create:  true,
		Threads: number(t, "threads", 1, 3),
		Tune: func(p *pebble.Options) {
			p.FS, p.MemTableSize, p.CacheSize, p.L0CompactionThreshold = l.fs, uint64(memtable), int64(cache), files
			for i := range p.Levels {
				p.Levels[i].BlockSize, p.Levels[i].IndexBlockSize = block, block
			}
			for i := range p.TargetFileSizes {
				p.TargetFileSizes[i] = int64(table)
			}
		},
	}
}

const (
	lifeDim = 4  // dimensions, and latents of each autoencoder
	lifeIDs = 20 // ids that items may have
)

func lifeID(i int) string { return fmt.Sprintf("p%02d", i) }

func (l *fate) id(t *rapid.T) string { return lifeID(number(t, "id", 0, lifeIDs-1)) }

// vector has small integers, so that many scores tie, and now and then a direction that was there.
func vector(t *rapid.T) []float32 {
	x := make([]float32, lifeDim)
	for i := range x {
		x[i] = float32(number(t, "x", -2, 3))
	}
	if slices.Max(x) == 0 && slices.Min(x) == 0 {
		x[0] = 1
	}
	return x
}

func (l *fate) item(t *rapid.T) db.Item {
	it := db.Item{ID: l.id(t), Vec: vector(t), Meta: map[string]any{}}
	if chance(t, "has a year") {
		it.Meta["year"] = int64(number(t, "year", 2018, 2022))
	}
	if chance(t, "has a label") {
		it.Meta["label"] = pick(t, "label", "sea", "dog", "red barn")
	}
	if chance(t, "has tags") {
		it.Meta["tags"] = pick(t, "tags", []string{"x"}, []string{"x", "y"}, []string{"zoo", "zoo"})
	}
	if chance(t, "has a thumbnail") {
		it.Thumb = bytes.Repeat([]byte{byte(number(t, "thumbnail", 0, 2))}, pick(t, "size", 1, 300, 5000))
	}
	return it
}

func (l *fate) batch(t *rapid.T, most int) []db.Item {
	items := make([]db.Item, number(t, "items", 1, most))
	for i := range items {
		items[i] = l.item(t)
	}
	return items
}

func (l *fate) put(t *rapid.T) {
	items := l.batch(t, 8)
	got, err := l.d.Put(ctx, items...)
	must(t, err)
	if want := l.twin.put(items...); got != want {
		t.Fatalf("put: %+v, want %+v", got, want)
	}
}

// putOne puts an item that is there, unchanged or with one thing changed.
func (l *fate) putOne(t *rapid.T) {
	if len(l.order) == 0 {
		t.Skip("no items")
	}
	id := pick(t, "id", l.order...)
	it, err := l.d.Get(ctx, id)
	must(t, err)
	was := l.items[id]
	want := db.Result{Unchanged: 1}
	if chance(t, "another thumbnail") {
		it.Thumb = append(slices.Clone(it.Thumb), 'x')
		was.thumb, want = it.Thumb, db.Result{Replaced: 1}
	}
	got, err := l.d.Put(ctx, it)
	must(t, err)
	if got != want {
		t.Fatalf("put again: %+v, want %+v", got, want)
	}
	l.items[id] = was
}

var errStream = errors.New("the stream breaks")

// ingest stores what comes before a stream breaks, and all of one that does not.
func (l *fate) ingest(t *rapid.T) {
	items := l.batch(t, 20)
	end := pick(t, "ends with", nil, errStream)
	got, err := l.d.Ingest(ctx, func(yield func(db.Item, error) bool) {
		for _, it := range items {
			if !yield(it, nil) {
				return
			}
		}
		if end != nil {
			yield(db.Item{}, end)
		}
	})
	wants(t, err, end)
	var want db.Result
	for _, it := range items {
		r := l.twin.put(it)
		want.Added, want.Replaced, want.Unchanged = want.Added+r.Added, want.Replaced+r.Replaced, want.Unchanged+r.Unchanged
	}
	if got != want {
		t.Fatalf("ingest: %+v, want %+v", got, want)
	}
}

// bulk ingests so many new items that their vectors fill blocks, or deletes what it has ingested, wholly or in part.
func (l *fate) bulk(t *rapid.T) {
	ids := make([]string, number(t, "items", 40, 70))
	for i := range ids {
		ids[i] = fmt.Sprintf("q%02d", i)
	}
	if _, there := l.items[ids[0]]; there {
		if chance(t, "in part") {
			ids = ids[:pick(t, "of them", 1, 20)]
		}
		got, err := l.d.Delete(ctx, ids...)
		must(t, err)
		if want := l.twin.delete(ids...); got != want {
			t.Fatalf("delete: %d, want %d", got, want)
		}
		return
	}
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	items := make([]db.Item, len(ids))
	for i := range items {
		x := make([]float32, lifeDim)
		for j := range x {
			x[j] = float32(1 + rng.IntN(3))
		}
		items[i] = db.Item{ID: ids[i], Vec: x}
	}
	got, err := l.d.Ingest(ctx, itemSeq(items))
	must(t, err)
	if want := l.twin.put(items...); got != want {
		t.Fatalf("ingest: %+v, want %+v", got, want)
	}
}

func (l *fate) delete(t *rapid.T) {
	ids := make([]string, number(t, "ids", 1, 6))
	for i := range ids {
		ids[i] = l.id(t)
	}
	got, err := l.d.Delete(ctx, ids...)
	must(t, err)
	if want := l.twin.delete(ids...); got != want {
		t.Fatalf("delete: %d, want %d", got, want)
	}
}

func (l *fate) annotate(t *rapid.T) {
	key := pick(t, "key", "label", "year", "note")
	values := map[string]any{}
	stranger := false
	for range number(t, "values", 1, 5) {
		id := l.id(t)
		values[id] = pick(t, "value", any("sea"), any("dog"), any(int64(2020)), any(true), any(2.5), nil)
		if _, there := l.items[id]; !there {
			stranger = true
		}
	}
	got, err := l.d.Annotate(ctx, key, annotations(values))
	if stranger {
		wants(t, err, db.ErrNotFound)
		return
	}
	must(t, err)
	if want := l.twin.annotate(key, values); got != want {
		t.Fatalf("annotate: %d, want %d", got, want)
	}
}

func (l *fate) cluster(t *rapid.T) {
	var c *db.Clusters
	of := map[string]int{}
	if chance(t, "any") {
		c = &db.Clusters{Over: "vectors", K: 2, List: []db.Cluster{{ID: 0, Name: "first", Within: 0.5}, {ID: 1, Within: 0.25}}}
		for _, id := range l.order {
			if n := number(t, "cluster", 0, 2); n < 2 {
				of[id] = n
			}
		}
	}
	must(t, l.d.SetClusters(ctx, c, func(yield func(string, int) bool) {
		for _, id := range sortedKeys(of) {
			if !yield(id, of[id]) {
				return
			}
		}
	}))
	l.setClusters(c, of)
}

// refused makes calls that must fail, and leave nothing.
func (l *fate) refused(t *rapid.T) {
	nan := float32(math.NaN())
	stopped, stop := context.WithCancel(ctx)
	stop()
	switch number(t, "call", 0, 6) {
	case 0:
		_, err := l.d.Put(ctx, append(l.batch(t, 3), db.Item{ID: "new", Vec: []float32{1, nan, 0, 0}})...)
		wants(t, err, db.ErrVector)
	case 1:
		_, err := l.d.Put(ctx, append(l.batch(t, 3), db.Item{ID: "new", Vec: []float32{1}})...)
		wants(t, err, db.ErrDim)
	case 2:
		_, err := l.d.Put(stopped, l.batch(t, 3)...)
		wants(t, err, context.Canceled)
	case 3:
		_, err := l.d.Delete(stopped, l.id(t))
		wants(t, err, context.Canceled)
	case 4:
		wants(t, l.d.Activate(ctx, "nobody"), db.ErrNotFound)
	case 5:
		_, err := l.d.Annotate(ctx, "path", annotations(map[string]any{l.id(t): int64(1)}))
		if !errors.Is(err, db.ErrNotFound) {
			wants(t, err, db.ErrItem)
		}
	case 6:
		err := l.d.SetClusters(ctx, &db.Clusters{}, func(yield func(string, int) bool) { yield(l.id(t), 7) })
		wants(t, err, db.ErrItem)
	}
}

// identity is an autoencoder whose latents are the numbers of the vector.
func identity(k int) *sae.Model {
	d := &querytest.Data{Latents: lifeDim, K: k}
	m := d.Model()
	m.Info.Name = fmt.Sprint("identity ", k)
	return m
}

func modelName(t *rapid.T) (name string, k int) {
	k = number(t, "k", 1, 3)
	return fmt.Sprint("k", k), k
}

func (l *fate) addModel(t *rapid.T) {
	name, k := modelName(t)
	err := l.d.AddModel(ctx, name, identity(k))
	if l.dim == 0 {
		wants(t, err, db.ErrDim)
		return
	}
	must(t, err)
	l.twin.addModel(name, identity(k))
}

func (l *fate) encodeAll(t *rapid.T) {
	name, _ := modelName(t)
	err := l.d.EncodeAll(ctx, name, number(t, "threads", 0, 3), nil)
	m := l.model(name)
	if m == nil {
		wants(t, err, db.ErrNotFound)
		return
	}
	must(t, err)
	l.twin.encodeAll(m)
}

func (l *fate) activate(t *rapid.T) {
	name, _ := modelName(t)
	err := l.d.Activate(ctx, name)
	m := l.model(name)
	if m == nil {
		wants(t, err, db.ErrNotFound)
		return
	}
	must(t, err)
	l.twin.encodeAll(m)
	l.active = name
}

func (l *fate) dropModel(t *rapid.T) {
	name, _ := modelName(t)
	err := l.d.DropModel(ctx, name)
	switch {
	case l.model(name) == nil:
		wants(t, err, db.ErrNotFound)
	case name == l.active:
		wants(t, err, db.ErrActive)
	default:
		must(t, err)
		l.twin.dropModel(name)
	}
}

// lifeNames are names with groups of one latent and of two. Weights are powers of two, so that sums are exact.
func lifeNames(words ...string) *concept.Names {
	n := &concept.Names{Latents: make([]concept.Name, lifeDim)}
	for i, word := range words {
		n.Latents[i] = concept.Name{Word: word, Score: 0.5, Margin: 0.25}
		group := []concept.Weight{{Latent: uint32(i), W: 1}}
		if i == 0 {
			group = []concept.Weight{{Latent: 0, W: 0.75}, {Latent: lifeDim - 1, W: 0.25}}
		}
		n.Concepts = append(n.Concepts, concept.Concept{Word: word, Group: group})
	}
	return n
}

func (l *fate) name(t *rapid.T) {
	name, _ := modelName(t)
	n := pick(t, "names", lifeNames("barn", "dog", "sea"), lifeNames("dog", "sea"))
	err := l.d.SetNames(ctx, name, n)
	m := l.model(name)
	if m == nil {
		wants(t, err, db.ErrNotFound)
		return
	}
	must(t, err)
	m.names = n
}

func (l *fate) edit(t *rapid.T) {
	name, _ := modelName(t)
	e := pick(t, "edits", concept.Edits{}, concept.Edits{Set: map[uint32]string{3: "sea"}}, concept.Edits{HideWords: []string{"dog"}}, concept.Edits{Merge: map[string]string{"dog": "sea"}})
	err := l.d.SetEdits(ctx, name, e)
	m := l.model(name)
	switch {
	case m == nil:
		wants(t, err, db.ErrNotFound)
	case m.names == nil:
		wants(t, err, db.ErrNoNames)
	default:
		must(t, err)
		m.edits = e
	}
}

func (l *fate) vocabulary(t *rapid.T) {
	v := &concept.Vocab{D: lifeDim, Words: []string{"moon", "sea"}, Vectors: []float32{1, 0, 0, 0, 0, 0, 1, 0}}
	if chance(t, "longer") {
		v.Words, v.Vectors = append(v.Words, "stone"), append(v.Vectors, 0, 0.6, 0, 0.8)
	}
	err := l.d.SetVocab(ctx, v)
	must(t, err)
	l.vocab = v
}

// cond draws a condition.
func (l *fate) cond(t *rapid.T, depth int) string {
	cmp := func() string { return pick(t, "comparison", "=", "!=", "<", "<=", ">", ">=") }
	if depth > 0 {
		switch number(t, "joined", 0, 4) {
		case 0:
			return l.cond(t, depth-1) + " or " + l.cond(t, depth-1)
		case 1:
			return l.cond(t, depth-1) + " and " + l.cond(t, depth-1)
		case 2:
			return "not (" + l.cond(t, depth-1) + ")"
		}
	}
	switch number(t, "condition", 0, 8) {
	case 0:
		return fmt.Sprintf("meta.year %s %d", cmp(), number(t, "year", 2017, 2023))
	case 1:
		return "label " + cmp() + pick(t, "label", " sea", " dog", ` "red barn"`)
	case 2:
		return "meta.tags = " + pick(t, "tag", "x", "y", "zoo")
	case 3:
		return "exists " + pick(t, "field", "meta.year", "label", "cluster", "meta.note")
	case 4:
		return pick(t, "field", "id", "path", "label") + " ~ " + pick(t, "pattern", "*", "p0*", "?1*", "*o*")
	case 5:
		return fmt.Sprintf("meta.note %s %s", cmp(), pick(t, "note", "2020", "2.5", "sea", "true"))
	case 6:
		return fmt.Sprintf("latent = %d%s", number(t, "latent", 0, lifeDim-1), pick(t, "threshold", "", " >= 0.5", " < 0.8"))
	case 7:
		return "id in (" + l.id(t) + ", " + l.id(t) + ")"
	}
	return "concept = " + pick(t, "concept", "sea", "dog", "barn") + pick(t, "threshold", "", " > 0.25", " ^2")
}

// text draws a query whose scores are exact.
func (l *fate) text(t *rapid.T) string {
	tails := pick(t, "top", "", " top 3", " top 2 offset 1")
	switch number(t, "form", 0, 7) {
	case 0:
		return "count " + l.cond(t, 1) + pick(t, "by", "", " by label", " by cluster", " by concept")
	case 1:
		return "explain image " + l.id(t)
	case 2:
		return pick(t, "listing", "concepts", "latents", "clusters", `fields where name != path`) + tails
	case 3:
		return "find all order by meta.year" + pick(t, "order", "", " desc") + tails
	}
	return "find " + l.cond(t, 2) + pick(t, "score", "", " score max", " score min") + tails
}

// rowsOf reads an answer to its end.
func rowsOf(seq iter.Seq2[query.Row, error]) (rows []query.Row, err error) {
	for row, err := range seq {
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// asked answers a query from the twin.
func (w *twin) asked(text string) ([]query.Row, error) {
	src := w.memory()
	plan, err := query.Compile(ctx, text, src, nil)
	if err != nil {
		return nil, err
	}
	return rowsOf(plan.Run(ctx, src))
}

// query compares an answer row for row, scores to the last bit.
func (l *fate) query(t *rapid.T) {
	s, err := l.d.Snapshot()
	must(t, err)
	defer s.Close()
	sameAnswer(t, s, l.twin, l.text(t))
}

func sameAnswer(t *rapid.T, s *db.Snapshot, w *twin, text string) {
	t.Helper()
	got, err := rowsOf(s.Query(ctx, text, nil))
	want, wantErr := w.asked(text)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%s\nerror %v, want %v", text, err, wantErr)
	}
	for i := range max(len(got), len(want)) {
		if i >= min(len(got), len(want)) || querytest.FormatRow(got[i]) != querytest.FormatRow(want[i]) || got[i].Score != want[i].Score {
			t.Fatalf("%s\ngives %+v\nwant %+v", text, got, want)
		}
	}
}

// near compares a search by nearness, whose cosines are rounded in another order: the same pictures with nearly the same scores, the
// best first, and fewer of them where fewer are wanted.
func (l *fate) near(t *rapid.T) {
	text := "near image " + l.id(t)
	if chance(t, "a text") {
		text = pick(t, "text", `near text "moon"`, `near text "sea"`, `near text "stone"`)
	}
	text += pick(t, "space", "", " in dense", " in latent")
	if chance(t, "filtered") {
		text += " where " + l.cond(t, 1)
	}
	got, err := rowsOf(l.d.Query(ctx, text+" top 100", nil))
	if errors.Is(err, index.ErrZero) && l.anyEmpty() {
		return // no latent is active in it: it is near nothing
	}
	want, wantErr := l.asked(text + " top 100")
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%s\nerror %v, want %v", text, err, wantErr)
	}
	scores := map[string]float64{}
	for _, row := range want {
		scores[row.ID] = row.Score
	}
	for i, row := range got {
		score, found := scores[row.ID]
		if !found || math.Abs(row.Score-score) > 1e-5 || i > 0 && row.Score > got[i-1].Score {
			t.Fatalf("%s\ngives %+v\nwant %+v", text, got, want)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%s\ngives %d rows, want %d", text, len(got), len(want))
	}
	few, err := rowsOf(l.d.Query(ctx, text+" top 3", nil))
	if wantErr == nil && err != nil || len(few) != min(3, len(got)) {
		t.Fatalf("%s top 3\ngives %+v, %v\nof %+v", text, few, err, got)
	}
	for i, row := range few {
		if row.ID != got[i].ID {
			t.Fatalf("%s top 3\ngives %+v\nof %+v", text, few, got)
		}
	}
}

// anyEmpty says whether there is an item whose code is empty, or would be.
func (w *twin) anyEmpty() bool {
	for _, it := range w.items {
		if slices.Max(it.vec) <= 0 {
			return true
		}
	}
	return false
}

// count looks at what every commit writes, and gets an item that was got before, or has been put, replaced or deleted since.
func (l *fate) count(t *rapid.T) {
	for _, id := range []string{l.id(t), lifeID(0), "q00"} {
		want, there := l.items[id]
		it, err := l.d.Get(ctx, id)
		if !there {
			wants(t, err, db.ErrNotFound)
			continue
		}
		must(t, err)
		must(t, want.differ(it))
	}
	s, err := l.d.Snapshot()
	must(t, err)
	defer s.Close()
	if s.Len() != len(l.items) {
		t.Fatalf("%d items, want %d", s.Len(), len(l.items))
	}
}

// look compares everything.
func (l *fate) look(t *rapid.T) {
	s, err := l.d.Snapshot()
	must(t, err)
	defer s.Close()
	must(t, l.differ(s))
	c, err := l.d.Clusters(ctx)
	if l.clusters == nil {
		wants(t, err, db.ErrNoClusters)
	} else if must(t, err); !sameValue(c, l.clusters) {
		t.Fatalf("clusters %+v, want %+v", c, l.clusters)
	}
	v, err := l.d.Vocab(ctx)
	if l.vocab == nil {
		wants(t, err, db.ErrNoVocab)
	} else if must(t, err); !sameValue(v, l.vocab) {
		t.Fatalf("vocabulary %+v, want %+v", v, l.vocab)
	}
}

func (l *fate) hold(t *rapid.T) {
	s, err := l.d.Snapshot()
	must(t, err)
	l.held = append(l.held, past{s, l.clone()})
}

// lookBack compares the open snapshots, and closes one.
func (l *fate) lookBack(t *rapid.T) {
	for _, p := range l.held {
		if err := p.twin.differ(p.s); err != nil {
			t.Fatalf("a snapshot has changed: %v", err)
		}
		sameAnswer(t, p.s, p.twin, l.text(t))
	}
	if len(l.held) > 0 {
		l.held[0].s.Close()
		l.held = l.held[1:]
	}
}

func (l *fate) compact(t *rapid.T) {
	_, _, err := l.d.Compact(ctx)
	must(t, err)
}

// age gives the postings the form that they had in format 2.
func (l *fate) age(t *rapid.T) {
	l.leave(t)
	must(t, unweigh(l.fs))
	l.open(t)
}

// weigh gives old postings the form that they have now.
func (l *fate) weigh(t *rapid.T) { must(t, l.d.Weigh(ctx)) }

// leave closes the database with whatever snapshots are open.
func (l *fate) leave(t *rapid.T) {
	l.held = nil
	must(t, l.d.Close())
}

func (l *fate) reopen(t *rapid.T) {
	l.leave(t)
	l.open(t)
}

func (l *fate) readOnly(t *rapid.T) {
	l.leave(t)
	o := l.options(t)
	o.Create, o.ReadOnly = false, true
	d, err := db.Open(ctx, dbtest.Dir, o)
	must(t, err)
	l.d = d
	l.look(t)
	_, err = d.Put(ctx, l.item(t))
	wants(t, err, db.ErrReadOnly)
	l.reopen(t)
}

// crash goes on with what a power cut between two calls leaves.
func (l *fate) crash(t *rapid.T) {
	kept := pick(t, "percent of what was not synced", 0, 50, 100)
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	left := l.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: kept, RNG: rng})
	l.leave(t)
	l.fs = left
	l.open(t)
	l.look(t)
}

// backup goes on with what is restored from a backup.
func (l *fate) backup(t *rapid.T) {
	before, err := l.d.Fingerprint(ctx)
	must(t, err)
	dir, err := os.MkdirTemp(l.scratch, "")
	must(t, err)
	defer os.RemoveAll(dir)
	var stream bytes.Buffer
	must(t, l.d.Backup(ctx, &stream))
	restored := filepath.Join(dir, "restored")
	must(t, db.Restore(ctx, restored, &stream))
	l.leave(t)
	l.fs = vfs.NewCrashableMem()
	_, err = vfs.Clone(vfs.Default, l.fs, restored, dbtest.Dir, vfs.CloneSync)
	must(t, err)
	l.open(t)
	if after, err := l.d.Fingerprint(ctx); err != nil || after != before {
		t.Fatalf("fingerprint %s after a backup, %s before (%v)", after, before, err)
	}
}

// born makes a database of the twin's content by the shortest way: its fingerprint is that of the one that lived.
func (l *fate) born(t *rapid.T) {
	d, err := db.Open(ctx, dbtest.Dir, dbtest.Options(vfs.NewMem()))
	must(t, err)
	defer func() { _ = d.Close() }()
	for _, id := range sortedKeys(l.items) {
		it := l.items[id]
		_, err := d.Put(ctx, db.Item{ID: id, Vec: it.given, Meta: it.meta, Thumb: it.thumb})
		must(t, err)
	}
	if len(l.items) == 0 {
		return
	}
	for _, m := range l.models {
		must(t, l.d.EncodeAll(ctx, m.name, 1, nil))
		must(t, d.AddModel(ctx, m.name, m.sae))
		must(t, d.EncodeAll(ctx, m.name, 1, nil))
		if m.names != nil {
			must(t, d.SetNames(ctx, m.name, m.names))
			if !sameValue(m.edits, concept.Edits{}) {
				must(t, d.SetEdits(ctx, m.name, m.edits))
			}
		}
		if m.name == l.active {
			must(t, d.Activate(ctx, m.name))
		}
	}
	if l.vocab != nil {
		must(t, d.SetVocab(ctx, l.vocab))
	}
	if l.clusters != nil {
		of := func(yield func(string, int) bool) {
			for id, it := range l.items {
				if n, in := it.meta[db.ClusterField].(int64); in && !yield(id, int(n)) {
					return
				}
			}
		}
		must(t, d.SetClusters(ctx, l.clusters, of))
	}
	lived, err := l.d.Fingerprint(ctx)
	must(t, err)
	if fresh, err := d.Fingerprint(ctx); err != nil || fresh != lived {
		t.Fatalf("fingerprint %s, that of a database just made of the same is %s (%v)", lived, fresh, err)
	}
}

// derive makes the derived file, or finds that it need not.
func (l *fate) derive(t *rapid.T) {
	if err := l.d.Derive(ctx); err != nil {
		t.Fatalf("derive: %v", err)
	}
}
