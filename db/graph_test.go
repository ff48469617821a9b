package db_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/bench"
	"github.com/saedb/saedb/internal/dbtest"
	"github.com/saedb/saedb/internal/npy"
	"github.com/saedb/saedb/internal/vec"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/sae/concept"
)

// openGraphed opens a database that has a graph from a few hundred items on.
func openGraphed(t *testing.T, fs vfs.FS) *db.DB {
	t.Helper()
	o := dbtest.Options(fs)
	o.GraphFrom = 300
	d, err := db.Open(ctx, dbtest.Dir, o)
	dbtest.Must(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// nearest asks for the ten nearest of a few vectors, with and without a filter, in the way that the tail says.
func nearest(t *testing.T, r db.Reader, dim int, tail string) (all [][]query.Row) {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, 7))
	for i := range 12 {
		q := make([]float32, dim)
		for j := range q {
			q[j] = float32(rng.NormFloat64())
		}
		where := ""
		if i%3 == 2 {
			where = " where meta.year >= 2010"
		}
		var rows []query.Row
		for row, err := range r.Query(ctx, "near vector $q in dense"+where+" top 10"+tail, query.Params{"q": q}) {
			dbtest.Must(t, err)
			rows = append(rows, row)
		}
		all = append(all, rows)
	}
	return all
}

// agree demands of what was found what holds for every answer: as many rows as the truth, in order, with true scores; and that it misses
// few of them.
func agree(t *testing.T, what string, got, truth [][]query.Row) {
	t.Helper()
	found, all := 0, 0
	for i := range truth {
		if len(got[i]) != len(truth[i]) {
			t.Fatalf("%s: query %d has %d rows, want %d", what, i, len(got[i]), len(truth[i]))
		}
		score := map[string]float64{}
		for _, row := range truth[i] {
			score[row.ID] = row.Score
		}
		for j, row := range got[i] {
			if s, ok := score[row.ID]; ok {
				if found++; s != row.Score {
					t.Fatalf("%s: query %d, %s scores %v, want %v", what, i, row.ID, row.Score, s)
				}
			} else if last := truth[i][len(truth[i])-1].Score; row.Score > last {
				t.Fatalf("%s: query %d has %s with %v, which is not among the nearest and would be", what, i, row.ID, row.Score)
			}
			if j > 0 && row.Score > got[i][j-1].Score {
				t.Fatalf("%s: query %d is out of order", what, i)
			}
		}
		all += len(truth[i])
	}
	if found*100 < all*90 {
		t.Errorf("%s: %d of %d rows found", what, found, all)
	}
}

// bare is the same database without derived files.
func bare(t *testing.T, fs *vfs.MemFS) *db.DB {
	t.Helper()
	to := vfs.NewMem()
	_, err := vfs.Clone(fs, to, dbtest.Dir, dbtest.Dir)
	dbtest.Must(t, err)
	if err := to.RemoveAll(dbtest.Dir + "/derived"); err != nil {
		t.Fatal(err)
	}
	return dbtest.MustOpenOn(t, to)
}

// plan returns the plan of a search.
func plan(t *testing.T, d db.Reader, text string, dim int) (lines string) {
	t.Helper()
	for row, err := range d.Query(ctx, "plan "+text, query.Params{"q": make([]float32, dim)}) {
		dbtest.Must(t, err)
		lines += row.Text + "\n"
	}
	return lines
}

