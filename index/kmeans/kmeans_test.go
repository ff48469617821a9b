package kmeans

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/saedb/saedb/internal/npy"
)

// towns returns n rows of width d scattered around k directions, and the direction of each; a larger spread blurs them. About
// half of the numbers are zero, and none is negative, as in a code.
func towns(seed uint64, n, d, k int, spread float64) (rows [][]float32, town []int) {
	r := rand.New(rand.NewPCG(seed, 2))
	centres := make([][]float64, k)
	for c := range centres {
		centres[c] = make([]float64, d)
		for j := range centres[c] {
			centres[c][j] = math.Max(0, r.NormFloat64())
		}
		centres[c][c%d] += 3
	}
	for range n {
		c := r.IntN(k)
		x := make([]float32, d)
		for j := range x {
			if centres[c][j] > 0 {
				x[j] = float32(math.Max(0, centres[c][j]+spread*r.NormFloat64()))
			}
		}
		rows, town = append(rows, x), append(town, c)
	}
	return rows, town
}

func dense(t testing.TB, rows [][]float32) *Dense {
	t.Helper()
	x := NewDense(len(rows[0]))
	for _, r := range rows {
		if err := x.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

func sparse(t testing.TB, rows [][]float32) *Sparse {
	t.Helper()
	x := NewSparse(len(rows[0]))
	for _, r := range rows {
		var columns []uint32
		var values []float32
		for j, f := range r {
			if f != 0 {
				columns, values = append(columns, uint32(j)), append(values, f)
			}
		}
		if err := x.Append(columns, values); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

// wide is flat numbers as rows in float64.
func wide(x []float32, d int) [][]float64 {
	var rows [][]float64
	for ; len(x) > 0; x = x[d:] {
		row := make([]float64, d)
		for j, f := range x[:d] {
			row[j] = float64(f)
		}
		rows = append(rows, row)
	}
	return rows
}

func run(t testing.TB, rows Rows, o Options) *Result {
	t.Helper()
	r, err := Run(t.Context(), rows, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Four towns that lie apart are found, whichever way the rows are held and whether or not by batches.
func TestTownsAreFound(t *testing.T) {
	rows, town := towns(1, 600, 12, 4, 0.1)
	for name, x := range map[string]Rows{"dense": dense(t, rows), "sparse": sparse(t, rows)} {
		for _, batch := range []int{-1, 100} {
			r := run(t, x, Options{K: 4, Seed: 1, Batch: batch})
			if a := Agree(r.Labels, town); a.NMI != 1 || a.ARI != 1 || a.Purity != 1 {
				t.Errorf("%s, batch %d: agreement %+v", name, batch, a)
			}
			if r.K != 4 || r.MiniBatch != (batch > 0) || !r.Converged || r.Mean < 0.99 || r.Silhouette < 0.9 {
				t.Errorf("%s, batch %d: k %d, mini-batch %v, converged %v, mean %v, silhouette %v", name, batch, r.K, r.MiniBatch, r.Converged, r.Mean, r.Silhouette)
			}
			if !slices.IsSortedFunc(r.Sizes, func(a, b int) int { return b - a }) {
				t.Errorf("%s: sizes %v do not descend", name, r.Sizes)
			}
		}
	}
}

// One pass, fast and slow, from the same rows and centres.
func TestAPassAgreesWithTheFormula(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 3))
		n, d, k := 1+r.IntN(700), 1+r.IntN(40), 1+r.IntN(20)
		vectors, _ := towns(seed, n, d, k, 1)
		for _, v := range vectors {
			v[r.IntN(d)] += 0.1 // none is zero
		}
		flat := dense(t, vectors)
		for name, x := range map[string]Rows{"dense": flat, "sparse": sparse(t, vectors)} {
			w, k, err := seed2(t, x, k, seed)
			if err != nil {
				t.Fatal(err)
			}
			slow := wide(flat.x, d)
			centres := wide(w, d)
			g := newGrouping(x, w, k, 3)
			if err := g.assign(t.Context()); err != nil {
				t.Fatal(err)
			}
			labels, scores := assignReference(slow, centres)
			sum := 0.0
			for i, c := range g.label {
				best := scores[i][labels[i]]
				sum += best
				if scores[i][c] < best-1e-6 || math.Abs(float64(g.own[i])-best) > 1e-6 {
					t.Fatalf("seed %d, %s: row %d is in %d with %v, the formula says %d with %v", seed, name, i, c, g.own[i], labels[i], best)
				}
				scores[i][c] = -1
				if second := slices.Max(scores[i]); math.Abs(float64(g.next[i])-second) > 1e-6 {
					t.Fatalf("seed %d, %s: row %d: second best %v, the formula says %v", seed, name, i, g.next[i], second)
				}
			}
			if math.Abs(g.sum-sum) > 1e-6*float64(n) {
				t.Errorf("seed %d, %s: objective %v, the formula says %v", seed, name, g.sum, sum)
			}
			want := centreReference(slow, g.label, centres)
			g.centre()
			for c, row := range wide(g.w, d) {
				for j := range row {
					if math.Abs(row[j]-want[c][j]) > 1e-6 {
						t.Fatalf("seed %d, %s: centre %d: %v, the formula says %v", seed, name, c, row, want[c])
					}
				}
			}
		}
	}
}

// seed2 is seed on two goroutines.
func seed2(t *testing.T, x Rows, k int, s uint64) ([]float32, int, error) {
	return seed(t.Context(), x, k, 2, rand.New(rand.NewPCG(s, 4)))
}

// The objective never falls from pass to pass.
func TestEveryPassIsAnImprovement(t *testing.T) {
	for seed := range uint64(10) {
		rows, _ := towns(seed, 500, 16, 9, 2)
		last := Progress{}
		run(t, dense(t, rows), Options{K: 7, Seed: seed, Starts: 2, Tol: -1, Progress: func(p Progress) {
			if p.Start == last.Start && (p.Mean < last.Mean-1e-7 || p.Pass != last.Pass+1) {
				t.Errorf("seed %d: after %+v came %+v", seed, last, p)
			}
			last = p
		}})
		if last.Start != 2 || last.Starts != 2 || last.Moved != 0 {
			t.Errorf("seed %d: the last report is %+v", seed, last)
		}
	}
}

func TestThreadsDoNotMatter(t *testing.T) {
	rows, _ := towns(5, 3000, 30, 12, 2)
	for name, x := range map[string]Rows{"dense": dense(t, rows), "sparse": sparse(t, rows)} {
		for _, batch := range []int{-1, 256} {
			one := run(t, x, Options{K: 10, Seed: 7, Batch: batch, Threads: 1})
			for _, threads := range []int{2, 3, 16} {
				if many := run(t, x, Options{K: 10, Seed: 7, Batch: batch, Threads: threads}); !reflect.DeepEqual(one, many) {
					t.Errorf("%s, batch %d: %d threads give something else than one", name, batch, threads)
				}
			}
			if other := run(t, x, Options{K: 10, Seed: 8, Batch: batch, Threads: 2}); reflect.DeepEqual(one, other) {
				t.Errorf("%s, batch %d: the seed does not matter", name, batch)
			}
		}
	}
}

// More starts are never worse, and batches are nearly as good as full passes.
func TestStartsAndBatches(t *testing.T) {
	rows, _ := towns(6, 4000, 20, 15, 1.5)
	x := dense(t, rows)
	one := run(t, x, Options{K: 15, Seed: 3, Starts: 1})
	many := run(t, x, Options{K: 15, Seed: 3, Starts: 6})
	if many.Mean < one.Mean {
		t.Errorf("six starts end at %v, the first of them at %v", many.Mean, one.Mean)
	}
	if batch := run(t, x, Options{K: 15, Seed: 3, Starts: 6, Batch: 500}); batch.Mean < many.Mean-0.005 {
		t.Errorf("by batches the mean cosine is %v, by full passes %v", batch.Mean, many.Mean)
	}
}

// A cluster whose rows have all gone elsewhere gets the row that fits worst.
func TestEmptyClustersAreFilled(t *testing.T) {
	x := dense(t, [][]float32{{1, 0}, {1, 0.1}, {1, 0.2}, {0, 1}})
	g := newGrouping(x, []float32{1, 0, -1, 0}, 2, 1) // nothing is near the second centre
	if err := g.assign(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := g.settle(t.Context(), Options{Passes: 9, Progress: func(Progress) {}}, 1); err != nil {
		t.Fatal(err)
	}
	if want := []int{0, 0, 0, 1}; !slices.Equal(g.label, want) {
		t.Errorf("labels %v, want %v", g.label, want)
	}
}

func TestFewerRowsThanCentres(t *testing.T) {
	same := [][]float32{{2, 0}, {0, 1}, {4, 0}, {0, 3}, {1, 0}}
	for name, x := range map[string]Rows{"dense": dense(t, same), "sparse": sparse(t, same)} {
		r := run(t, x, Options{K: 4, Seed: 1})
		if r.K != 2 || !slices.Equal(r.Sizes, []int{3, 2}) || !slices.Equal(r.Labels, []int{0, 1, 0, 1, 0}) || r.Mean != 1 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := run(t, dense(t, same[:1]), Options{K: 9}); r.K != 1 || r.Silhouette != 0 || r.Mean != 1 {
		t.Errorf("one row: %+v", r)
	}
}

func TestFaults(t *testing.T) {
	x := NewDense(2)
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, v := range [][]float32{{1}, {1, 2, 3}, {0, 0}, {nan, 1}, {inf, 1}} {
		if err := x.Append(v); !errors.Is(err, ErrRow) {
			t.Errorf("row %v: %v", v, err)
		}
	}
	s := NewSparse(3)
	for _, bad := range []struct {
		columns []uint32
		values  []float32
	}{{[]uint32{3}, []float32{1}}, {[]uint32{1, 1}, []float32{1, 1}}, {[]uint32{2, 1}, []float32{1, 1}}, {[]uint32{1}, nil}, {nil, nil}, {[]uint32{1}, []float32{0}}, {[]uint32{1}, []float32{nan}}} {
		if err := s.Append(bad.columns, bad.values); !errors.Is(err, ErrRow) {
			t.Errorf("row %v: %v", bad, err)
		}
	}
	if x.Len() != 0 || s.Len() != 0 {
		t.Errorf("%d and %d refused rows were kept", x.Len(), s.Len())
	}
	if _, err := Run(t.Context(), x, Options{K: 2}); !errors.Is(err, ErrEmpty) {
		t.Errorf("no rows: %v", err)
	}
	rows, _ := towns(1, 50, 4, 3, 0.1)
	for _, o := range []Options{{}, {K: -1}, {K: 2, Starts: -1}, {K: 2, Passes: -1}, {K: 2, Tol: math.NaN()}} {
		if _, err := Run(t.Context(), dense(t, rows), o); !errors.Is(err, ErrOptions) {
			t.Errorf("options %+v: %v", o, err)
		}
	}
}

func TestCancellation(t *testing.T) {
	rows, _ := towns(1, 2000, 8, 5, 2)
	for _, batch := range []int{-1, 64} {
		ctx, cancel := context.WithCancel(t.Context())
		calls := 0
		_, err := Run(ctx, dense(t, rows), Options{K: 5, Batch: batch, Tol: -1, Progress: func(Progress) { calls++; cancel() }})
		if !errors.Is(err, context.Canceled) || calls != 1 {
			t.Errorf("batch %d: after %d reports: %v", batch, calls, err)
		}
	}
}

// What the figures are for groupings one can check by hand.
func TestAgreement(t *testing.T) {
	for _, c := range []struct {
		clusters, labels string
		want             Agreement
	}{
		{"aabb", "xxyy", Agreement{4, 1, 1, 1}},
		{"aabb", "yyxx", Agreement{4, 1, 1, 1}},
		{"aabb", "xyxy", Agreement{4, 0, -0.5, 0.5}},
		{"aaaa", "xxyy", Agreement{4, 0, 0, 0.5}},
		{"abcd", "xxyy", Agreement{4, 2. / 3, 0, 1}}, // H = 2 bit and 1 bit, in common 1 bit
		{"aaaa", "xxxx", Agreement{4, 1, 1, 1}},
		{"", "", Agreement{0, 1, 1, 1}},
	} {
		got := Agree(numbers(c.clusters), numbers(c.labels))
		if !alike(got, c.want) {
			t.Errorf("%s and %s: %+v, want %+v", c.clusters, c.labels, got, c.want)
		}
	}
}

func TestAgreementAgreesWithTheFormula(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 5))
		n := 5 + r.IntN(60)
		a, b := make([]int, n), make([]int, n)
		for i := range n {
			a[i] = r.IntN(4)
			b[i] = (a[i] + r.IntN(2)*r.IntN(5)) % 5
		}
		a[0], a[1], b[0], b[1] = 0, 1, 0, 1 // both divide the rows
		if got, want := Agree(a, b), agreeReference(a, b); !alike(got, want) {
			t.Errorf("seed %d: %+v, the formula says %+v", seed, got, want)
		}
	}
}

func alike(a, b Agreement) bool {
	near := func(x, y float64) bool { return math.Abs(x-y) < 1e-9 }
	return a.Rows == b.Rows && near(a.NMI, b.NMI) && near(a.ARI, b.ARI) && near(a.Purity, b.Purity)
}

func numbers(letters string) []int {
	list := make([]int, len(letters))
	for i, c := range letters {
		list[i] = int(c)
	}
	return list
}

// photographs are the CLIP vectors of the largest set beside the checkout.
func photographs(tb testing.TB) *Dense {
	tb.Helper()
	m, err := npy.ReadFile(filepath.Join("..", "..", "..", "shared", "data", "clip-b32", "news.f16.npy"))
	if errors.Is(err, fs.ErrNotExist) {
		tb.Skip("skipped: ../shared/data/clip-b32 is not beside the checkout")
	}
	if err != nil {
		tb.Fatal(err)
	}
	x := NewDense(m.Cols)
	for i := range m.Rows {
		if err := x.Append(m.Data[i*m.Cols : (i+1)*m.Cols]); err != nil {
			tb.Fatal(err)
		}
	}
	return x
}

// BenchmarkRun reports, beside the time of a start, how good its clusters are: a speed without it is half a number.
func BenchmarkRun(b *testing.B) {
	x := photographs(b)
	for _, batch := range []int{-1, 4096} {
		b.Run(fmt.Sprintf("rows=%d/dim=%d/k=50/batch=%d", x.Len(), x.Dim(), batch), func(b *testing.B) {
			var r *Result
			for b.Loop() {
				r = run(b, x, Options{K: 50, Starts: 1, Seed: 1, Batch: batch})
			}
			b.ReportMetric(r.Mean, "cosine")
			b.ReportMetric(float64(r.Passes), "passes")
		})
	}
}
