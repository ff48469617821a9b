package flat_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/flat"
	"github.com/saedb/saedb/index/indextest"
	"github.com/saedb/saedb/internal/bench"
	"github.com/saedb/saedb/internal/npy"
	"github.com/saedb/saedb/internal/vec"
)

func TestRounded(t *testing.T) {
	for _, threads := range []int{1, 3} {
		t.Run(fmt.Sprintf("threads=%d", threads), func(t *testing.T) {
			indextest.Dense(t, 1, func(dim int) index.Mutable { return flat.NewRounded(dim, threads) })
		})
	}
}

// TestRoundedAndScanAgreeToTheBit tries tables of many shapes, with rows that are equal and rows that are nearly so, filters of any
// width, any k, and queries alone and in batches of any size.
func TestRoundedAndScanAgreeToTheBit(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		twin := random(r, 1+r.IntN(2500), 1+r.IntN(150))
		near(r, twin)
		x := flat.NewRounded(twin.dim, 1+int(seed%4))
		put(t, x, twin)
		var filter index.Filter
		if seed%3 > 0 {
			filter = roaring.New()
			for range twin.Len() / int(1+seed%3*5) {
				filter.Add(uint32(r.IntN(2 * twin.Len())))
			}
		}
		qs := make([][]float32, 1+r.IntN(40))
		if seed%10 == 5 {
			qs = make([][]float32, 150)
		}
		for i := range qs {
			qs[i] = random(r, 1, twin.dim).rows[0]
			if i%5 == 4 {
				qs[i] = twin.rows[uint32(2*r.IntN(twin.Len()))]
			}
		}
		k := []int{1, 3, 10, 200, twin.Len(), 2 * twin.Len()}[r.IntN(6)]
		batch, err := x.SearchBatch(t.Context(), qs, k, filter)
		if err != nil {
			t.Fatal(err)
		}
		for i, q := range qs {
			want, err := flat.Scan(t.Context(), twin.all(), q, k, filter)
			if err != nil {
				t.Fatal(err)
			}
			alone, err := x.Search(t.Context(), q, k, filter)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(batch[i], want) || !slices.Equal(alone, want) {
				t.Fatalf("seed %d, %d rows of %d, query %d of %d, k %d:\nbatch %v\nalone %v\nscan  %v", seed, twin.Len(), twin.dim, i, len(qs), k, batch[i], alone, want)
			}
		}
	}
}

// near makes some rows differ from others in their last bits only.
func near(r *rand.Rand, x *table) {
	for range x.Len() / 5 {
		v := slices.Clone(x.rows[uint32(2*r.IntN(x.Len()))])
		v[r.IntN(len(v))] *= 1 + 1e-7*float32(r.IntN(20))
		x.rows[uint32(2*r.IntN(x.Len()))] = v
	}
}