// TestGraphAgainstNone lives a life of puts, replacements and deletions with a graph that is made, brought up to date and reopened now and
// then; at each step exact answers are those of the same database without derived files, and the others nearly so.
func TestGraphAgainstNone(t *testing.T) {
	const dim = 12
	rng := rand.New(rand.NewPCG(5, 0))
	fs := vfs.NewMem()
	d := openGraphed(t, fs)
	_, err := d.Put(ctx, dbtest.Items(2000, dim, 1)...)
	dbtest.Must(t, err)
	dbtest.Must(t, d.DeriveGraph(ctx))
	walked := 0
	for step := range 16 {
		switch rng.IntN(6) {
		case 0, 1:
			items := dbtest.Items(2600, dim, uint64(step)+9)
			from := rng.IntN(2400)
			_, err = d.Put(ctx, items[from:from+1+rng.IntN(200)]...)
		case 2:
			var ids []string
			for range 150 {
				ids = append(ids, fmt.Sprintf("i%04d", rng.IntN(2600)))
			}
			_, err = d.Delete(ctx, ids...)
		case 3:
			err = d.Derive(ctx)
		case 4:
			err = d.DeriveGraph(ctx)
		case 5:
			err = d.Close()
			d = openGraphed(t, fs)
		}
		dbtest.Must(t, err)
		e := bare(t, fs)
		truth := nearest(t, e, dim, "")
		if got := nearest(t, d, dim, " exact"); fmt.Sprint(got) != fmt.Sprint(truth) {
			t.Fatalf("step %d, exact: %v\nwant %v", step, got, truth)
		}
		agree(t, fmt.Sprintf("step %d", step), nearest(t, d, dim, ""), truth)
		agree(t, fmt.Sprintf("step %d, with effort", step), nearest(t, d, dim, " effort 200"), truth)
		if strings.Contains(plan(t, d, "near vector $q in dense effort 20", dim), "walk over") {
			walked++
		}
		dbtest.MustCheck(t, d)
		dbtest.Must(t, e.Close())
	}
	if walked != 16 {
		t.Errorf("in %d of 16 steps the graph was used", walked)
	}
}

// TestGraphOfASnapshot: what was put or deleted after a snapshot was taken makes no difference to it, whatever becomes of the graph.
func TestGraphOfASnapshot(t *testing.T) {
	const dim = 12
	fs := vfs.NewMem()
	d := openGraphed(t, fs)
	_, err := d.Put(ctx, dbtest.Items(2000, dim, 1)...)
	dbtest.Must(t, err)
	dbtest.Must(t, d.DeriveGraph(ctx))
	s, err := d.Snapshot()
	dbtest.Must(t, err)
	defer s.Close()
	truth := nearest(t, s, dim, " exact")
	for step := range 3 {
		_, err = d.Put(ctx, dbtest.Items(2300, dim, uint64(step)+2)[1700:]...)
		dbtest.Must(t, err)
		_, err = d.Delete(ctx, truth[step][0].ID, truth[step][1].ID)
		dbtest.Must(t, err)
		agree(t, fmt.Sprintf("step %d, the snapshot", step), nearest(t, s, dim, ""), truth)
		agree(t, fmt.Sprintf("step %d, the database", step), nearest(t, d, dim, ""), nearest(t, d, dim, " exact"))
		dbtest.Must(t, d.DeriveGraph(ctx))
		agree(t, fmt.Sprintf("step %d, the snapshot, after the graph was made anew", step), nearest(t, s, dim, ""), truth)
	}
}

// TestGraphDamaged flips bytes all over the files that lie over the rows, cuts them and removes them: answers stay right, and the files are
// made anew.
func TestGraphDamaged(t *testing.T) {
	const dim = 12
	whole := vfs.NewMem()
	d := openGraphed(t, whole)
	_, err := d.Put(ctx, dbtest.Items(1500, dim, 1)...)
	dbtest.Must(t, err)
	dbtest.Must(t, d.DeriveGraph(ctx))
	truth := nearest(t, d, dim, " exact")
	dbtest.Must(t, d.Close())
	files := derivedFiles(t, whole)
	if len(files) != 3 {
		t.Fatalf("files %q", files)
	}
	unused := 0
	try := func(what string, damage func(fs *vfs.MemFS)) {
		fs := vfs.NewMem()
		_, err := vfs.Clone(whole, fs, dbtest.Dir, dbtest.Dir)
		dbtest.Must(t, err)
		damage(fs)
		d := openGraphed(t, fs)
		agree(t, what, nearest(t, d, dim, ""), truth)
		if got := nearest(t, d, dim, " exact"); fmt.Sprint(got) != fmt.Sprint(truth) {
			t.Errorf("%s, exact: %v\nwant %v", what, got, truth)
		}
		for range d.Check(ctx) {
		}
		dbtest.MustCheck(t, d)
		if len(derivedFiles(t, fs)) < 3 {
			unused++
		}
		dbtest.Must(t, d.DeriveGraph(ctx))
		if files := derivedFiles(t, fs); len(files) != 3 {
			t.Errorf("%s: files %q", what, files)
		}
		agree(t, what+", made anew", nearest(t, d, dim, ""), truth)
		dbtest.Must(t, d.Close())
	}
	step := int64(20011)
	if testing.Short() {
		step *= 8
	}
	tried := 0
	for _, file := range files {
		if strings.HasPrefix(file, "rows-") {
			continue
		}
		name := "derived/" + file
		for at := int64(3); at < sizeOf(t, whole, name); at += step {
			try(fmt.Sprintf("%s, byte %d", file, at), func(fs *vfs.MemFS) { flip(t, fs, name, at) })
			tried++
		}
		try(file+" removed", func(fs *vfs.MemFS) { dbtest.Must(t, fs.Remove(dbtest.Dir+"/"+name)) })
		try(file+" cut", func(fs *vfs.MemFS) {
			f, err := fs.Create(dbtest.Dir+"/"+name, vfs.WriteCategoryUnspecified)
			dbtest.Must(t, err)
			_, err = f.Write([]byte("saedb"))
			dbtest.Must(t, err)
			dbtest.Must(t, f.Close())
		})
		tried += 2
	}
	if unused < tried/2 { // a byte between the sections is nobody's
		t.Errorf("%d of %d damaged files were found out", unused, tried)
	}
}

