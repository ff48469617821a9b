package hnsw_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/flat"
	"github.com/saedb/saedb/index/hnsw"
	"github.com/saedb/saedb/internal/bench"
	"github.com/saedb/saedb/internal/npy"
	"github.com/saedb/saedb/internal/vec"
)

// The floors that searches with nothing but the defaults must reach, for ten hits.
const (
	floorPictures = 0.95
	floorTexts    = 0.90
)

// world is rows and queries of both kinds; samples are texts too, none of them a query.
type world struct {
	rows                     [][]float32
	pictures, texts, samples [][]float32
}

func cut(all []float32, width int) [][]float32 {
	rows := make([][]float32, len(all)/width)
	for i := range rows {
		rows[i] = all[i*width : (i+1)*width]
	}
	return rows
}

// generated is the world that every machine can have.
func generated(rows, queries int) world {
	d := bench.NewDense(rows, 2*queries, 1)
	texts := cut(d.Texts, bench.Width)
	return world{cut(d.Base, bench.Width), cut(d.Pictures, bench.Width)[:queries], texts[:queries], texts[queries:]}
}

// real is vectors of a CLIP encoder: pictures of news and of Unsplash, some of which are held out as queries, and names of things, of which
// every second is a query and the others are samples. Without kernels in assembly the graph of all of them is built if $SAEDB_LONG asks for it:
// what they compute is compared elsewhere.
func real(t *testing.T, queries int) world {
	if path, _ := vec.Path(); path == "go" && os.Getenv("SAEDB_LONG") == "" {
		t.Skip("without kernels the graph of the real vectors takes minutes: SAEDB_LONG=1 builds it")
	}
	dir := filepath.Join("..", "..", "..", "shared", "data", "clip-b32")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no real vectors: ../shared/data/clip-b32 is not there")
	}
	read := func(name string) (rows [][]float32) {
		m, err := npy.ReadFile(filepath.Join(dir, name))
		must(t, err)
		for i := range m.Rows {
			unit, err := index.Unit(m.Row(i), m.Cols)
			must(t, err)
			rows = append(rows, unit)
		}
		return rows
	}
	all := append(read("news.f16.npy"), read("unsplash.f16.npy")...)
	r := rand.New(rand.NewPCG(1, 1))
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	w := world{rows: all[queries:], pictures: all[:queries]}
	for i, name := range read("names.f16.npy") {
		if i%2 == 0 {
			w.samples = append(w.samples, name)
		} else if len(w.texts) < queries {
			w.texts = append(w.texts, name)
		}
	}
	return w
}

func filled(t testing.TB, rows [][]float32, opts hnsw.Options) *hnsw.Index {
	x := hnsw.New(len(rows[0]), opts)
	must(t, x.PutAll(t.Context(), len(rows), func(i int) (uint32, []float32, error) { return uint32(i), rows[i], nil }))
	return x
}

// exact returns the truth.
func exact(t testing.TB, rows [][]float32) *flat.Index {
	x := flat.New(len(rows[0]), 0)
	for i, v := range rows {
		must(t, x.Put(uint32(i), v))
	}
	return x
}

// measured is a world with its truth and the file of its graph.
type measured struct {
	world
	truth *flat.Index
	file  []byte
}

func measure(t testing.TB, w world) *measured {
	return &measured{w, exact(t, w.rows), written(t, filled(t, w.rows, hnsw.Options{}))}
}

// unbridged returns the graph, opened for this test alone.
func (m *measured) unbridged(t testing.TB) *hnsw.Index { return opened(t, m.file, hnsw.Options{}) }

var sharedWorld = struct {
	sync.Mutex
	*measured
}{}

// shared is the generated world that several tests measure: its graph is built once.
func shared(t testing.TB) *measured {
	sharedWorld.Lock()
	defer sharedWorld.Unlock()
	if sharedWorld.measured == nil {
		sharedWorld.measured = measure(t, generated(20_000, 250))
	}
	return sharedWorld.measured
}

// recallOf is the share of the ten true rows that search finds, on average. A row that scores as the tenth does counts: the truth holds
// all that tie.
func recallOf(t testing.TB, truth *flat.Index, qs [][]float32, f index.Filter, search func(q []float32) ([]index.Hit, error)) float64 {
	t.Helper()
	const k = 10
	found, all := 0, 0
	batch, err := truth.SearchBatch(t.Context(), qs, k, f)
	must(t, err)
	for i, q := range qs {
		hits, err := search(q)
		must(t, err)
		n := min(k, len(batch[i]))
		all += n
		for _, h := range hits[:min(k, len(hits))] {
			if h.Score >= batch[i][n-1].Score {
				found++
			}
		}
		if len(hits) < n {
			t.Errorf("query %d: %d hits of %d", i, len(hits), n)
		}
	}
	return float64(found) / float64(all)
}

