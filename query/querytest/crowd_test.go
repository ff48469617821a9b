package querytest

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/sparse"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/sae"
)

// crowd is a Source of many generated codes, as a database would have them: blocks of postings, and codes by ordinal. Item i has the id i with seven digits,
// the fields meta.year and meta.kind, and a vector that it shares with every eighth.
type crowd struct {
	*Memory
	k       int
	latents []uint32  // of all codes, k of each
	acts    []float32 // likewise
	norms   []float32
	blocks  [][]index.Block // by latent
	all     *roaring.Bitmap

	look func() // called now and then while a query runs; may be nil
}

// newCrowd returns n codes of k of m latents, the frequent ones by Zipf's law, and concepts of 1, 8 and 64 latents. With steps activations are multiples of
// an eighth, and latent 0 fires in every code at 1.
func newCrowd(n, m, k int, steps bool) *crowd {
	d := &Data{Latents: m, K: k, Concepts: map[string]query.Concept{}}
	for _, size := range []int{1, 8, 64} {
		c := query.Concept{Word: fmt.Sprint("group", size)}
		for i := range size {
			c.Group = append(c.Group, query.Weight{Latent: uint32(m/8 + 7*i), W: 1 / float32(size)})
		}
		d.Concepts[c.Word] = c
	}
	c := &crowd{Memory: &Memory{d: d, words: d.Words(), model: &sae.Model{}}, k: k, all: roaring.New(), blocks: make([][]index.Block, m)}
	rng := rand.New(rand.NewPCG(1, 1))
	zipf := rand.NewZipf(rng, 1.1, float64(m)/8, uint64(m-1))
	rows, acts := make([][]uint16, m), make([][]float32, m)
	flush := func(first uint32) {
		for latent := range rows {
			if len(rows[latent]) > 0 {
				c.blocks[latent] = append(c.blocks[latent], index.Weigh(first, rows[latent], acts[latent]))
				rows[latent], acts[latent] = nil, nil
			}
		}
	}
	code := make([]uint32, 0, k)
	for ord := range uint32(n) {
		code = code[:0]
		if steps {
			code = append(code, 0)
		}
		for len(code) < k {
			latent := uint32(zipf.Uint64())
			if at, found := slices.BinarySearch(code, latent); !found {
				code = slices.Insert(code, at, latent)
			}
		}
		squares := 0.0
		for _, latent := range code {
			act := float32(rng.ExpFloat64()) + 0.01
			if steps {
				act = float32(1+rng.IntN(8)) / 8
				if latent == 0 {
					act = 1
				}
			}
			squares += float64(act) * float64(act)
			c.acts = append(c.acts, act)
			rows[latent], acts[latent] = append(rows[latent], uint16(ord%index.BlockRows)), append(acts[latent], act)
		}
		c.latents, c.norms = append(c.latents, code...), append(c.norms, float32(math.Sqrt(squares)))
		if ord%index.BlockRows == index.BlockRows-1 {
			flush(ord - index.BlockRows + 1)
		}
	}
	flush(uint32(n) - uint32(n)%index.BlockRows)
	c.all.AddRange(0, uint64(n))
	return c
}

func (c *crowd) looked() {
	if c.look != nil {
		c.look()
	}
}

func (c *crowd) Len() int { return len(c.norms) }

func (c *crowd) All(context.Context) (*roaring.Bitmap, error) { return c.all, nil }

func (c *crowd) ID(_ context.Context, ord uint32) (string, error) {
	c.looked()
	return idOf(ord), nil
}

func idOf(ord uint32) string { return strconv.Itoa(int(ord) + 1e7)[1:] }

func (c *crowd) Ord(_ context.Context, id string) (uint32, bool, error) {
	ord, err := strconv.Atoi(id)
	return uint32(ord), err == nil && ord < c.Len(), nil
}

func (c *crowd) Fields(context.Context) ([]query.Field, error) {
	return []query.Field{{Name: "meta.year", Types: []string{query.TypeInt}}, {Name: "meta.kind", Types: []string{query.TypeInt}}}, nil
}

func (c *crowd) Meta(_ context.Context, ord uint32) (map[string]any, error) {
	return map[string]any{"path": idOf(ord), "meta.year": int64(ord % 25), "meta.kind": int64(ord % 3)}, nil
}

func (c *crowd) Path(_ context.Context, ord uint32) (string, error) { return idOf(ord), nil }

func (c *crowd) Match(ctx context.Context, p query.Pred) (*roaring.Bitmap, error) {
	set := roaring.New()
	for ord := range uint32(c.Len()) {
		if p.Field == "meta.year" && p.Match(int64(ord%25)) || p.Field == "meta.kind" && p.Match(int64(ord%3)) {
			set.Add(ord)
		}
	}
	return set, nil
}

func (c *crowd) code(ord uint32) sae.Code {
	from, to := int(ord)*c.k, (int(ord)+1)*c.k
	return sae.Code{Latents: c.latents[from:to], Acts: c.acts[from:to]}
}