// TestGraphPowerCut cuts the power before every operation while a graph is brought up to date.
func TestGraphPowerCut(t *testing.T) {
	const dim = 8
	rng := rand.New(rand.NewPCG(20261127, 0))
	mem := vfs.NewCrashableMem()
	var mu sync.Mutex
	armed := false
	var left []*vfs.MemFS
	d := openGraphed(t, errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if armed && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			for _, percent := range []int{0, 50, 100} {
				left = append(left, mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng}))
			}
		}
		return nil
	})))
	_, err := d.Put(ctx, dbtest.Items(400, dim, 1)...)
	dbtest.Must(t, err)
	dbtest.Must(t, d.DeriveGraph(ctx))
	_, err = d.Put(ctx, dbtest.Items(450, dim, 2)[350:]...)
	dbtest.Must(t, err)
	_, err = d.Delete(ctx, "i0100")
	dbtest.Must(t, err)
	truth := nearest(t, d, dim, " exact")
	mu.Lock()
	armed = true
	mu.Unlock()
	dbtest.Must(t, d.DeriveGraph(ctx))
	dbtest.Must(t, d.Close())
	for i, fs := range left {
		if testing.Short() && i%8 > 0 {
			continue
		}
		c := openGraphed(t, fs)
		if got := nearest(t, c, dim, " exact"); fmt.Sprint(got) != fmt.Sprint(truth) {
			t.Errorf("cut %d, exact: %v\nwant %v", i, got, truth)
		}
		agree(t, fmt.Sprintf("cut %d", i), nearest(t, c, dim, " effort 20"), truth)
		dbtest.MustCheck(t, c)
		dbtest.Must(t, c.Close())
	}
	if len(left) < 10 {
		t.Errorf("%d cuts", len(left))
	}
}

// TestSearchMakesTheGraph in the background, with bridges from the vocabulary; the plan says which way is taken, and why.
func TestSearchMakesTheGraph(t *testing.T) {
	const dim = 12
	fs := vfs.NewMem()
	d := openGraphed(t, fs)
	_, err := d.Put(ctx, dbtest.Items(5000, dim, 1)...)
	dbtest.Must(t, err)
	dbtest.Must(t, d.SetVocab(ctx, vocabOf(dim, "sea", "sky")))
	const text = "near vector $q in dense"
	expect := func(what, text, want string) {
		t.Helper()
		if got := plan(t, d, text, dim); !strings.Contains(got, want) {
			t.Errorf("%s: the plan is\n%swant %q in it", what, got, want)
		}
	}
	expect("at first", text, "a scan of 5000 vectors, exact, for the graph is still to be made")
	truth := nearest(t, d, dim, " exact")
	if len(derivedFiles(t, fs)) != 2 {
		t.Errorf("after exact searches there are the files %q", derivedFiles(t, fs))
	}
	agree(t, "without a graph", nearest(t, d, dim, ""), truth)
	isGraph := func(name string) bool { return strings.HasPrefix(name, "graph-") }
	for !slices.ContainsFunc(derivedFiles(t, fs), isGraph) || !strings.Contains(plan(t, d, text, dim), "walk") {
		time.Sleep(10 * time.Millisecond)
	}
	agree(t, "with a graph", nearest(t, d, dim, ""), truth)
	expect("with a graph", text, "a walk over 5000 rows: it costs as much as a scan of 1024 (ef 64")
	expect("a text", `near text "sea"`, "ef 256")
	expect("exact", text+" exact", "a scan of 5000 vectors, exact, as asked for")
	expect("effort", text+" effort 99", "ef 99, as asked for")
	expect("many rows", text+" top 4000", "exact: scan of 5000 rows")
	expect("pages", text+` after ""`, "exact")
	dbtest.Must(t, d.Close())
	d = openGraphed(t, fs)
	expect("opened again", text, "a walk over 5000 rows")
}