// long skips a test of twenty thousand rows where time is short, as under the race detector.
func long(t *testing.T) {
	if testing.Short() {
		t.Skip("twenty thousand rows take too long for -short")
	}
}

// TestRecall is the gate: pictures and texts, on generated vectors always, on real ones where they are; before and after samples of texts
// are known.
func TestRecall(t *testing.T) {
	long(t)
	worlds := map[string]func(t *testing.T) *measured{
		"generated": func(t *testing.T) *measured { return shared(t) },
		"real":      func(t *testing.T) *measured { return measure(t, real(t, 250)) },
	}
	for name, make := range worlds {
		t.Run(name, func(t *testing.T) {
			w := make(t)
			truth, x := w.truth, w.unbridged(t)
			search := func(ef int) func(q []float32) ([]index.Hit, error) {
				return func(q []float32) ([]index.Hit, error) { return x.SearchEf(t.Context(), q, 10, ef, nil) }
			}
			gate := func(what string, floor float64, qs [][]float32) {
				if got := recallOf(t, truth, qs, nil, search(0)); got < floor {
					t.Errorf("%s: recall %.4f, want %.2f", what, got, floor)
				} else {
					t.Logf("%s: recall %.4f", what, got)
				}
			}
			gate("pictures", floorPictures, w.pictures)
			gate("texts", floorTexts, w.texts)
			const ef = 48 // low enough to show a difference
			before := recallOf(t, truth, w.texts, nil, search(ef))
			must(t, x.Bridge(t.Context(), w.samples))
			after := recallOf(t, truth, w.texts, nil, search(ef))
			t.Logf("texts at ef %d: recall %.4f, with bridges %.4f", ef, before, after)
			if after < before+0.05 {
				t.Errorf("texts at ef %d: recall %.4f, with bridges %.4f: they help too little", ef, before, after)
			}
			gate("pictures, with bridges", floorPictures, w.pictures)
			gate("texts, with bridges", floorTexts, w.texts)
		})
	}
}

// TestThreadsBuildTheSameGraph: the graph depends on rows and seed alone.
func TestThreadsBuildTheSameGraph(t *testing.T) {
	long(t)
	w := shared(t)
	var files [3][]byte
	for i, opts := range []hnsw.Options{{Threads: 1, Seed: 3}, {Threads: 4, Seed: 3}, {Threads: 1, Seed: 4}} {
		x := filled(t, w.rows[:2500], opts)
		must(t, x.Bridge(t.Context(), w.samples[:50]))
		files[i] = written(t, x)
	}
	if string(files[0]) != string(files[1]) {
		t.Error("four threads build another graph than one")
	}
	if string(files[0]) == string(files[2]) {
		t.Error("another seed builds the same graph")
	}
}

// TestTurnover replaces half of the rows three times, and compares with a graph of the rows that are left, for both kinds of queries, after
// bridges were made for both. `saectl bench dense --turnover 3` does it at any size. Without kernels in assembly it is done with 2,000 rows, as
// under the race detector.
func TestTurnover(t *testing.T) {
	n := 20_000
	if path, _ := vec.Path(); path == "go" && os.Getenv("SAEDB_LONG") == "" || testing.Short() {
		n = 2000
	}
	w := generated(n*5/2, 250)
	x, rows := turnedOver(t, w.rows, n)
	if len(rows) != n {
		t.Fatalf("%d rows are left, want %d", len(rows), n)
	}
	left := make([][]float32, 0, n)
	ords := make([]uint32, 0, n)
	for ord := range uint32(len(w.rows)) {
		if v, ok := rows[ord]; ok {
			left, ords = append(left, v), append(ords, ord)
		}
	}
	truth, y := flat.New(x.Dim(), 0), hnsw.New(x.Dim(), hnsw.Options{})
	for i, v := range left {
		must(t, truth.Put(ords[i], v))
	}
	must(t, y.PutAll(t.Context(), n, func(i int) (uint32, []float32, error) { return ords[i], left[i], nil }))
	compare := func(what string, qs [][]float32, ef int) {
		recall := func(x *hnsw.Index) float64 {
			return recallOf(t, truth, qs, nil, func(q []float32) ([]index.Hit, error) { return x.SearchEf(t.Context(), q, 10, ef, nil) })
		}
		worn, fresh := recall(x), recall(y)
		t.Logf("%s, ef %d: recall after three rounds %.4f, of a fresh build %.4f", what, ef, worn, fresh)
		if worn < fresh-0.01 {
			t.Errorf("%s, ef %d: recall after three rounds %.4f, of a fresh build %.4f", what, ef, worn, fresh)
		}
	}
	compare("pictures", w.pictures, 24)
	compare("texts", w.texts, 128)
	must(t, x.Bridge(t.Context(), w.samples))
	must(t, y.Bridge(t.Context(), w.samples))
	compare("pictures, with bridges", w.pictures, 24)
	compare("texts, with bridges", w.texts, 128)
}

