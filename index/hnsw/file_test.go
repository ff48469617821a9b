package hnsw_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/hnsw"
	"github.com/saedb/saedb/index/indextest"
)

var rewrite = flag.Bool("rewrite", false, "write the dump of FORMAT.md anew")

const fileName = "derived/graph-7"

var stamp = hnsw.Stamp{Commit: 7, Space: 0x5ace}

func written(t testing.TB, x *hnsw.Index) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := x.Write(&b, stamp); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func opened(t testing.TB, data []byte, opts hnsw.Options) *hnsw.Index {
	t.Helper()
	x, got, err := hnsw.Open(fileName, data, opts)
	if err != nil || got != stamp {
		t.Fatalf("stamp %v, %v", got, err)
	}
	return x
}

// reopening is an index that is written and opened again before every search, so that each search is one of a file.
type reopening struct {
	t    testing.TB
	opts hnsw.Options
	mu   sync.Mutex
	*hnsw.Index
}

func (x *reopening) Search(ctx context.Context, q []float32, k int, f index.Filter) ([]index.Hit, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.Index = opened(x.t, written(x.t, x.Index), x.opts)
	return x.Index.Search(ctx, q, k, f)
}

func (x *reopening) Put(ord uint32, v []float32) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.Index.Put(ord, v)
}

func (x *reopening) Delete(ord uint32) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.Index.Delete(ord)
}

func TestFilePassesTheSuite(t *testing.T) {
	opts := hnsw.Options{Exact: 8, Threads: 1}
	indextest.Dense(t, 0.9, func(dim int) index.Mutable { return &reopening{t: t, opts: opts, Index: hnsw.New(dim, opts)} })
}

// random returns unit vectors around a common direction.
func random(r *rand.Rand, n, dim int) [][]float32 {
	rows := make([][]float32, n)
	for i := range rows {
		v := make([]float32, dim)
		for j := range v {
			v[j] = float32(r.NormFloat64()) + 1
		}
		rows[i], _ = index.Unit(v, dim)
	}
	return rows
}

// worn returns an index that has seen everything: deletions, replacements, a sweep under way, bridges.
func worn(t testing.TB, n, dim int, opts hnsw.Options) *hnsw.Index {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 1))
	x := hnsw.New(dim, opts)
	rows := random(r, 2*n, dim)
	for i, v := range rows[:n] {
		must(t, x.Put(uint32(3*i), v))
	}
	var texts [][]float32
	for i := range 10 {
		texts = append(texts, slices.Clone(rows[i]))
		for j := range texts[i] {
			texts[i][j] *= float32(1 - 2*(j%2))
		}
	}
	must(t, x.Bridge(t.Context(), texts))
	for i := 0; i < n; i += 4 {
		if !x.Delete(uint32(3 * i)) {
			t.Fatalf("row %d was not there", 3*i)
		}
	}
	for i, v := range rows[n : n+n/8] {
		must(t, x.Put(uint32(6*i), v))
	}
	return x
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// answers is what an index says to some queries, filtered and not, on both sides of the cloud, or the first error.
func answers(x *hnsw.Index, dim int) ([][]index.Hit, error) {
	r := rand.New(rand.NewPCG(2, 2))
	some := roaring.New()
	for i := range uint32(300) {
		some.Add(5 * i)
	}
	var all [][]index.Hit
	for i, q := range random(r, 12, dim) {
		if i%3 == 0 {
			for j := range q {
				q[j] = -q[j]
			}
		}
		for _, f := range []index.Filter{nil, some} {
			hits, err := x.SearchEf(context.Background(), q, 1+i, 20, f)
			if err != nil {
				return nil, err
			}
			all = append(all, hits)
		}
	}
	hits, err := x.SearchEf(context.Background(), random(r, 1, dim)[0], max(x.Len(), 1), 0, nil)
	return append(all, hits), err
}

func equal(a, b [][]index.Hit) bool { return slices.EqualFunc(a, b, slices.Equal[[]index.Hit]) }