func (c *crowd) Code(_ context.Context, ord uint32) (sae.Code, error) {
	c.looked()
	return c.code(ord), nil
}

func (c *crowd) Vector(_ context.Context, ord uint32) ([]float32, error) {
	v := make([]float32, 8)
	v[ord%8] = 1
	return v, nil
}

func (c *crowd) Blocks(_ context.Context, latent uint32) iter.Seq2[index.Block, error] {
	return func(yield func(index.Block, error) bool) {
		for _, b := range c.blocks[latent] {
			c.looked()
			if !yield(b, nil) {
				return
			}
		}
		c.looked()
	}
}

func (c *crowd) Codes(_ context.Context, f index.Filter) iter.Seq2[index.Coded, error] {
	return func(yield func(index.Coded, error) bool) {
		if f == nil {
			f = c.all
		}
		for it := f.Iterator(); it.HasNext(); {
			ord := it.Next()
			if !yield(index.Coded{Ord: ord, Code: c.code(ord)}, nil) {
				return
			}
		}
	}
}

func (c *crowd) NearLatent(ctx context.Context, code sae.Code, k int, f index.Filter, e index.Effort) ([]index.Hit, error) {
	var terms []index.Term
	for i, latent := range code.Latents {
		terms = append(terms, index.Term{Latent: latent, W: code.Acts[i]})
	}
	return sparse.CosineWith(ctx, c, c.Len(), func(ord uint32) (float32, error) { return c.norms[ord], nil }, terms, k, f, e)
}

// ask returns the rows of a query.
func (c *crowd) ask(t testing.TB, text string, p query.Params) (rows []query.Row) {
	t.Helper()
	plan, err := query.Compile(t.Context(), text, c, p)
	if err != nil {
		t.Fatal(err)
	}
	for row, err := range plan.Run(t.Context(), c) {
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		rows = append(rows, row)
	}
	return rows
}

// activation is that of a concept in an item.
func (c *crowd) activation(word string, ord uint32) float64 {
	concept, _ := c.Concept(word)
	var terms []index.Term
	for _, w := range concept.Group {
		terms = append(terms, index.Term(w))
	}
	return float64(sparse.Score(terms, c.code(ord)))
}

// TestManyRows: where far more rows match than are kept while they come, most of them with equal scores, the answer is that of sorting them all; and so
// are its pages.
func TestManyRows(t *testing.T) {
	n := 2*index.BlockRows + 5000
	if testing.Short() {
		n = index.BlockRows + 5000
	}
	c := newCrowd(n, 512, 12, true)
	fires := func(words ...string) func(uint32) (float64, bool) {
		return func(ord uint32) (sum float64, any bool) {
			for _, w := range words {
				if x := c.activation(w, ord); x > 0 {
					sum, any = sum+x, true
				}
			}
			return sum, any
		}
	}
	and := func(score func(uint32) (float64, bool), keep func(ord uint32, score float64) bool) func(uint32) (float64, bool) {
		return func(ord uint32) (float64, bool) {
			x, is := score(ord)
			return x, is && keep(ord, x)
		}
	}
	same := func(uint32) (float64, bool) { return 1, true }
	for _, q := range []struct {
		text  string
		score func(ord uint32) (float64, bool)
		up    bool
	}{
		{"latent = 0", same, false},
		{"latent = 0 order by score", same, true},
		{"latent = 0 ^1 min score 1", same, false},
		{"latent = 0 and not concept = group1", and(same, func(ord uint32, _ float64) bool { return c.activation("group1", ord) == 0 }), false},
		{"concept = group1", fires("group1"), false},
		{"concept = group64", fires("group64"), false},
		{"concept = group64 order by score", fires("group64"), true},
		{"concept = group64 min score 0.02 order by score", and(fires("group64"), func(_ uint32, x float64) bool { return x >= 0.02 }), true},
		{"concept = group64 < 0.05", and(fires("group64"), func(_ uint32, x float64) bool { return x < float64(float32(0.05)) }), false},
		{"concept = group1 or concept = group64", fires("group1", "group64"), false},
		{"concept = group64 and meta.year = 7", and(fires("group64"), func(ord uint32, _ float64) bool { return ord%25 == 7 }), false},
		{"concept = group64 or (latent = 0 and meta.kind = 1) order by score", func(ord uint32) (float64, bool) {
			x, is := fires("group64")(ord)
			if ord%3 == 1 {
				return x + 1, true
			}
			return x, is
		}, true},
		{"meta.kind != 2", and(func(uint32) (float64, bool) { return 0, true }, func(ord uint32, _ float64) bool { return ord%3 != 2 }), false},
	} {
		type row struct {
			id    string
			score float64
		}
		var want, got []row
		for ord := range uint32(c.Len()) {
			if x, is := q.score(ord); is {
				want = append(want, row{idOf(ord), x})
			}
		}
		slices.SortFunc(want, func(a, b row) int {
			by := cmp.Compare(b.score, a.score)
			if q.up {
				by = -by
			}
			return cmp.Or(by, cmp.Compare(a.id, b.id))
		})
		if len(want) < 300 {
			t.Fatalf("%s: only %d rows", q.text, len(want))
		}
		for cursor, page := "", 0; page < 3; page++ {
			rows := c.ask(t, q.text+" top 100 after $c", query.Params{"c": cursor})
			for _, r := range rows {
				got = append(got, row{r.ID, r.Score})
			}
			cursor = rows[len(rows)-1].Cursor
		}
		if !slices.EqualFunc(got, want[:300], func(a, b row) bool { return a.id == b.id && math.Abs(a.score-b.score) < 1e-6 }) {
			t.Errorf("%s:\n got %v\nwant %v", q.text, got[:5], want[:5])
		}
		whole := c.ask(t, q.text+" top 300", nil)
		for i, r := range whole {
			if r.ID != got[i].id || r.Score != got[i].score {
				t.Errorf("%s: row %d is %s %g, on its page %s %g", q.text, i, r.ID, r.Score, got[i].id, got[i].score)
				break
			}
		}
	}
}

