package db_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/saedb/saedb/db"
	recipe "github.com/saedb/saedb/internal/bench"
	"github.com/saedb/saedb/internal/dbtest"
	"github.com/saedb/saedb/internal/npy"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/sae/concept"
)

// The texts beside the rows: the first are asked for, the others are the vocabulary.
const (
	millionAsked = 500
	millionWords = 4096
)

// BenchmarkMillion makes a database of $SAEDB_ROWS pictures by recipe, 20,000 without, with codes of 4,096 latents, names, a vocabulary and a graph, and
// prints what each step takes; then it opens it and asks. The folder of one that was made before, or is to be kept, may be given in SAEDB_MILLION.
func BenchmarkMillion(b *testing.B) {
	rows := 20_000
	if text := os.Getenv("SAEDB_ROWS"); text != "" {
		n, err := strconv.Atoi(text)
		dbtest.Must(b, err)
		rows = n
	}
	dir := os.Getenv("SAEDB_MILLION")
	if dir == "" {
		dir = filepath.Join(b.TempDir(), "db")
	}
	m := million{B: b, rows: rows, dir: dir}
	for b.Loop() {
		if _, err := os.Stat(dir); err != nil {
			m.make()
		}
		m.ask()
	}
}

type million struct {
	*testing.B
	rows int
	dir  string
	d    *db.DB
}

// printf prints a line at once: a benchmark keeps but ten lines of its log.
func (m *million) printf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// step prints the time and the memory that f takes.
func (m *million) step(what string, f func() error) {
	m.Helper()
	debug.FreeOSMemory()
	forgetPeak()
	cpu, start := cpuTime(), time.Now()
	dbtest.Must(m, f())
	m.printf("%-28s %8.2f s, %8.2f s of processors, at most %d MB", what, time.Since(start).Seconds(), (cpuTime() - cpu).Seconds(), peak()>>20)
}

// forgetPeak makes the system forget how much memory the process had at most; peak tells it, 0 where the system does not.
func forgetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

func peak() uint64 {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if kb, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kb), "kB")), 10, 64)
			return n << 10
		}
	}
	return 0
}

// make fills a new database.
func (m *million) make() {
	d, err := db.Create(ctx, m.dir, nil)
	dbtest.Must(m, err)
	m.d = d
	data := recipe.NewDense(m.rows, millionAsked+millionWords, 1)
	m.step("import", func() error {
		_, err := d.Ingest(ctx, func(yield func(db.Item, error) bool) {
			for i := range m.rows {
				it := db.Item{ID: pictureID(i), Vec: data.Base[i*recipe.Width : (i+1)*recipe.Width], Meta: map[string]any{"year": int64(1990 + i%40)}}
				if !yield(it, nil) {
					return
				}
			}
		})
		return err
	})
	dbtest.Must(m, m.writeAsked(data))
	words, sae := wordsOf(data), dbtest.Model(recipe.Width, largeLatents, largeK, 1)
	sae.Mean = make([]float32, recipe.Width) // or a few latents fire for nearly all, which those of a trained one do not
	sample := min(m.rows, 20_000)
	for i := range sample * recipe.Width {
		sae.Mean[i%recipe.Width] += data.Base[i] / float32(sample)
	}
	data = nil
	m.step("codes", func() error {
		dbtest.Must(m, d.AddModel(ctx, "m", sae))
		return d.Activate(ctx, "m")
	})
	m.step("names and vocabulary", func() error {
		dbtest.Must(m, d.SetNames(ctx, "m", groupsOfAllSizes(largeLatents)))
		return d.SetVocab(ctx, words)
	})
	m.step("compact", func() error { _, _, err := d.Compact(ctx); return err })
	m.step("files of rows", func() error { return d.Derive(ctx) })
	m.step("close", d.Close)
}

