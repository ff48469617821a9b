package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/internal/npy"
	"github.com/saedb/saedb/internal/safetensors"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/train"
)

// call runs one command line in this process and returns what it wrote.
func call(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, log bytes.Buffer
	a := testApp(&out)
	a.stderr = &log
	status = run(context.Background(), a, args)
	return out.String(), log.String(), status
}

// bench runs a measurement and decodes the object it prints into v.
func bench(t *testing.T, v any, args ...string) {
	t.Helper()
	stdout, stderr, status := call(t, append([]string{"bench"}, args...)...)
	if status != statusDone {
		t.Fatalf("bench %q: status %d, %s", args, status, stderr)
	}
	if err := json.Unmarshal([]byte(stdout), v); err != nil {
		t.Fatalf("bench %q prints %q: %v", args, stdout, err)
	}
}

// refuse runs a command line that is to fail with these words.
func refuse(t *testing.T, words string, args ...string) {
	t.Helper()
	_, stderr, status := call(t, args...)
	if status != statusError || !strings.Contains(stderr, words) {
		t.Errorf("%q: status %d, %q; want an error with %q", args, status, stderr, words)
	}
}

// writeVectors writes rows of random numbers, drawn around a few centres so that
// an autoencoder has something to find, and returns the path and the numbers.
func writeVectors(t testing.TB, name string, rows, cols int, seed uint64) (string, []float32) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	centres := make([]float32, 12*cols)
	for i := range centres {
		centres[i] = float32(r.NormFloat64())
	}
	data := make([]float32, 0, rows*cols)
	for range rows {
		a, b := r.IntN(12), r.IntN(12)
		for j := range cols {
			data = append(data, centres[a*cols+j]+0.5*centres[b*cols+j]+float32(r.NormFloat64())*0.2)
		}
	}
	return writeNPY(t, name, rows, cols, data), data
}

func writeNPY(t testing.TB, name string, rows, cols int, data []float32) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	writeFile(t, path, func(b *bytes.Buffer) error { return npy.Write(b, rows, cols, data) })
	return path
}

