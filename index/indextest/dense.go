// Package indextest holds the suites that every index passes: Dense and Sparse. An index calls one of them from its own
// test with a function that makes an empty index; the subtests are named after what they show.
//
// The suites know the truth by themselves: they compute every score in float64, row by row, and compare.
package indextest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
)

// slack is by how much a float32 score may differ from the truth.
const slack = 2e-6

// Dense checks an index of vectors. Its hits must contain at least the share recall of the true ones; 1 means that the
// index is exact.
func Dense(t *testing.T, recall float64, empty func(dim int) index.Mutable) {
	d := dense{recall: recall, empty: empty}
	t.Run("finds the nearest", d.nearest)
	t.Run("filters before it chooses", d.filters)
	t.Run("fills its answer through filters of any width", d.widths)
	t.Run("finds the way into and out of many copies", d.manyCopies)
	t.Run("is as good after half of its rows were changed, three times", d.turnover)
	t.Run("keeps every tie with the last", d.ties)
	t.Run("answers fewer than k", d.fewer)
	t.Run("replaces, deletes and takes back", d.changes)
	t.Run("keeps copies", d.copies)
	t.Run("does not depend on the order of insertion", d.order)
	t.Run("says what is wrong", d.faults)
	t.Run("stops when told to", d.cancelled)
	t.Run("searches while it is written", d.concurrent)
}

type dense struct {
	recall float64
	empty  func(dim int) index.Mutable
}

// vectors maps ordinals to unit vectors.
type vectors map[uint32][]float32

// cloud returns n unit vectors that share a mean, as encoders make them, under ordinals with gaps.
func cloud(r *rand.Rand, n, dim int) vectors {
	rows := vectors{}
	for i := range n {
		rows[uint32(3*i+i%2)] = around(r, dim, 1)
	}
	return rows
}

// around returns a unit vector: a common direction of length mean plus noise. Rows have mean 1; a query of mean 1 is like
// a picture, one of mean 0 like a text.
func around(r *rand.Rand, dim int, mean float64) []float32 {
	v := make([]float64, dim)
	var norm float64
	for i := range v {
		v[i] = mean*math.Cos(float64(i)) + r.NormFloat64()
		norm += v[i] * v[i]
	}
	unit := make([]float32, dim)
	for i := range v {
		unit[i] = float32(v[i] / math.Sqrt(norm))
	}
	return unit
}

