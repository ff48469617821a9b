package indextest

import (
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

// Codes is a sparse index that takes and gives up rows while it is searched.
type Codes interface {
	index.Sparse
	Len() int
	Put(ord uint32, latents []uint32, acts []float32) error
	Delete(ord uint32) bool
}

// Sparse checks an exact index of codes.
func Sparse(t *testing.T, empty func() Codes) {
	s := sparse{empty: empty}
	t.Run("finds the best", s.best)
	t.Run("filters before it chooses", s.filters)
	t.Run("keeps every tie with the last", s.ties)
	t.Run("answers only what fires", s.fires)
	t.Run("replaces, deletes and takes back", s.changes)
	t.Run("does not depend on the order of terms", s.order)
	t.Run("says what is wrong", s.faults)
	t.Run("stops when told to", s.cancelled)
	t.Run("searches while it is written", s.concurrent)
}

type sparse struct{ empty func() Codes }

// code maps latents to activations, or to weights where it is a query.
type code map[uint32]float32

func (c code) terms() []index.Term {
	terms := make([]index.Term, 0, len(c))
	for _, latent := range sortedKeys(c) {
		terms = append(terms, index.Term{Latent: latent, W: c[latent]})
	}
	return terms
}

func (c code) put(x Codes, ord uint32) error {
	latents := sortedKeys(c)
	acts := make([]float32, len(latents))
	for i, l := range latents {
		acts[i] = c[l]
	}
	return x.Put(ord, latents, acts)
}

// draw returns a code of up to k latents below 200, of which the low ones fire far more often.
func draw(r *rand.Rand, k int) code {
	c := code{}
	for range k {
		c[uint32(200*math.Pow(r.Float64(), 3))] = float32(math.Exp(0.5 * r.NormFloat64()))
	}
	return c
}

// codes maps ordinals to codes.
type codes map[uint32]code

// library returns n codes under ordinals that lie in several blocks.
func library(r *rand.Rand, n int) codes {
	rows := codes{}
	for i := range n {
		rows[uint32(i*977)] = draw(r, 12)
	}
	return rows
}

func fillCodes(t *testing.T, x Codes, rows codes) Codes {
	t.Helper()
	for _, ord := range sortedKeys(rows) {
		if err := rows[ord].put(x, ord); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

// truth scores the rows that f lets through and that are above zero.
func (rows codes) truth(q code, cosine bool, f index.Filter) map[uint32]float64 {
	scores := map[uint32]float64{}
	for ord, row := range rows {
		var dot, qq, rr float64
		for latent, w := range q {
			dot += float64(w) * float64(row[latent])
			qq += float64(w) * float64(w)
		}
		for _, act := range row {
			rr += float64(act) * float64(act)
		}
		if cosine {
			dot /= math.Sqrt(qq * rr)
		}
		if dot > 0 && (f == nil || f.Contains(ord)) {
			scores[ord] = dot
		}
	}
	return scores
}

// agrees compares both scores of one query with the truth.
func (s sparse) agrees(t *testing.T, when string, x Codes, rows codes, q code, k int, f index.Filter) {
	t.Helper()
	hits, err := x.Sum(t.Context(), q.terms(), k, f)
	if err != nil {
		t.Fatal(err)
	}
	check(t, when+", sum", hits, rows.truth(q, false, f), k, 1)
	hits, err = x.Cosine(t.Context(), q.terms(), k, f)
	if err != nil {
		t.Fatal(err)
	}
	check(t, when+", cosine", hits, rows.truth(q, true, f), k, 1)
}

func (s sparse) best(t *testing.T) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 9))
		rows := library(r, 300)
		x := fillCodes(t, s.empty(), rows)
		if x.Len() != len(rows) {
			t.Fatalf("seed %d: %d rows, want %d", seed, x.Len(), len(rows))
		}
		for _, k := range []int{1, 10, 1000} {
			s.agrees(t, fmt.Sprintf("seed %d, k %d", seed, k), x, rows, draw(r, 12), k, nil)
			steered := draw(r, 6)
			steered[0] = -0.75 // a latent that speaks against a row
			s.agrees(t, fmt.Sprintf("seed %d, k %d, steered", seed, k), x, rows, steered, k, nil)
		}
	}
}