// TestMemory: what a query holds while it runs is bounded by its top and one block of rows, and a bit for each item where metadata or a set decides who takes
// part; it does not grow
// with the rows that match. Ten times the items are asked for as many rows.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("many garbage collections: not with -short")
	}
	const small, large = 40_000, 400_000
	crowds := []*crowd{newCrowd(small, 1024, 12, false), newCrowd(large, 1024, 12, false)}
	ties := []*crowd{newCrowd(small, 512, 8, true), newCrowd(large, 512, 8, true)}
	for _, q := range []struct {
		text string
		of   []*crowd
	}{
		{"concept = group1", crowds},
		{"concept = group64", crowds},
		{"concept = group64 or concept = group8 or latent = 200", crowds},
		{"concept = group64 and concept = group8", crowds},
		{"concept = group64 < 0.5", crowds},
		{"concept = group64 >= 1% or latent = 200 > 0.5", crowds},
		{"concept = group64 order by meta.year", crowds},
		{"concept = group64 order by score", crowds},
		{"concept = group64 and meta.year < 20", crowds},
		{"concept = group64 or meta.year < 20", crowds},
		{"concept = group64 min score 0.01 and not concept = group1", crowds},
		{"not concept = group64", crowds},
		{"meta.year < 20", crowds},
		{"all order by meta.year", crowds},
		{"concept = group64 group by meta.year top 2", crowds},
		{"concept = group64 distinct", crowds},
		{"near image 0000007 in latent", crowds},
		{"near image 0000007 in latent where concept = group64 and meta.year < 20", crowds},
		{"near image 0000007 in latent distinct", crowds},
		{"concept = group64 with why", crowds},
		{"latent = 0", ties},
		{"latent = 0 or latent = 3", ties},
		{"latent = 0 >= 100%", ties},
		{"latent = 0 order by score", ties},
		{"latent = 0 group by meta.kind top 3", ties},
		{"count concept = group64", crowds},
		{"count concept = group64 by meta.year", crowds},
		{"count concept = group64 by latent", crowds},
	} {
		text := strings.Replace(q.text, " min score 0.01 and", " and", 1)
		if text != q.text {
			text += " min score 0.01"
		}
		if !strings.HasPrefix(text, "count") {
			text += " top 10"
		}
		for _, paged := range []bool{false, true} {
			if paged && (strings.HasPrefix(text, "count") || strings.Contains(text, " by ") || strings.Contains(text, "distinct")) {
				continue
			}
			few, many := q.of[0].peak(t, text, paged), q.of[1].peak(t, text, paged)
			bound := 2*few + large/8 + 128<<10
			if strings.Contains(text, "distinct") || strings.Contains(text, "group by") {
				bound += 5 << 20 // rows are looked at 8,192 at a time
			}
			if many > bound {
				t.Errorf("%s (second page: %v): %d kB of %d items, %d kB of %d", text, paged, few>>10, small, many>>10, large)
			}
			t.Logf("%4d kB of %d, %4d kB of %d: %s (second page: %v)", few>>10, small, many>>10, large, text, paged)
		}
	}
}

// peak returns by how many bytes the live heap grows at most while a query runs, or its second page.
func (c *crowd) peak(t *testing.T, text string, paged bool) int64 {
	p := query.Params{}
	if paged {
		first := c.ask(t, text+` after ""`, nil)
		text, p["cursor"] = text+" after $cursor", first[len(first)-1].Cursor
	}
	c.ask(t, text, p) // what is made once is there
	base, most := live(), int64(0)
	calls, every := 0, 1
	c.look = func() { // ever more seldom, and so a few dozen times however often it is called
		if calls++; calls%every == 0 {
			most = max(most, live()-base)
			every += calls / 3
		}
	}
	c.ask(t, text, p)
	c.look = nil
	return most
}

// live returns the bytes that are in use.
func live() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