// turnedOver builds an index of the first n of all, and three times deletes half of its rows and puts new ones. It returns the rows left.
func turnedOver(t testing.TB, all [][]float32, n int) (*hnsw.Index, map[uint32][]float32) {
	r := rand.New(rand.NewPCG(8, 8))
	x := filled(t, all[:n], hnsw.Options{})
	live := make([]uint32, n)
	for i := range live {
		live[i] = uint32(i)
	}
	next := uint32(n)
	for range 3 {
		r.Shuffle(n, func(i, j int) { live[i], live[j] = live[j], live[i] })
		for _, ord := range live[:n/2] {
			if !x.Delete(ord) {
				t.Fatalf("row %d is not there", ord)
			}
		}
		for i := range n / 2 {
			must(t, x.Put(next, all[next]))
			live[i], next = next, next+1
		}
	}
	rows := map[uint32][]float32{}
	for _, ord := range live {
		rows[ord] = all[ord]
	}
	return x, rows
}

// TestBridgeWithoutSamples leaves no bridges.
func TestBridgeWithoutSamples(t *testing.T) {
	rows := random(rand.New(rand.NewPCG(1, 6)), 300, 8)
	x := filled(t, rows, hnsw.Options{Exact: 16})
	_, without := x.Bytes()
	must(t, x.Bridge(t.Context(), rows[:5]))
	if _, with := x.Bytes(); with <= without {
		t.Errorf("%d bytes with bridges, %d without", with, without)
	}
	must(t, x.Bridge(t.Context(), nil))
	if _, rest := x.Bytes(); rest != without {
		t.Errorf("%d bytes after the bridges are gone, %d before there were any", rest, without)
	}
}

// TestFilteredRecall: a filter of any width leaves the answer good, whether it lets rows through at random or those around one, and whether samples
// of texts are known or not.
func TestFilteredRecall(t *testing.T) {
	long(t)
	w := shared(t)
	truth, plain, bridged := w.truth, w.unbridged(t), w.unbridged(t)
	must(t, bridged.Bridge(t.Context(), w.samples))
	for _, share := range []float64{0.5, 0.1, 0.01, 0.001} {
		for kind, f := range map[string]index.Filter{"at random": filterOf(len(w.rows), share), "around one": around(t, truth, w.rows[77], share)} {
			for what, c := range map[string]struct {
				x  *hnsw.Index
				qs [][]float32
			}{
				"pictures": {plain, w.pictures}, "texts": {plain, w.texts},
				"pictures, with bridges": {bridged, w.pictures}, "texts, with bridges": {bridged, w.texts},
			} {
				got := recallOf(t, truth, c.qs, f, func(q []float32) ([]index.Hit, error) { return c.x.Search(t.Context(), q, 10, f) })
				t.Logf("%s, a filter for %g of the rows, %s: recall %.4f", what, share, kind, got)
				if got < 0.95 {
					t.Errorf("%s, a filter for %g of the rows, %s: recall %.4f, want 0.95", what, share, kind, got)
				}
			}
		}
	}
}

// around is a filter for the rows nearest to one.
func around(t testing.TB, truth *flat.Index, row []float32, share float64) index.Filter {
	hits, err := truth.Search(t.Context(), row, int(share*float64(truth.Len())), nil)
	must(t, err)
	f := roaring.New()
	for _, h := range hits {
		f.Add(h.Ord)
	}
	return f
}

func BenchmarkSearch(b *testing.B) {
	w := generated(20_000, 500)
	truth, x := exact(b, w.rows), filled(b, w.rows, hnsw.Options{})
	must(b, x.Bridge(b.Context(), w.samples))
	for kind, qs := range map[string][][]float32{"pictures": w.pictures, "texts": w.texts} {
		for _, ef := range []int{24, 64, 200} {
			b.Run(fmt.Sprintf("index=hnsw/n=20k/dim=512/k=10/kind=%s/ef=%d", kind, ef), func(b *testing.B) {
				search := func(q []float32) ([]index.Hit, error) { return x.SearchEf(b.Context(), q, 10, ef, nil) }
				i := 0
				for b.Loop() {
					if _, err := search(qs[i%len(qs)]); err != nil {
						b.Fatal(err)
					}
					i++
				}
				b.ReportMetric(recallOf(b, truth, qs, nil, search), "recall@10")
			})
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	w := generated(20_000, 10)
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprintf("index=hnsw/n=20k/dim=512/threads=%d", threads), func(b *testing.B) {
			for b.Loop() {
				filled(b, w.rows, hnsw.Options{Threads: threads})
			}
		})
	}
}

func filterOf(rows int, share float64) index.Filter {
	r := rand.New(rand.NewPCG(9, 9))
	f := roaring.New()
	for ord := range uint32(rows) {
		if r.Float64() < share {
			f.Add(ord)
		}
	}
	return f
}