// writeAsked writes the queries beside the database, which are of the same recipe; readAsked reads them.
func (m *million) writeAsked(data *recipe.Dense) error {
	for kind, rows := range map[string][]float32{"picture": data.Pictures, "text": data.Texts} {
		var file bytes.Buffer
		if err := npy.Write(&file, millionAsked, recipe.Width, rows[:millionAsked*recipe.Width]); err != nil {
			return err
		}
		if err := os.WriteFile(m.dir+"."+kind+".npy", file.Bytes(), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (m *million) readAsked(kind string) *npy.Matrix {
	rows, err := npy.ReadFile(m.dir + "." + kind + ".npy")
	dbtest.Must(m, err)
	return rows
}

func pictureID(i int) string { return fmt.Sprintf("p%07d", i) }

// wordsOf is a vocabulary of the texts that are not asked for.
func wordsOf(data *recipe.Dense) *concept.Vocab {
	v := &concept.Vocab{D: recipe.Width, Vectors: slices.Clone(data.Texts[millionAsked*recipe.Width:])}
	for i := range millionWords {
		v.Words = append(v.Words, fmt.Sprintf("text%04d", i))
	}
	return v
}

// groupsOfAllSizes calls latent i wordi. Every sixteenth word is bound to a group of as many latents as naming gives one at most, the one in the middle
// between two of them to eight, the others to their latent alone.
func groupsOfAllSizes(m int) *concept.Names {
	n := dbtest.Names(m)
	for i := 0; i < m; i += 8 {
		size := 8
		if i%16 == 0 {
			size = m / 16
		}
		group, sum := make([]concept.Weight, size), float32(0)
		for j := range group {
			group[j] = concept.Weight{Latent: uint32((i + 37*j) % m), W: 1 / float32(1+j)}
			sum += group[j].W
		}
		for j := range group {
			group[j].W /= sum
		}
		n.Concepts[i].Group = group
	}
	return n
}

// ask opens the database and measures queries and changes, by the clock.
func (m *million) ask() {
	m.step("open", func() (err error) { m.d, err = db.Open(ctx, m.dir, nil); return err })
	defer func() { m.step("close", m.d.Close) }()
	m.step("graph", func() error { return m.d.DeriveGraph(ctx) }) // or its bridges, or nothing, where the database was there before
	random := rand.New(rand.NewPCG(1, 1))
	for _, class := range []struct {
		name string
		most int // words that are asked for
		has  func(i int) bool
	}{
		{"one latent", 2000, func(i int) bool { return i%8 > 0 }},
		{"8 latents", 2000, func(i int) bool { return i%16 == 8 }},
		{"256 latents", 60, func(i int) bool { return i%16 == 0 }},
	} {
		var texts []string
		for i := range largeLatents {
			if class.has(i) {
				texts = append(texts, fmt.Sprintf("concept = word%04d top 10", i))
			}
		}
		random.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
		m.times("concept of "+class.name, min(len(texts), class.most), func(i int) { m.rowsOf(texts[i], nil) })
	}
	m.times("near text of a word", 500, func(i int) { m.rowsOf(fmt.Sprintf(`near text "text%04d" top 10`, i), nil) })
	for _, kind := range []string{"picture", "text"} {
		asked := m.readAsked(kind)
		near := func(tail string) func(i int) []string {
			return func(i int) []string {
				return m.rowsOf("near vector $q in dense "+tail, query.Params{"q": asked.Row(i)})
			}
		}
		m.times("near vector of a "+kind, millionAsked, func(i int) { near("top 10")(i) })
		m.times(kind+", half of the rows", millionAsked/5, func(i int) { near("where meta.year < 2010 top 10")(i) })
		m.times(kind+", exact", 50, func(i int) { near("top 10 exact")(i) })
		for _, tail := range []string{"top 10", "where meta.year < 2010 top 10", "where meta.year = 2010 top 10"} {
			m.printf("recall of a %s, %s: %.4f", kind, tail, recallOf(100, near(tail), near(tail+" exact")))
		}
	}
	m.times("near image in latent", 200, func(i int) { m.rowsOf(fmt.Sprintf(`near image %q in latent top 10`, pictureID(i*7)), nil) })
	m.times("count where year", 50, func(i int) { m.rowsOf(fmt.Sprintf("count meta.year = %d", 1990+i%40), nil) })
	m.change(m.readAsked("picture"))
}

// recallOf is the share of the rows of truth that found has, over n queries.
func recallOf(n int, found, truth func(i int) []string) float64 {
	hits, all := 0, 0
	for i := range n {
		got := found(i)
		for _, id := range truth(i) {
			if all++; slices.Contains(got, id) {
				hits++
			}
		}
	}
	return float64(hits) / float64(all)
}

// rowsOf asks and returns the ids.
func (m *million) rowsOf(text string, params query.Params) (ids []string) {
	for row, err := range m.d.Query(ctx, text, params) {
		dbtest.Must(m, err)
		ids = append(ids, row.ID)
	}
	return ids
}

// times asks n queries, once unmeasured, and prints how long one takes in the middle, and the slowest of a hundred, by the clock and in time of processors,
// which other work on the machine disturbs less.
func (m *million) times(what string, n int, ask func(i int)) {
	m.Helper()
	start := time.Now()
	ask(0)
	first := time.Since(start)
	for i := range n {
		ask(i)
	}
	took, used := make([]time.Duration, 0, 3*n), make([]time.Duration, 0, 3*n)
	for range 3 {
		for i := range n {
			start, cpu := time.Now(), cpuTime()
			ask(i)
			took, used = append(took, time.Since(start)), append(used, cpuTime()-cpu)
		}
	}
	slices.Sort(took)
	slices.Sort(used)
	m.printf("%-28s first %v, then median %v, p99 %v; of processors median %v, p99 %v", what, micros(first),
		micros(took[len(took)/2]), micros(took[len(took)*99/100]), micros(used[len(used)/2]), micros(used[len(used)*99/100]))
}

func micros(d time.Duration) time.Duration { return d.Round(time.Microsecond) }

// change puts and deletes pictures, and asks for each right after: it is there, or is not, at once.
func (m *million) change(pictures *npy.Matrix) {
	for _, space := range []struct {
		name string
		n    int
	}{{"dense", 40}, {"latent", 5}} {
		var put, found, gone, missed []time.Duration
		for i := range space.n {
			vec, id := pictures.Row(i), fmt.Sprintf("new%04d", i)
			is := func() bool {
				rows := m.rowsOf("near vector $q in "+space.name+" top 1", query.Params{"q": vec})
				return len(rows) == 1 && rows[0] == id
			}
			start := time.Now()
			_, err := m.d.Put(ctx, db.Item{ID: id, Vec: vec})
			dbtest.Must(m, err)
			put = append(put, time.Since(start))
			if !is() {
				m.Errorf("%s was put and is not found by %s", id, space.name)
			}
			found = append(found, time.Since(start))
			start = time.Now()
			_, err = m.d.Delete(ctx, id)
			dbtest.Must(m, err)
			gone = append(gone, time.Since(start))
			if is() {
				m.Errorf("%s was deleted and is found by %s", id, space.name)
			}
			missed = append(missed, time.Since(start))
		}
		for _, s := range []struct {
			what string
			took []time.Duration
		}{{"put", put}, {"put, until found by " + space.name, found}, {"delete", gone}, {"delete, until not found", missed}} {
			first := s.took[0]
			slices.Sort(s.took)
			m.printf("%-28s first %v, then median %v, slowest %v", s.what, micros(first), micros(s.took[len(s.took)/2]), micros(s.took[len(s.took)-1]))
		}
	}
}