func (s sparse) filters(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 10))
	rows := library(r, 200)
	x := fillCodes(t, s.empty(), rows)
	most, few := roaring.New(), roaring.BitmapOf(1, 2, 1<<31)
	for i, ord := range sortedKeys(rows) {
		if i%3 != 0 {
			most.Add(ord)
		}
		if i%40 == 0 {
			few.Add(ord)
		}
	}
	for name, f := range map[string]index.Filter{"most": most, "few": few, "none": roaring.New()} {
		before := f.Clone()
		s.agrees(t, "filter "+name, x, rows, draw(r, 8), 6, f)
		if !f.Equals(before) {
			t.Errorf("filter %s was changed", name)
		}
	}
}

func (s sparse) ties(t *testing.T) {
	rows := codes{9: {1: 2}, 4: {1: 1}, 70000: {1: 1}, 2: {1: 1, 7: 3}, 5: {1: 0.5}}
	hits, err := fillCodes(t, s.empty(), rows).Sum(t.Context(), []index.Term{{Latent: 1, W: 2}}, 2, nil)
	want := []index.Hit{{Ord: 9, Score: 4}, {Ord: 2, Score: 2}, {Ord: 4, Score: 2}, {Ord: 70000, Score: 2}}
	if err != nil || !slices.Equal(hits, want) {
		t.Errorf("%v, %v; want %v", hits, err, want)
	}
}

func (s sparse) fires(t *testing.T) {
	x := fillCodes(t, s.empty(), codes{1: {3: 1}, 2: {4: 1}, 3: {}, 4: {3: 1, 4: 1}})
	for name, c := range map[string]struct {
		q    []index.Term
		want []index.Hit
	}{
		"latent 3":                    {[]index.Term{{Latent: 3, W: 1}}, []index.Hit{{Ord: 1, Score: 1}, {Ord: 4, Score: 1}}},
		"latent 3 and 4 against it":   {[]index.Term{{Latent: 3, W: 1}, {Latent: 4, W: -1}}, []index.Hit{{Ord: 1, Score: 1}}},
		"a latent that no row has":    {[]index.Term{{Latent: 99, W: 1}}, nil},
		"a latent that weighs 0 more": {[]index.Term{{Latent: 4, W: 1}, {Latent: 3, W: 0}}, []index.Hit{{Ord: 2, Score: 1}, {Ord: 4, Score: 1}}},
	} {
		if hits, err := x.Sum(t.Context(), c.q, 10, nil); err != nil || !slices.Equal(hits, c.want) {
			t.Errorf("%s: %v, %v; want %v", name, hits, err, c.want)
		}
	}
	if hits, err := s.empty().Cosine(t.Context(), []index.Term{{Latent: 1, W: 1}}, 1, nil); err != nil || len(hits) != 0 {
		t.Errorf("an empty index answers %v, %v", hits, err)
	}
}

func (s sparse) changes(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 11))
	rows, x := codes{}, s.empty()
	for step := range 600 {
		ord := uint32(r.IntN(60))
		if r.IntN(3) == 0 {
			_, there := rows[ord]
			if x.Delete(ord) != there {
				t.Fatalf("step %d: deleting %d did not say %v", step, ord, there)
			}
			delete(rows, ord)
		} else {
			rows[ord] = draw(r, 8)
			if err := rows[ord].put(x, ord); err != nil {
				t.Fatal(err)
			}
		}
		if step%20 == 0 {
			s.agrees(t, fmt.Sprintf("step %d", step), x, rows, draw(r, 8), 5, nil)
		}
	}
	for _, ord := range sortedKeys(rows) {
		x.Delete(ord)
	}
	s.agrees(t, "after the last is deleted", x, codes{}, draw(r, 8), 5, nil)
	rows = codes{9: draw(r, 8)}
	s.agrees(t, "after a row comes back", fillCodes(t, x, rows), rows, draw(r, 8), 5, nil)
}