func fill(t *testing.T, x index.Mutable, rows vectors) index.Mutable {
	t.Helper()
	for _, ord := range sortedKeys(rows) {
		if err := x.Put(ord, rows[ord]); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

func sortedKeys[V any](m map[uint32]V) []uint32 {
	keys := make([]uint32, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// cosine is the true score.
func cosine(a, b []float32) float64 {
	var dot, aa, bb float64
	for i := range a {
		dot += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	return dot / math.Sqrt(aa*bb)
}

// check compares hits with the true scores of the rows that may be answered. want names the case in messages.
func check(t *testing.T, want string, hits []index.Hit, truth map[uint32]float64, k int, recall float64) {
	t.Helper()
	if got := share(t, want, hits, truth, k); got < recall {
		t.Fatalf("%s: recall %.3f, want %.3f", want, got, recall)
	}
}

// share checks what holds for every answer and returns the share of the k best rows that it found.
func share(t *testing.T, want string, hits []index.Hit, truth map[uint32]float64, k int) float64 {
	t.Helper()
	scores := make([]float64, 0, len(truth))
	for _, s := range truth {
		scores = append(scores, s)
	}
	slices.Sort(scores)
	slices.Reverse(scores)
	n := min(k, len(scores))
	if len(hits) < n {
		t.Fatalf("%s: %d hits, want at least %d", want, len(hits), n)
	}
	if n == 0 {
		if len(hits) > 0 {
			t.Fatalf("%s: hits %v where no row qualifies", want, hits)
		}
		return 1
	}
	last, good := scores[n-1], 0
	for i, h := range hits {
		exact, ok := truth[h.Ord]
		if !ok {
			t.Fatalf("%s: hit %v is not a row that may be answered", want, h)
		}
		if math.Abs(float64(h.Score)-exact) > slack*max(1, math.Abs(exact)) {
			t.Fatalf("%s: row %d scores %g, the truth is %g", want, h.Ord, h.Score, exact)
		}
		if i > 0 && index.Compare(hits[i-1], h) >= 0 {
			t.Fatalf("%s: hit %v stands before %v", want, hits[i-1], h)
		}
		if i < n && exact >= last-slack*max(1, math.Abs(last)) {
			good++
		}
	}
	if tail := hits[n-1:]; tail[0].Score != tail[len(tail)-1].Score {
		t.Fatalf("%s: %d hits, and those after the %d-th do not tie with it", want, len(hits), n)
	}
	return float64(good) / float64(n)
}

// truth scores the rows that f lets through.
func (v vectors) truth(q []float32, f index.Filter) map[uint32]float64 {
	scores := map[uint32]float64{}
	for ord, row := range v {
		if f == nil || f.Contains(ord) {
			scores[ord] = cosine(q, row)
		}
	}
	return scores
}

func (d dense) nearest(t *testing.T) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 2))
		dim := 5 + int(seed)*31
		rows := cloud(r, 700, dim)
		x := fill(t, d.empty(dim), rows)
		if x.Len() != len(rows) || x.Dim() != dim {
			t.Fatalf("seed %d: %d rows of width %d, want %d of %d", seed, x.Len(), x.Dim(), len(rows), dim)
		}
		for _, mean := range []float64{1, 0} {
			q := around(r, dim, mean)
			for i := range q {
				q[i] *= 7.5 // the length of a query does not matter
			}
			for _, k := range []int{1, 10, 100} {
				hits, err := x.Search(t.Context(), q, k, nil)
				if err != nil {
					t.Fatal(err)
				}
				check(t, fmt.Sprintf("seed %d, mean %g, k %d", seed, mean, k), hits, rows.truth(q, nil), k, d.recall)
			}
		}
	}
}

func (d dense) filters(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	rows := cloud(r, 400, 16)
	x := fill(t, d.empty(16), rows)
	most, few, strangers := roaring.New(), roaring.New(), roaring.BitmapOf(1, 2, 1<<31)
	for i, ord := range sortedKeys(rows) {
		if i%3 != 0 {
			most.Add(ord)
		}
		if i%40 == 0 {
			few.Add(ord)
		}
	}
	few.Or(strangers)
	for name, f := range map[string]index.Filter{"most": most, "few": few, "none": roaring.New(), "strangers": strangers} {
		before := f.Clone()
		q := around(r, 16, 1)
		hits, err := x.Search(t.Context(), q, 8, f)
		if err != nil {
			t.Fatal(err)
		}
		check(t, "filter "+name, hits, rows.truth(q, f), 8, d.recall)
		if !f.Equals(before) {
			t.Errorf("filter %s was changed", name)
		}
	}
}

// mean searches for ten rows for each query and checks that recall holds on average. Each single answer must be of rows that may be answered,
// with exact scores, in order, and full.
func (d dense) mean(t *testing.T, when string, x index.Dense, rows vectors, qs [][]float32, f index.Filter) {
	t.Helper()
	const k = 10
	sum := 0.0
	for i, q := range qs {
		hits, err := x.Search(t.Context(), q, k, f)
		if err != nil {
			t.Fatal(err)
		}
		sum += share(t, fmt.Sprintf("%s, query %d", when, i), hits, rows.truth(q, f), k)
	}
	if got := sum / float64(len(qs)); got < d.recall {
		t.Errorf("%s: recall %.3f, want %.3f", when, got, d.recall)
	}
}

func queries(r *rand.Rand, n, dim int) [][]float32 {
	qs := make([][]float32, n)
	for i := range qs {
		qs[i] = around(r, dim, float64(i%2)) // pictures and texts
	}
	return qs
}

func (d dense) widths(t *testing.T) {
	const n, dim = 3000, 20
	r := rand.New(rand.NewPCG(9, 9))
	rows := cloud(r, n, dim)
	x := fill(t, d.empty(dim), rows)
	for _, share := range []float64{0.9, 0.5, 0.1, 0.01, 0.001} {
		f := roaring.New()
		for _, ord := range sortedKeys(rows) {
			if r.Float64() < share {
				f.Add(ord)
			}
		}
		d.mean(t, fmt.Sprintf("a filter for %g of the rows", share), x, rows, queries(r, 12, dim), f)
	}
	corner := roaring.New() // the filter's rows lie where the query does not look first
	q := around(r, dim, 1)
	scores := rows.truth(q, nil)
	byScore := sortedKeys(rows)
	slices.SortFunc(byScore, func(a, b uint32) int { return cmp.Compare(scores[a], scores[b]) })
	corner.AddMany(byScore[:n/4])
	d.mean(t, "a filter for what is farthest", x, rows, [][]float32{q}, corner)
}

func (d dense) manyCopies(t *testing.T) {
	const dim = 16
	r := rand.New(rand.NewPCG(10, 10))
	rows := cloud(r, 600, dim)
	for _, copies := range []uint32{50, 400} {
		picture := around(r, dim, 1)
		for i := range copies {
			rows[10_000*copies+i] = picture
		}
	}
	x := fill(t, d.empty(dim), rows)
	qs := queries(r, 20, dim)
	for _, copied := range []uint32{500_000, 4_000_000} {
		qs = append(qs, rows[copied])
	}
	d.mean(t, "among copies", x, rows, qs, nil)
}

func (d dense) turnover(t *testing.T) {
	const n, dim = 1200, 16
	r := rand.New(rand.NewPCG(11, 11))
	rows := vectors{}
	for i := range uint32(n) {
		rows[i] = around(r, dim, 1)
	}
	x, next := fill(t, d.empty(dim), rows), uint32(n)
	for round := range 3 {
		for i, ord := range sortedKeys(rows) {
			if i%2 == 0 {
				if !x.Delete(ord) {
					t.Fatalf("round %d: row %d was not there", round, ord)
				}
				delete(rows, ord)
			}
		}
		d.mean(t, fmt.Sprintf("round %d, half deleted", round), x, rows, queries(r, 20, dim), nil)
		for range n / 2 {
			rows[next] = around(r, dim, 1)
			if err := x.Put(next, rows[next]); err != nil {
				t.Fatal(err)
			}
			next++
		}
		if x.Len() != len(rows) {
			t.Fatalf("round %d: %d rows, want %d", round, x.Len(), len(rows))
		}
		d.mean(t, fmt.Sprintf("round %d", round), x, rows, queries(r, 20, dim), nil)
	}
}

func (d dense) ties(t *testing.T) {
	x := d.empty(2)
	for ord := range uint32(6) {
		v := []float32{1, 0}
		if ord >= 4 {
			v = []float32{0, 1}
		}
		if err := x.Put(10-ord, v); err != nil {
			t.Fatal(err)
		}
	}
	for k, want := range map[int][]index.Hit{
		1: {{Ord: 5, Score: 1}, {Ord: 6, Score: 1}},
		2: {{Ord: 5, Score: 1}, {Ord: 6, Score: 1}},
		3: {{Ord: 5, Score: 1}, {Ord: 6, Score: 1}, {Ord: 7, Score: 0}, {Ord: 8, Score: 0}, {Ord: 9, Score: 0}, {Ord: 10, Score: 0}},
	} {
		hits, err := x.Search(t.Context(), []float32{0, 2}, k, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(hits, want) {
			t.Errorf("k %d: %v, want %v", k, hits, want)
		}
	}
}

func (d dense) fewer(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	q := around(r, 8, 1)
	hits, err := d.empty(8).Search(t.Context(), q, 3, nil)
	if err != nil || len(hits) != 0 {
		t.Errorf("an empty index answers %v, %v", hits, err)
	}
	rows := cloud(r, 5, 8)
	hits, err = fill(t, d.empty(8), rows).Search(t.Context(), q, 1_000_000, nil)
	if err != nil {
		t.Fatal(err)
	}
	check(t, "k larger than the index", hits, rows.truth(q, nil), 1_000_000, 1)
}

func (d dense) changes(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	rows, x := vectors{}, d.empty(12)
	for step := range 600 {
		ord := uint32(r.IntN(60))
		if r.IntN(3) == 0 {
			_, there := rows[ord]
			if x.Delete(ord) != there {
				t.Fatalf("step %d: deleting %d did not say %v", step, ord, there)
			}
			delete(rows, ord)
		} else {
			rows[ord] = around(r, 12, 1)
			if err := x.Put(ord, rows[ord]); err != nil {
				t.Fatal(err)
			}
		}
		if step%20 == 0 {
			d.agrees(t, fmt.Sprintf("step %d", step), x, rows, around(r, 12, 1))
		}
	}
	for _, ord := range sortedKeys(rows) {
		x.Delete(ord)
	}
	d.agrees(t, "after the last is deleted", x, vectors{}, around(r, 12, 1))
	rows = vectors{9: around(r, 12, 1)}
	d.agrees(t, "after a row comes back", fill(t, x, rows), rows, around(r, 12, 1))
}

// agrees checks the five nearest of one query.
func (d dense) agrees(t *testing.T, when string, x index.Dense, rows vectors, q []float32) {
	t.Helper()
	if x.Len() != len(rows) {
		t.Fatalf("%s: %d rows, want %d", when, x.Len(), len(rows))
	}
	hits, err := x.Search(t.Context(), q, 5, nil)
	if err != nil {
		t.Fatal(err)
	}
	check(t, when, hits, rows.truth(q, nil), 5, d.recall)
}

func (d dense) copies(t *testing.T) {
	x, v := d.empty(2), []float32{1, 0}
	if err := x.Put(1, v); err != nil {
		t.Fatal(err)
	}
	v[0], v[1] = 0, 1
	q := []float32{3, 0}
	hits, err := x.Search(t.Context(), q, 1, nil)
	if want := []index.Hit{{Ord: 1, Score: 1}}; err != nil || !slices.Equal(hits, want) {
		t.Errorf("after the caller changed its slice: %v, %v, want %v", hits, err, want)
	}
	if !slices.Equal(q, []float32{3, 0}) {
		t.Errorf("the query was changed to %v", q)
	}
}

func (d dense) order(t *testing.T) {
	if d.recall < 1 {
		t.Skip("an index that is not exact may build another graph for another order")
	}
	r := rand.New(rand.NewPCG(6, 6))
	rows := cloud(r, 300, 33)
	ords := sortedKeys(rows)
	first, second := fill(t, d.empty(33), rows), d.empty(33)
	r.Shuffle(len(ords), func(i, j int) { ords[i], ords[j] = ords[j], ords[i] })
	for _, ord := range ords {
		if err := second.Put(ord, rows[ord]); err != nil {
			t.Fatal(err)
		}
	}
	q := around(r, 33, 1)
	a, err1 := first.Search(t.Context(), q, 50, nil)
	b, err2 := second.Search(t.Context(), q, 50, nil)
	if err1 != nil || err2 != nil || !slices.Equal(a, b) {
		t.Errorf("%v (%v)\nand in another order %v (%v)", a, err1, b, err2)
	}
}

func (d dense) faults(t *testing.T) {
	x := fill(t, d.empty(2), vectors{1: {1, 0}})
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		name string
		q    []float32
		k    int
		want error
	}{
		{"k of 0", []float32{1, 0}, 0, index.ErrK},
		{"k of -1", []float32{1, 0}, -1, index.ErrK},
		{"a short query", []float32{1}, 1, index.ErrDim},
		{"a long query", []float32{1, 0, 0}, 1, index.ErrDim},
		{"no query", nil, 1, index.ErrDim},
		{"a NaN", []float32{0, nan}, 1, index.ErrNaN},
		{"an infinity", []float32{inf, 0}, 1, index.ErrNaN},
		{"a zero query", []float32{0, 0}, 1, index.ErrZero},
	} {
		if hits, err := x.Search(t.Context(), c.q, c.k, nil); !errors.Is(err, c.want) || hits != nil {
			t.Errorf("%s: %v, %v; want the error %q", c.name, hits, err, c.want)
		}
	}
	for want, v := range map[error][]float32{index.ErrDim: {1}, index.ErrNaN: {nan, 0}, index.ErrZero: {0, 0}, index.ErrNorm: {3, 4}} {
		if err := x.Put(2, v); !errors.Is(err, want) {
			t.Errorf("putting %v: %v, want the error %q", v, err, want)
		}
	}
	if x.Len() != 1 {
		t.Errorf("refused rows were kept: %d rows", x.Len())
	}
}

func (d dense) cancelled(t *testing.T) {
	x := fill(t, d.empty(2), vectors{1: {1, 0}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.Search(ctx, []float32{1, 0}, 1, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled search returns %v", err)
	}
}

func (d dense) concurrent(t *testing.T) {
	rows := cloud(rand.New(rand.NewPCG(7, 7)), 200, 8)
	x := d.empty(8)
	var group sync.WaitGroup
	for g := range uint64(3) {
		group.Go(func() {
			r := rand.New(rand.NewPCG(g, 8))
			for range 100 {
				if hits, err := x.Search(t.Context(), around(r, 8, 1), 5, nil); err != nil || !slices.IsSortedFunc(hits, index.Compare) {
					t.Errorf("while rows come and go: %v, %v", hits, err)
				}
			}
		})
	}
	for _, ord := range sortedKeys(rows) {
		if err := x.Put(ord, rows[ord]); err != nil {
			t.Error(err)
		}
		if ord%4 == 0 && !x.Delete(ord) {
			t.Errorf("row %d was not there", ord)
		}
	}
	group.Wait()
}