func writeFile(t testing.TB, path string, write func(*bytes.Buffer) error) {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestBenchTrain(t *testing.T) {
	x, _ := writeVectors(t, "x.npy", 200, 24, 1)
	var a, b trainResult
	args := []string{"train", "--vectors", x, "--latents", "64", "--k", "4", "--batch", "32", "--steps", "40", "--seed", "3"}
	bench(t, &a, args...)
	bench(t, &b, append(args, "--threads", "3")...)
	if len(a.Losses) != 40 || !slices.Equal(a.Losses, b.Losses) {
		t.Errorf("losses differ with the threads:\n%v\n%v", a.Losses, b.Losses)
	}
	if a.Losses[39] > 0.9*a.Losses[0] {
		t.Errorf("the loss went from %g to %g", a.Losses[0], a.Losses[39])
	}
	if a.Wall.Best <= 0 || a.Wall.Median < a.Wall.Best || a.Rate <= 0 {
		t.Errorf("wall %+v, rate %g", a.Wall, a.Rate)
	}
	refuse(t, "--vectors", "bench", "train")
	refuse(t, "jumprelu", "bench", "train", "--vectors", x, "--variant", "jumprelu")
}

// The parity file replays to its own losses, and the dump holds what was compared.
func TestBenchTrainGolden(t *testing.T) {
	golden := filepath.Join("..", "..", "sae", "train", "testdata", "topk_d64_m256_k8_b32_s10.safetensors")
	dump := filepath.Join(t.TempDir(), "final.safetensors")
	var r struct {
		Losses      []float64 `json:"losses"`
		MaxRelLoss  float64   `json:"max_rel_loss"`
		MaxAbsFinal float64   `json:"max_abs_final"`
	}
	bench(t, &r, "train", "--golden", golden, "--dump", dump)
	if len(r.Losses) != 10 || r.MaxRelLoss > 1e-6 || r.MaxAbsFinal > 4e-6 {
		t.Errorf("replay: %+v", r)
	}
	read := func(path string) *safetensors.File {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := safetensors.Read(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	final, want := read(dump), read(golden)
	worst := 0.0
	for _, name := range []string{"W_enc", "b_enc", "W_dec", "b_dec"} {
		got, err := final.F32(name)
		if err != nil {
			t.Fatal(err)
		}
		w, err := want.F32("final." + name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range w {
			worst = math.Max(worst, math.Abs(float64(got[i])-float64(w[i])))
		}
	}
	if worst != r.MaxAbsFinal {
		t.Errorf("the dump differs by %g, the report says %g", worst, r.MaxAbsFinal)
	}
	refuse(t, "not a valid safetensors file", "bench", "train", "--golden", writeNPY(t, "no.safetensors", 1, 1, []float32{1}))
}

func TestBenchEncode(t *testing.T) {
	x, data := writeVectors(t, "x.npy", 100, 16, 1)
	cfg, err := train.Preset("demo")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Latents, cfg.K = 32, 4
	m, err := train.Init(cfg, train.Rows{D: 16, X: data})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "m.sae")
	writeFile(t, path, func(b *bytes.Buffer) error { _, err := m.WriteTo(b); return err })
	var r encodeResult
	dump := filepath.Join(t.TempDir(), "codes.npz")
	bench(t, &r, "encode", "--vectors", x, "--model", path, "--batch", "30", "--passes", "2", "--dump", dump)
	if r.Active <= 0 || r.Active > 4 || r.Rate <= 0 {
		t.Errorf("encode: %+v", r)
	}
	codes := readCodes(t, dump)
	rows := npy.Matrix{Rows: 100, Cols: 16, Data: data}
	for i := range rows.Rows {
		if err := normalise(rows.Row(i)); err != nil {
			t.Fatal(err)
		}
		want := m.Encode(sae.Code{}, rows.Row(i))
		if latents, acts := codes.Row(i); !slices.EqualFunc(latents, want.Latents, func(a int32, b uint32) bool { return uint32(a) == b }) || !slices.Equal(acts, want.Acts) {
			t.Fatalf("row %d dumped as %v %v, its code is %v", i, latents, acts, want)
		}
	}
	narrow, _ := writeVectors(t, "narrow.npy", 7, 8, 2)
	refuse(t, "width 8", "bench", "encode", "--vectors", narrow, "--model", path)
	refuse(t, "x.npy", "bench", "encode", "--vectors", x, "--model", x)
}

func TestBenchDense(t *testing.T) {
	base, _ := writeVectors(t, "base.npy", 300, 16, 1)
	queries, _ := writeVectors(t, "q.npy", 7, 16, 2)
	for _, kind := range []string{"flat", "exact", "f32"} {
		for _, batch := range []string{"1", "3"} {
			var r searchResult
			bench(t, &r, "dense", "--base", base, "--queries", queries, "--k", "5", "--passes", "2", "--index", kind, "--batch", batch)
			if r.Recall != 1 || *r.Wrong != 0 || r.Returned != 5 || r.Bytes-r.Beyond != 300*16*4 || r.QPS <= 0 {
				t.Errorf("index %s, batches of %s: %+v", kind, batch, r)
			}
			if rounded := kind != "f32"; rounded != (r.Beyond > 300*16) {
				t.Errorf("index %s holds %d bytes beyond its rows", kind, r.Beyond)
			}
		}
	}
	narrow, _ := writeVectors(t, "narrow.npy", 7, 8, 2)
	refuse(t, "width", "bench", "dense", "--base", base, "--queries", narrow)
	refuse(t, "hnsw", "bench", "dense", "--base", base, "--queries", queries, "--index", "annoy")
	refuse(t, "--ef", "bench", "dense", "--base", base, "--queries", queries, "--ef", "10")
	refuse(t, "width", "bench", "dense", "--base", base, "--queries", queries, "--index", "hnsw", "--samples", narrow)
	refuse(t, "row 0: a zero vector", "bench", "dense", "--base", base, "--queries", writeNPY(t, "z.npy", 1, 16, make([]float32, 16)))
}

// A graph prints one object for each breadth, and finds more with a larger one.
func TestBenchDenseGraph(t *testing.T) {
	base, _ := writeVectors(t, "base.npy", 3000, 32, 1)
	queries, _ := writeVectors(t, "q.npy", 40, 32, 2)
	stdout, stderr, status := call(t, "bench", "dense", "--base", base, "--queries", queries, "--samples", queries, "--passes", "1",
		"--index", "hnsw", "--ef", "4,60")
	var low, high searchResult
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if status != statusDone || len(lines) != 2 {
		t.Fatalf("status %d, %q, %s", status, stdout, stderr)
	}
	for i, r := range []*searchResult{&low, &high} {
		if err := json.Unmarshal([]byte(lines[i]), r); err != nil {
			t.Fatal(err)
		}
	}
	if low.Recall >= high.Recall || high.Recall < 0.9 || high.Returned != 10 || high.Beyond < 3000*(32+128) {
		t.Errorf("ef 4 and 60: %+v\n%+v", low, high)
	}
}

func TestWrongHitsAreThoseBelowTheTruth(t *testing.T) {
	base := &npy.Matrix{Rows: 4, Cols: 2, Data: []float32{1, 0, 1, 0, .6, .8, 0, 1}}
	q := &npy.Matrix{Rows: 1, Cols: 2, Data: []float32{1, 0}}
	found := [][]index.Hit{{{Ord: 1}, {Ord: 2}, {Ord: 3}}}
	if got := wrongHits(base, q, found, [][]uint32{{0}}, 2); got != 1 {
		t.Errorf("%d wrong hits, want 1: row 1 is as near as row 0, row 2 is not, row 3 is beyond k", got)
	}
}

func TestBenchData(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made")
	var r map[string]any
	bench(t, &r, "data", "--rows", "1200", "--queries", "4", "--out", dir)
	var found searchResult
	bench(t, &found, "dense", "--base", filepath.Join(dir, "base.npy"), "--queries", filepath.Join(dir, "texts.npy"), "--passes", "1")
	if found.Recall != 1 || *found.Wrong != 0 {
		t.Errorf("on data by recipe: %+v", found)
	}
	refuse(t, "at least 1", "bench", "data", "--rows", "0", "--out", dir)
}

func TestBenchSparse(t *testing.T) {
	codes := writeCodes(t, "codes.npz", 200, 1)
	queries := writeCodes(t, "q.npz", 9, 2)
	for _, measure := range []string{"dot", "cosine"} {
		var r searchResult
		bench(t, &r, "sparse", "--codes", codes, "--queries", queries, "--k", "5", "--passes", "2", "--measure", measure)
		if r.Recall != 1 || r.Returned != 5 || r.QPS <= 0 {
			t.Errorf("%s: %+v", measure, r)
		}
	}
	refuse(t, "exact and cut", "bench", "sparse", "--codes", codes, "--queries", queries, "--mode", "guess")
	refuse(t, "--mode cut", "bench", "sparse", "--codes", codes, "--queries", queries, "--effort", "9")
}

// TestBenchSparseByRecipe: codes of many latents, cut, against the truth of a plain look at every row.
func TestBenchSparseByRecipe(t *testing.T) {
	dir := t.TempDir()
	var made map[string]any
	bench(t, &made, "data", "--rows", "700", "--queries", "6", "--codes", "160", "--out", dir)
	codes, queries := filepath.Join(dir, "codes160.npz"), filepath.Join(dir, "queries160.npz")
	var cut, few searchResult
	bench(t, &cut, "sparse", "--codes", codes, "--queries", queries, "--passes", "1", "--mode", "cut")
	if cut.Recall != 1 || cut.Returned != 10 {
		t.Errorf("a cut among few rows is exact: %+v", cut)
	}
	truth := filepath.Join(dir, "truth.npy")
	near := make([]float32, 6) // numbers of rows are whole numbers
	writeFile(t, truth, func(b *bytes.Buffer) error { return npy.Write(b, 6, 1, near) })
	refuse(t, "truth.npy", "bench", "sparse", "--codes", codes, "--queries", queries, "--truth", truth)
	bench(t, &few, "sparse", "--codes", codes, "--queries", queries, "--passes", "1", "--mode", "cut", "--effort", "10")
	if few.Recall > cut.Recall {
		t.Errorf("10 rows find more than all: %+v, %+v", few, cut)
	}
	refuse(t, "4096 latents", "bench", "data", "--rows", "10", "--codes", "5000", "--out", dir)
}

// writeCodes writes rows of six active latents of forty.
func writeCodes(t *testing.T, name string, rows int, seed uint64) string {
	r := rand.New(rand.NewPCG(seed, 9))
	c := &npy.CSR{Rows: rows, Cols: 40, Indptr: []int64{0}}
	for range rows {
		latents := r.Perm(40)[:6]
		slices.Sort(latents)
		for _, l := range latents {
			c.Indices = append(c.Indices, int32(l))
			c.Data = append(c.Data, 0.1+r.Float32())
		}
		c.Indptr = append(c.Indptr, int64(len(c.Indices)))
	}
	path := filepath.Join(t.TempDir(), name)
	writeFile(t, path, func(b *bytes.Buffer) error { return npy.WriteCSR(b, c) })
	return path
}

func TestRecallCountsTheFirstK(t *testing.T) {
	found := [][]index.Hit{{{Ord: 1}, {Ord: 9}, {Ord: 2}}, {{Ord: 5}}}
	truth := [][]uint32{{1, 2}, {5, 6}}
	if got := recall(found, truth, 2); got != 0.5 {
		t.Errorf("recall %g, want 0.5: 2 is third, 6 is missing", got)
	}
}

func TestSpreadOfLaps(t *testing.T) {
	l := laps{{Wall: 4e6}, {Wall: 1e6}, {Wall: 3e6}, {Wall: 2e6}}
	if got := l.wall(10); got != (spread{Median: 0.25, Best: 0.1}) {
		t.Errorf("spread %+v", got)
	}
}

func readCodes(t *testing.T, path string) *npy.CSR {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := npy.ReadCSR(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// benchLines runs a measurement that prints one object a line.
func benchLines(t *testing.T, args ...string) (all []searchResult) {
	t.Helper()
	stdout, stderr, status := call(t, append([]string{"bench"}, args...)...)
	if status != statusDone {
		t.Fatalf("bench %q: status %d, %s", args, status, stderr)
	}
	for line := range strings.Lines(stdout) {
		var r searchResult
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, r)
	}
	return all
}

// Filters of both kinds let through as many rows as they say; the truth is that among them.
func TestBenchDenseFilter(t *testing.T) {
	base, _ := writeVectors(t, "base.npy", 2000, 16, 1)
	queries, _ := writeVectors(t, "q.npy", 10, 16, 2)
	for _, kind := range []string{"f32", "exact", "hnsw"} {
		all := benchLines(t, "dense", "--base", base, "--queries", queries, "--passes", "1", "--index", kind, "--filter", "0.5,near:0.1,0.001")
		if len(all) != 3 {
			t.Fatalf("%s: %d objects", kind, len(all))
		}
		for i, want := range []float64{1000, 200, 2} {
			r, passing := all[i], all[i].Settings.(map[string]any)["passing"]
			if passing != want || r.Returned != min(want, 10) {
				t.Errorf("%s: filter %d lets %v rows through, want %v: %+v", kind, i, passing, want, r)
			}
			if r.Recall < 0.95 || kind != "hnsw" && (r.Recall < 1 || *r.Wrong != 0) {
				t.Errorf("%s: filter %d: %+v", kind, i, r)
			}
		}
	}
	for _, no := range []string{"0", "1.5", "half", "near:"} {
		refuse(t, "no share of the rows", "bench", "dense", "--base", base, "--queries", queries, "--filter", no)
	}
}

// A graph whose rows were replaced is measured beside a fresh one of the same rows.
func TestBenchDenseTurnover(t *testing.T) {
	base, _ := writeVectors(t, "base.npy", 5000, 24, 1)
	queries, _ := writeVectors(t, "q.npy", 20, 24, 2)
	all := benchLines(t, "dense", "--base", base, "--queries", queries, "--samples", queries, "--passes", "1", "--index", "hnsw", "--ef", "100", "--turnover", "3")
	if len(all) != 2 || all[0].Updates == nil || all[0].Updates.Rows != 3000 || all[0].Updates.Put <= 0 {
		t.Fatalf("%+v", all)
	}
	for i, name := range []string{"worn", "fresh"} {
		s := all[i].Settings.(map[string]any)
		if s["graph"] != name || s["rows"] != 2000. || all[i].Recall < 0.95 || all[i].Returned != 10 {
			t.Errorf("%s: %+v", name, all[i])
		}
	}
	refuse(t, "--turnover", "bench", "dense", "--base", base, "--queries", queries, "--index", "flat", "--turnover", "1")
	refuse(t, "leave out", "bench", "dense", "--base", base, "--queries", queries, "--index", "hnsw", "--turnover", "1", "--filter", "0.1")
}

// A graph that is written and opened finds what it found before; its rows may be replaced.
func TestBenchDenseOpen(t *testing.T) {
	base, _ := writeVectors(t, "base.npy", 3000, 24, 1)
	queries, _ := writeVectors(t, "q.npy", 20, 24, 2)
	file := filepath.Join(t.TempDir(), "graph")
	args := []string{"dense", "--base", base, "--queries", queries, "--passes", "2", "--index", "hnsw", "--ef", "40"}
	built := benchLines(t, append(args, "--save", file)...)[0]
	opened := benchLines(t, append(args, "--open", file)...)[0]
	if opened.Recall != built.Recall || opened.Opening == nil || opened.Opening.First < opened.Opening.Best || opened.Opening.Warm <= 0 {
		t.Errorf("built %+v, opened %+v", built, opened)
	}
	changed := benchLines(t, append(args, "--open", file, "--updates", "500")...)[0]
	if changed.Updates == nil || changed.Updates.Rows != 500 || changed.Recall < 0.9 {
		t.Errorf("after updates: %+v, %+v", changed, changed.Updates)
	}
	narrow, _ := writeVectors(t, "narrow.npy", 100, 24, 3)
	refuse(t, "of other rows", "bench", "dense", "--base", narrow, "--queries", queries, "--index", "hnsw", "--open", file)
	refuse(t, "unusable file", "bench", "dense", "--base", base, "--queries", queries, "--index", "hnsw", "--open", base)
}