func TestFileAnswersAsTheIndexDid(t *testing.T) {
	const dim = 24
	for name, x := range map[string]*hnsw.Index{
		"empty":     hnsw.New(dim, hnsw.Options{}),
		"few":       worn(t, 100, dim, hnsw.Options{}),
		"graph":     worn(t, 400, dim, hnsw.Options{Exact: 32}),
		"wide":      worn(t, 3000, dim, hnsw.Options{Exact: 32, M: 5}),
		"emptied":   emptied(t, dim),
		"one batch": batched(t, 1500, dim),
	} {
		t.Run(name, func(t *testing.T) {
			want, err := answers(x, dim)
			must(t, err)
			data := written(t, x)
			unaligned := append(make([]byte, 1, len(data)+1), data...)[1:]
			ways := map[string]*hnsw.Index{"opened": opened(t, data, hnsw.Options{}), "unaligned": opened(t, unaligned, hnsw.Options{})}
			read, got, err := hnsw.Read(fileName, bytes.NewReader(data), int64(len(data)), hnsw.Options{})
			if err != nil || got != stamp {
				t.Fatalf("%v, %v", got, err)
			}
			ways["read"] = read
			for way, y := range ways {
				if y.Len() != x.Len() || y.Dim() != dim {
					t.Fatalf("%s: %d rows of %d, want %d of %d", way, y.Len(), y.Dim(), x.Len(), dim)
				}
				got, err := answers(y, dim)
				must(t, err)
				must(t, y.Verify())
				if !equal(got, want) {
					t.Fatalf("%s: other answers than before", way)
				}
				if again := written(t, y); !bytes.Equal(again, data) {
					t.Fatalf("%s: written again it has other bytes", way)
				}
			}
			life(t, x, ways["opened"], dim)
		})
	}
}

func emptied(t *testing.T, dim int) *hnsw.Index {
	x := worn(t, 200, dim, hnsw.Options{Exact: 32})
	for ord := range uint32(1000) {
		x.Delete(ord)
	}
	if x.Len() != 0 {
		t.Fatalf("%d rows are left", x.Len())
	}
	return x
}

func batched(t *testing.T, n, dim int) *hnsw.Index {
	rows := random(rand.New(rand.NewPCG(3, 3)), n, dim)
	x := hnsw.New(dim, hnsw.Options{Threads: 2})
	must(t, x.PutAll(t.Context(), n, func(i int) (uint32, []float32, error) { return uint32(i), rows[i], nil }))
	return x
}

// life changes two indexes that should be alike in the same way: an opened one goes on as the one that was written.
func life(t *testing.T, x, y *hnsw.Index, dim int) {
	t.Helper()
	r := rand.New(rand.NewPCG(4, 4))
	gone := []uint32{}
	for ord := uint32(0); ord < 9000; ord += 7 {
		a, b := x.Delete(ord), y.Delete(ord)
		if a != b {
			t.Fatalf("row %d: %v in the one, %v in the other", ord, a, b)
		}
		if a {
			gone = append(gone, ord)
		}
	}
	for i, v := range random(r, 50, dim) {
		must(t, x.Put(uint32(i), v))
		must(t, y.Put(uint32(i), v))
	}
	if x.Len() != y.Len() {
		t.Fatalf("%d rows in the one, %d in the other", x.Len(), y.Len())
	}
	hits, err := y.Search(t.Context(), random(r, 1, dim)[0], y.Len(), nil)
	must(t, err)
	if len(hits) != y.Len() {
		t.Fatalf("%d hits, want all %d", len(hits), y.Len())
	}
	for _, h := range hits {
		if h.Ord >= 50 && slices.Contains(gone, h.Ord) {
			t.Fatalf("row %d was deleted", h.Ord)
		}
	}
	must(t, y.Repair())
}

func TestFileWithoutRowsNeedsThem(t *testing.T) {
	const dim = 16
	rows := random(rand.New(rand.NewPCG(5, 5)), 300, dim)
	serve := func(ord uint32) ([]float32, error) { return rows[ord], nil }
	x := hnsw.New(dim, hnsw.Options{Exact: 16, Rows: serve})
	for i, v := range rows {
		must(t, x.Put(uint32(i), v))
	}
	data := written(t, x)
	if _, _, err := hnsw.Open(fileName, data, hnsw.Options{}); !errors.Is(err, hnsw.ErrFile) || !strings.Contains(err.Error(), "Options.Rows") {
		t.Errorf("opened without rows: %v", err)
	}
	y := opened(t, data, hnsw.Options{Rows: serve})
	want, err := answers(x, dim)
	must(t, err)
	if got, err := answers(y, dim); err != nil || !equal(got, want) {
		t.Errorf("other answers than before, %v", err)
	}
	fault := errors.New("the disk is gone")
	y = opened(t, data, hnsw.Options{Rows: func(uint32) ([]float32, error) { return nil, fault }})
	if hits, err := y.Search(t.Context(), rows[0], 3, nil); !errors.Is(err, fault) || hits != nil {
		t.Errorf("with rows that cannot be read: %v, %v", hits, err)
	}
}