func put(t *testing.T, x index.Mutable, twin *table) {
	t.Helper()
	for ord, v := range twin.rows {
		if err := x.Put(ord, v); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRoundedKeepsUp lets whole clusters come and go, so that the mean that rows were rounded with is soon far off, and is replaced.
func TestRoundedKeepsUp(t *testing.T) {
	const dim, most = 24, 900
	r := rand.New(rand.NewPCG(3, 3))
	x, twin := flat.NewRounded(dim, 2), &table{dim: dim, rows: map[uint32][]float32{}}
	for round := range 12 {
		centre := random(r, 1, dim).rows[0]
		for range 400 {
			ord := uint32(r.IntN(most))
			v := make([]float32, dim)
			for j := range v {
				v[j] = centre[j] + .1*float32(r.NormFloat64())
			}
			v, _ = index.Unit(v, dim)
			twin.rows[ord] = v
			if err := x.Put(ord, v); err != nil {
				t.Fatal(err)
			}
		}
		for ord := uint32(r.IntN(4)); round%3 == 2 && ord < most; ord += 1 + uint32(r.IntN(3)) {
			if _, there := twin.rows[ord]; x.Delete(ord) != there {
				t.Fatalf("round %d: deleting row %d did not say %v", round, ord, there)
			}
			delete(twin.rows, ord)
		}
		for range 20 {
			q := random(r, 1, dim).rows[0]
			want, err := flat.Scan(t.Context(), twin.all(), q, 7, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := x.Search(t.Context(), q, 7, nil); err != nil || !slices.Equal(got, want) {
				t.Fatalf("round %d: %v, %v\nwant %v", round, got, err, want)
			}
		}
	}
}

// TestEveryRowTies is the worst case for bounds: they leave all rows, and all are hits.
func TestEveryRowTies(t *testing.T) {
	const n, dim = 20_000, 8
	x := flat.NewRounded(dim, 2)
	row := random(rand.New(rand.NewPCG(1, 1)), 1, dim).rows[0]
	for ord := range uint32(n) {
		if err := x.Put(ord, row); err != nil {
			t.Fatal(err)
		}
	}
	for _, batch := range []int{1, 20} {
		hits, err := x.SearchBatch(t.Context(), slices.Repeat([][]float32{row}, batch), 10, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range hits {
			if len(h) != n || h[0].Ord != 0 || h[n-1].Ord != n-1 {
				t.Fatalf("%d hits from %v to %v, want all %d rows", len(h), h[0], h[len(h)-1], n)
			}
		}
	}
}

// TestNoWrongRow compares answers with those of all scores, for pictures and for texts: on generated rows, with the kernels of this
// processor and without. Where time is short, as under the race detector, it is a fifth of the rows and few queries.
func TestNoWrongRow(t *testing.T) {
	t.Run("generated", func(t *testing.T) {
		rows, queries := 20_000, 1000
		path, _ := vec.Path()
		switch {
		case testing.Short():
			rows, queries = 4000, 20
		case path == "go":
			queries = 100
		}
		d := bench.NewDense(rows, queries, 11)
		x, twin := both(t, d.Base)
		noWrongRow(t, x, twin, "pictures", d.Pictures)
		noWrongRow(t, x, twin, "texts", d.Texts)
	})
	t.Run("generated, kernels off", func(t *testing.T) {
		if path, _ := vec.Path(); path == "go" {
			t.Skip("they are off already: the other case was this one")
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestNoWrongRow$/^generated$", "-test.count=1", fmt.Sprintf("-test.short=%v", testing.Short()))
		cmd.Env = append(os.Environ(), "SAEDB_KERNELS=go")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("with SAEDB_KERNELS=go: %v\n%s", err, out)
		}
	})
	t.Run("real", func(t *testing.T) {
		if testing.Short() {
			t.Skip("twenty thousand rows take too long for -short")
		}
		base, pictures, texts := realRows(t)
		x, twin := both(t, base)
		noWrongRow(t, x, twin, "pictures", pictures)
		noWrongRow(t, x, twin, "texts", texts)
	})
}

// both fills the index and its twin.
func both(t *testing.T, rows []float32) (*flat.Rounded, *flat.Index) {
	t.Helper()
	x, twin := flat.NewRounded(bench.Width, 0), flat.New(bench.Width, 0)
	for i := range len(rows) / bench.Width {
		row := rows[i*bench.Width : (i+1)*bench.Width]
		if err := x.Put(uint32(i), row); err != nil {
			t.Fatal(err)
		}
		if err := twin.Put(uint32(i), row); err != nil {
			t.Fatal(err)
		}
	}
	return x, twin
}

// noWrongRow asks all queries in a batch and one by one.
func noWrongRow(t *testing.T, x *flat.Rounded, twin *flat.Index, kind string, queries []float32) {
	t.Helper()
	qs := slices.Collect(slices.Chunk(queries, bench.Width))
	want, err := twin.SearchBatch(t.Context(), qs, 10, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := x.SearchBatch(t.Context(), qs, 10, nil)
	if err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for i, q := range qs {
		alone, err := x.Search(t.Context(), q, 10, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got[i], want[i]) || !slices.Equal(alone, want[i]) {
			wrong++
			t.Errorf("%s, query %d:\nbatch %v\nalone %v\nwant  %v", kind, i, got[i], alone, want[i])
		}
	}
	t.Logf("%d %s over %d rows: %d wrong answers", len(qs), kind, x.Len(), wrong)
}

// realRows returns CLIP vectors of pictures, many of them neighbouring frames of one film; every twentieth of them as queries; and
// vectors of words.
func realRows(t *testing.T) (base, pictures, texts []float32) {
	folder := filepath.Join("..", "..", "..", "shared", "data", "clip-b32")
	unit := func(name string) [][]float32 {
		m, err := npy.ReadFile(filepath.Join(folder, name+".f16.npy"))
		if os.IsNotExist(err) {
			t.Skipf("no real vectors beside the checkout: %v", err)
		}
		if err != nil {
			t.Fatal(err)
		}
		rows := make([][]float32, m.Rows)
		for i := range rows {
			if rows[i], err = index.Unit(m.Row(i), bench.Width); err != nil {
				t.Fatal(err)
			}
		}
		return rows
	}
	slow, _ := vec.Path()
	for i, row := range slices.Concat(unit("news"), unit("unsplash")) {
		switch {
		case i%20 != 7:
			base = append(base, row...)
		case slow != "go" || i%200 == 7:
			pictures = append(pictures, row...)
		}
	}
	for i, row := range unit("names") {
		if slow != "go" || i%10 == 0 {
			texts = append(texts, row...)
		}
	}
	return base, pictures, texts
}

func BenchmarkRounded(b *testing.B) {
	const n = 20_000
	d := bench.NewDense(n, 1000, 1)
	x := flat.NewRounded(bench.Width, 1)
	for i := range n {
		if err := x.Put(uint32(i), d.Base[i*bench.Width:(i+1)*bench.Width]); err != nil {
			b.Fatal(err)
		}
	}
	for kind, queries := range map[string][]float32{"picture": d.Pictures, "text": d.Texts} {
		qs := slices.Collect(slices.Chunk(queries, bench.Width))
		for _, batch := range []int{1, 16, 1000} {
			b.Run(fmt.Sprintf("index=rounded/n=20k/dim=512/k=10/query=%s/batch=%d", kind, batch), func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					at := i * batch % len(qs)
					if _, err := x.SearchBatch(b.Context(), qs[at:min(at+batch, len(qs))], 10, nil); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(1, "recall@10")
				b.ReportMetric(float64(batch*b.N)/b.Elapsed().Seconds(), "queries/s")
			})
		}
	}
}

// TestHalvesAgreeToTheBit asks tables that are large enough for halves, one by one, on and off the cloud, with filters that most rows pass.
func TestHalvesAgreeToTheBit(t *testing.T) {
	for seed, dim := range []int{64, 128} {
		r := rand.New(rand.NewPCG(uint64(seed), 7))
		const n, changeAt, halvesAsked = 70_000, 20, 15 // the sixteenth query makes the halves
		x, twin := flat.NewRounded(dim, 1+seed), flat.New(dim, 2)
		centre := random(r, 1, dim).rows[0]
		var v []float32
		for ord := range uint32(n) {
			if ord%7 != 6 { // every seventh is a copy of the one before
				v = make([]float32, dim)
				for j := range v {
					v[j] = centre[j] + .12*float32(r.NormFloat64())
				}
				v, _ = index.Unit(v, dim)
			}
			if err := errors.Join(x.Put(ord, v), twin.Put(ord, v)); err != nil {
				t.Fatal(err)
			}
		}
		filter := roaring.New()
		for ord := range uint32(n) {
			if ord%3 > 0 {
				filter.Add(ord)
			}
		}
		for i := range 40 {
			q := random(r, 1, dim).rows[0]
			if i%2 == 0 {
				for j := range q {
					q[j] = centre[j] + .12*float32(r.NormFloat64())
				}
			}
			var f index.Filter
			if i%4 > 1 {
				f = filter
			}
			k := []int{1, 10, 100}[i%3]
			want, err := twin.Search(t.Context(), q, k, f)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := x.Search(t.Context(), q, k, f); err != nil || !slices.Equal(got, want) {
				t.Fatalf("seed %d, query %d: %v, %v\nwant %v", seed, i, got, err, want)
			}
			if _, rest := x.Bytes(); (rest-int64(n*dim) > int64(n*dim/2)+8*n) != (i >= halvesAsked && (i <= changeAt || i > changeAt+halvesAsked)) {
				t.Fatalf("seed %d: after query %d the rows take %d bytes beyond their values", seed, i, rest)
			}
			if i == changeAt { // what was made of the rows before is made anew
				x.Delete(want[0].Ord)
				twin.Delete(want[0].Ord)
			}
		}
	}
}