func (s sparse) order(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 12))
	x := fillCodes(t, s.empty(), library(r, 100))
	terms := draw(r, 20).terms()
	want, err := x.Cosine(t.Context(), terms, 20, nil)
	if err != nil || len(want) == 0 {
		t.Fatal(want, err)
	}
	r.Shuffle(len(terms), func(i, j int) { terms[i], terms[j] = terms[j], terms[i] })
	before := slices.Clone(terms)
	if got, err := x.Cosine(t.Context(), terms, 20, nil); err != nil || !slices.Equal(got, want) {
		t.Errorf("in another order %v, %v; want %v", got, err, want)
	}
	if !slices.Equal(terms, before) {
		t.Error("the caller's terms were changed")
	}
}

func (s sparse) faults(t *testing.T) {
	x := fillCodes(t, s.empty(), codes{1: {3: 1}})
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		name string
		q    []index.Term
		k    int
		want error
	}{
		{"k of 0", []index.Term{{Latent: 3, W: 1}}, 0, index.ErrK},
		{"no terms", nil, 1, index.ErrZero},
		{"only weights of 0", []index.Term{{Latent: 3, W: 0}}, 1, index.ErrZero},
		{"a NaN", []index.Term{{Latent: 3, W: nan}}, 1, index.ErrNaN},
		{"an infinity", []index.Term{{Latent: 3, W: inf}}, 1, index.ErrNaN},
		{"a latent twice", []index.Term{{Latent: 3, W: 1}, {Latent: 4, W: 1}, {Latent: 3, W: 1}}, 1, index.ErrTwice},
	} {
		if hits, err := x.Sum(t.Context(), c.q, c.k, nil); !errors.Is(err, c.want) || hits != nil {
			t.Errorf("%s, sum: %v, %v; want the error %q", c.name, hits, err, c.want)
		}
		if hits, err := x.Cosine(t.Context(), c.q, c.k, nil); !errors.Is(err, c.want) || hits != nil {
			t.Errorf("%s, cosine: %v, %v; want the error %q", c.name, hits, err, c.want)
		}
	}
	for _, c := range []struct {
		latents []uint32
		acts    []float32
		want    error
	}{
		{[]uint32{1, 2}, []float32{1}, index.ErrDim},
		{[]uint32{1, 1}, []float32{1, 1}, index.ErrTwice},
		{[]uint32{2, 1}, []float32{1, 1}, index.ErrTwice},
		{[]uint32{1}, []float32{0}, index.ErrNaN},
		{[]uint32{1}, []float32{-1}, index.ErrNaN},
		{[]uint32{1}, []float32{nan}, index.ErrNaN},
		{[]uint32{1}, []float32{inf}, index.ErrNaN},
	} {
		if err := x.Put(2, c.latents, c.acts); !errors.Is(err, c.want) {
			t.Errorf("putting latents %v, activations %v: %v, want the error %q", c.latents, c.acts, err, c.want)
		}
	}
	if x.Len() != 1 {
		t.Errorf("refused codes were kept: %d rows", x.Len())
	}
}

func (s sparse) cancelled(t *testing.T) {
	x := fillCodes(t, s.empty(), codes{1: {3: 1}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.Sum(ctx, []index.Term{{Latent: 3, W: 1}}, 1, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled search returns %v", err)
	}
}

func (s sparse) concurrent(t *testing.T) {
	rows := library(rand.New(rand.NewPCG(13, 13)), 100)
	x := s.empty()
	var group sync.WaitGroup
	for g := range uint64(3) {
		group.Go(func() {
			r := rand.New(rand.NewPCG(g, 14))
			for range 50 {
				if hits, err := x.Cosine(t.Context(), draw(r, 8).terms(), 5, nil); err != nil || !slices.IsSortedFunc(hits, index.Compare) {
					t.Errorf("while codes come and go: %v, %v", hits, err)
				}
			}
		})
	}
	for _, ord := range sortedKeys(rows) {
		if err := rows[ord].put(x, ord); err != nil {
			t.Error(err)
		}
		if ord%4 == 0 && !x.Delete(ord) {
			t.Errorf("row %d was not there", ord)
		}
	}
	group.Wait()
}