// textsOf counts the hits of texts along the graph that an exact search has too.
func textsOf(t *testing.T, d *db.DB, texts [][]float32, tail string) float64 {
	t.Helper()
	ids := func(q []float32, tail string) (ids []string) {
		for row, err := range d.Query(ctx, "near vector $q in dense top 10"+tail, query.Params{"q": q}) {
			dbtest.Must(t, err)
			ids = append(ids, row.ID)
		}
		return ids
	}
	found, all := 0, 0
	for _, q := range texts {
		got := ids(q, tail)
		for _, id := range ids(q, " exact") {
			if all++; slices.Contains(got, id) {
				found++
			}
		}
	}
	return float64(found) / float64(all)
}

// bridgesHelp makes a graph without a vocabulary, then with one, and demands that texts are found better along it, and well with the default effort.
func bridgesHelp(t *testing.T, rows, words, texts [][]float32) {
	t.Helper()
	o := dbtest.Options(vfs.NewMem())
	o.GraphFrom = 1000
	d, err := db.Open(ctx, dbtest.Dir, o)
	dbtest.Must(t, err)
	defer d.Close()
	_, err = d.Ingest(ctx, func(yield func(db.Item, error) bool) {
		for i, v := range rows {
			if !yield(db.Item{ID: fmt.Sprintf("p%05d", i), Vec: v}, nil) {
				return
			}
		}
	})
	dbtest.Must(t, err)
	dbtest.Must(t, d.DeriveGraph(ctx))
	before := textsOf(t, d, texts, " effort 48")
	vocab := &concept.Vocab{D: len(rows[0])}
	for i, v := range words {
		vocab.Words, vocab.Vectors = append(vocab.Words, fmt.Sprintf("w%d", i)), append(vocab.Vectors, v...)
	}
	dbtest.Must(t, d.SetVocab(ctx, vocab))
	dbtest.Must(t, d.DeriveGraph(ctx))
	after := textsOf(t, d, texts, " effort 48")
	recall := textsOf(t, d, texts, "")
	t.Logf("texts at effort 48: recall %.4f, with the vocabulary %.4f; with the default effort %.4f", before, after, recall)
	if after < before+0.02 {
		t.Errorf("texts at effort 48: recall %.4f, with the vocabulary %.4f: its vectors are not used", before, after)
	}
	if recall < 0.90 {
		t.Errorf("texts with the default effort: recall %.4f, want 0.90", recall)
	}
}

// TestVocabularyBridgesTheGraph that was made before it.
func TestVocabularyBridgesTheGraph(t *testing.T) {
	n := 6000
	if testing.Short() {
		n = 2000
	}
	data := bench.NewDense(n, 600, 1)
	cut := func(all []float32) (rows [][]float32) {
		for i := 0; i < len(all); i += bench.Width {
			rows = append(rows, all[i:i+bench.Width])
		}
		return rows
	}
	texts := cut(data.Texts)
	bridgesHelp(t, cut(data.Base), texts[:500], texts[500:])
}

// TestRealTexts among real pictures, where they are: every second name of a thing is a word of the vocabulary, the others are asked for.
func TestRealTexts(t *testing.T) {
	dir := filepath.Join("..", "..", "shared", "data", "clip-b32")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no real vectors: ../shared/data/clip-b32 is not there")
	}
	if path, _ := vec.Path(); testing.Short() || path == "go" {
		t.Skip("without kernels, or under the race detector, the graph of the real vectors takes minutes")
	}
	read := func(name string) (rows [][]float32) {
		m, err := npy.ReadFile(filepath.Join(dir, name+".f16.npy"))
		dbtest.Must(t, err)
		for i := range m.Rows {
			rows = append(rows, m.Row(i))
		}
		return rows
	}
	var words, texts [][]float32
	for i, name := range read("names") {
		if i%2 == 0 {
			words = append(words, name)
		} else if i%10 == 1 {
			texts = append(texts, name)
		}
	}
	bridgesHelp(t, append(read("news"), read("unsplash")...), words, texts)
}