// TestDamagedFileIsNoticed flips bits all over a file and cuts it short. Nothing may come of it but an error that names the file, or
// nothing at all, where the bits between sections lie.
func TestDamagedFileIsNoticed(t *testing.T) {
	const dim = 24
	x := worn(t, 400, dim, hnsw.Options{Exact: 32})
	data := written(t, x)
	want, err := answers(x, dim)
	must(t, err)
	named := func(err error) bool { return errors.Is(err, hnsw.ErrFile) && strings.Contains(err.Error(), fileName) }
	try := func(what string, b []byte) (noticed bool) {
		y, _, err := hnsw.Open(fileName, b, hnsw.Options{})
		if err == nil {
			var got [][]index.Hit
			if got, err = answers(y, dim); err == nil && !equal(got, want) {
				t.Errorf("%s: other answers, and no error", what)
			}
		}
		_, _, err2 := hnsw.Read(fileName, bytes.NewReader(b), int64(len(b)), hnsw.Options{})
		for _, err := range []error{err, err2} {
			if err != nil && !named(err) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if err != nil && err2 == nil {
			t.Errorf("%s: a search found it, and reading all of the file did not", what)
		}
		return err2 != nil
	}
	r := rand.New(rand.NewPCG(6, 6))
	for at := 0; at < len(data); at += 1 + r.IntN(200) {
		b := slices.Clone(data)
		b[at] ^= 1 << r.IntN(8)
		if !try(fmt.Sprintf("bit flipped in byte %d", at), b) && data[at] != 0 {
			t.Errorf("a bit flipped in byte %d: no error", at)
		}
	}
	for cut := 0; cut < len(data); cut += 1 + r.IntN(2000) {
		if !try(fmt.Sprintf("cut to %d bytes", cut), slices.Clone(data[:cut])) {
			t.Errorf("cut to %d bytes: no error", cut)
		}
	}
	if !try("nothing", nil) || !try("one byte more", append(slices.Clone(data), 0)) {
		t.Error("a file of another size: no error")
	}
}

// A damaged page ends changes as well, and loses nothing of what is deleted.
func TestDamagedFileTakesNoRows(t *testing.T) {
	const dim = 24
	data := written(t, batched(t, 3000, dim))
	at := bytes.Index(data[1<<16:], data[1<<16:1<<16+64]) + 1<<16
	data[at] ^= 1
	x := opened(t, data, hnsw.Options{})
	if err := x.Put(5000, random(rand.New(rand.NewPCG(1, 9)), 1, dim)[0]); !errors.Is(err, hnsw.ErrFile) {
		t.Errorf("put into a damaged file: %v", err)
	}
	for ord := range uint32(2500) {
		if !x.Delete(ord) {
			t.Fatalf("row %d was not there", ord)
		}
	}
	if x.Len() != 500 || x.Repair() == nil || x.Verify() == nil {
		t.Errorf("%d rows are left, and the damage was repaired", x.Len())
	}
	var b bytes.Buffer
	if err := x.Write(&b, stamp); !errors.Is(err, hnsw.ErrFile) {
		t.Errorf("writing what is damaged: %v", err)
	}
}

// TestFormatPage compares the dump in FORMAT.md with the file of a small index; -rewrite writes it anew.
func TestFormatPage(t *testing.T) {
	page, err := os.ReadFile("FORMAT.md")
	must(t, err)
	const open, end = "```hex\n", "```\n"
	before, rest, ok := strings.Cut(string(page), open)
	shown, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("FORMAT.md has no block of hex")
	}
	x := hnsw.New(4, hnsw.Options{Exact: 4, M: 2, Seed: 5})
	for i, v := range random(rand.New(rand.NewPCG(7, 7)), 6, 4) {
		must(t, x.Put(uint32(10+i), v))
	}
	must(t, x.Bridge(t.Context(), [][]float32{{-1, 0, 0, 1}}))
	x.Delete(11)
	dump := dumped(written(t, x))
	if *rewrite {
		must(t, os.WriteFile("FORMAT.md", []byte(before+open+dump+end+after), 0o644))
		shown = dump
	}
	if shown != dump {
		t.Errorf("FORMAT.md shows\n%s\nthe file is\n%s\n(go test -rewrite brings the page up to date)", shown, dump)
	}
}

// dumped shows bytes, sixteen in a line, without the lines of zeros.
func dumped(b []byte) string {
	var s strings.Builder
	for at := 0; at < len(b); at += 16 {
		line := b[at:min(at+16, len(b))]
		if bytes.Count(line, []byte{0}) < len(line) {
			fmt.Fprintf(&s, "%06x  % x\n", at, line)
		}
	}
	return s.String()
}
