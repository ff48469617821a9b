package measure

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/saedb/saedb/internal/vec"
	"github.com/saedb/saedb/sae"
)

// numbers returns n normal values.
func numbers(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// model returns a random one.
func model(r *rand.Rand, d, latents, k int) *sae.Model {
	return &sae.Model{
		D: d, M: latents, K: k, Scale: 0.7, Mean: numbers(r, d), Wenc: numbers(r, latents*d), Wdec: numbers(r, latents*d),
		Benc: numbers(r, latents), Bdec: numbers(r, d),
	}
}

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance*max(1, math.Abs(b)) }

func TestCKNNAAgreesWithTheDefinition(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		n, d, k := 4+r.IntN(80), 1+r.IntN(9), 1+r.IntN(12)
		m := model(r, d, 40, 1+r.IntN(8))
		x := numbers(r, n*d)
		codes := Codes(m, x, 2)
		wide := make([]float32, n*m.M)
		for i, c := range codes {
			for e, l := range c.Latents {
				wide[i*m.M+int(l)] = c.Acts[e]
			}
		}
		recon := Decoded(m, codes, 2)
		byCode, byRecon, err := CodeCKNNA(context.Background(), x, d, codes, m.M, recon, k, 2)
		if err != nil {
			t.Fatal(err)
		}
		if want := cknnaReference(x, wide, d, m.M, k); !near(byCode, want, 1e-6) {
			t.Errorf("seed %d: of codes %v, want %v", seed, byCode, want)
		}
		if want := cknnaReference(x, recon, d, d, k); !near(byRecon, want, 1e-6) {
			t.Errorf("seed %d: of reconstructions %v, want %v", seed, byRecon, want)
		}
	}
}

func TestCKNNAKnowsTheSameFromAnother(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const n, d = 400, 16
	x := numbers(r, n*d)
	cknna := func(y []float32) float64 {
		v, err := CKNNA(context.Background(), x, y, d, d, Neighbours, 2)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := cknna(x); !near(v, 1, 1e-4) {
		t.Errorf("rows against themselves: %v", v)
	}
	if v := cknna(numbers(r, n*d)); math.Abs(v) > 0.1 {
		t.Errorf("rows against others: %v", v)
	}
	few, err := CKNNA(context.Background(), x[:3*d], x[:3*d], d, d, Neighbours, 1)
	if err != nil || few == few {
		t.Errorf("three rows have %v (%v)", few, err)
	}
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := CKNNA(stopped, x, x, d, d, Neighbours, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestBatchesCoverAllRows(t *testing.T) {
	for _, n := range []int{4, CKNNARows, CKNNARows + 1, 25_000} {
		next, longest := 0, 0
		share, err := inBatches(n, func(lo, hi int) (float64, error) {
			if lo != next {
				t.Errorf("%d rows: a batch begins at %d, not at %d", n, lo, next)
			}
			next, longest = hi, max(longest, hi-lo)
			return 1, nil
		})
		if err != nil || next != n || longest > CKNNARows || !near(share, 1, 1e-12) {
			t.Errorf("%d rows: ended at %d, longest %d, share %v (%v)", n, next, longest, share, err)
		}
	}
}

func TestGeometryAgreesPairByPair(t *testing.T) {
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 3))
		m := model(r, 2+r.IntN(20), 2+r.IntN(150), 1)
		clear(m.Wdec[:m.D]) // a row of zeros has no direction
		got, want := MeasureGeometry(m, 3), geometryReference(m)
		agrees(t, fmt.Sprintf("seed %d:", seed), got, want)
	}
}

func TestDensityBins(t *testing.T) {
	for _, c := range []struct {
		fired []int
		rows  int
		want  string
	}{
		{[]int{0, 1, 50, 100}, 100, "silent 1, always 2, median 0.5, [1 0 0 2] from -2"},
		{[]int{1, 10, 100, 1000, 999}, 1000, "silent 0, always 2, median 0.1, [1 0 1 0 1 2] from -3"},
		{[]int{3, 9}, 99, "silent 0, always 0, median 0.06060606060606061, [1 1 0 0] from -2"},
		{[]int{1}, 1, "silent 0, always 1, median 1, [1] from -0.5"},
		{[]int{0, 0}, 10, "silent 2, always 0, median 0, [0 0] from -1"},
	} {
		d := densityOf(c.fired, c.rows)
		var bins []int
		for _, b := range d.Bins {
			bins = append(bins, b.Latents)
		}
		if got := fmt.Sprintf("silent %d, always %d, median %v, %v from %v", d.Silent, d.Always, d.Median, bins, d.Bins[0].From); got != c.want {
			t.Errorf("%v of %d rows: %s, want %s", c.fired, c.rows, got, c.want)
		}
	}
	if d := densityOf([]int{0, 0}, 0); d.Silent != 2 || d.Bins != nil {
		t.Errorf("no rows give %+v", d)
	}
}

func TestSweepAgreesWithAModelForEachK(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 4))
		m := model(r, 5+r.IntN(20), 40+r.IntN(60), 3)
		x := numbers(r, (1+r.IntN(2000))*m.D)
		ks := Levels(m.M)
		got, err := Sweep(context.Background(), m, x, ks, 2)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range sweepReference(m, x, ks) {
			agrees(t, fmt.Sprintf("seed %d, k %d:", seed, want.K), got[i], want)
		}
	}
}

func TestLevels(t *testing.T) {
	for latents, want := range map[int]string{4096: "[8 16 32 64 128 256 512]", 100: "[8 16 32 64]", 8: "[8]", 5: "[5]"} {
		if got := fmt.Sprint(Levels(latents)); got != want {
			t.Errorf("%d latents: %s, want %s", latents, got, want)
		}
	}
}

func TestSymmetricEigen(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 5))
		n := 1 + r.IntN(30)
		a := make([]float64, n*n)
		for i := range n {
			for j := range i + 1 {
				if seed%4 == 0 && r.IntN(3) > 0 {
					continue // many zeros, so the matrix falls apart
				}
				a[i*n+j] = r.NormFloat64()
				a[j*n+i] = a[i*n+j]
			}
		}
		values, vectors := symmetricEigen(slices.Clone(a), n)
		for i := range n {
			v := vectors[i*n : (i+1)*n]
			if i > 0 && values[i] > values[i-1] {
				t.Errorf("seed %d: the values %v do not fall", seed, values)
			}
			for j := range n {
				along, product := 0.0, 0.0
				for l := range n {
					along += a[j*n+l] * v[l]
					product += vectors[j*n+l] * v[l]
				}
				if !near(along, values[i]*v[j], 1e-9) {
					t.Errorf("seed %d: (A·v)[%d] is %v, λ·v[%d] is %v", seed, j, along, j, values[i]*v[j])
				}
				if want := map[bool]float64{true: 1}[i == j]; !near(product, want, 1e-9) {
					t.Errorf("seed %d: vectors %d and %d have the product %v", seed, i, j, product)
				}
			}
		}
	}
}

func TestPCAWithAllComponentsLosesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 6))
	const d = 20
	x := numbers(r, 5000*d)
	var last float64 = 2
	points, err := NewPCA(x, d, 2).Sweep(context.Background(), x, []int{1, 5, 10, 20}, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range points {
		if p.FVUBatch >= last {
			t.Errorf("%d components lose %v, fewer lost %v", p.K, p.FVUBatch, last)
		}
		last = p.FVUBatch
	}
	if last > 1e-10 {
		t.Errorf("all components lose %v", last)
	}
}

func TestComponents(t *testing.T) {
	for _, c := range [][3]int{{32, 512, 64}, {256, 512, 512}, {512, 512, 512}} {
		if got := Components(c[0], c[1]); got != c[2] {
			t.Errorf("k %d of %d numbers: %d components, want %d", c[0], c[1], got, c[2])
		}
	}
}

// Rows in three tight groups: three centres lose almost nothing, one centre nearly all.
func TestCentres(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 7))
	const d = 12
	var x []float32
	for i := range 90 {
		row := numbers(r, d)
		vec.Scale(row, 0.01)
		row[i%3] += 2
		x = append(x, row...)
	}
	for k, check := range map[int]func(float64) bool{1: func(v float64) bool { return v > 0.9 }, 3: func(v float64) bool { return v < 0.01 }} {
		c, err := NewCentres(context.Background(), x, d, k, 1, 2)
		if err != nil {
			t.Fatal(err)
		}
		m, err := c.Measure(context.Background(), x, 2)
		if err != nil || !check(m.FVUBatch) || m.L0 != 1 || m.Dead != 0 || c.K() != k {
			t.Errorf("%d centres: %+v (%v)", k, m, err)
		}
	}
}

func TestUntrainedFitsOneNumber(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 8))
	const d = 24
	x := numbers(r, 3000*d)
	like := &sae.Model{D: d, M: 100, K: 10}
	m := Untrained(like, x, 1)
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	loss := func(by float32) float64 {
		other := m.Clone()
		vec.Scale(other.Wdec, by)
		meter := sae.NewMeter(m.M)
		meter.Measure(other, x, 2)
		return meter.Metrics().FVUBatch
	}
	if at, less, more := loss(1), loss(0.9), loss(1.1); at > less || at > more || at >= 1 {
		t.Errorf("it loses %v, with smaller rows %v, with larger %v", at, less, more)
	}
}

func TestAssignAgreesWithEveryChoice(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 9))
		rows := 1 + r.IntN(6)
		cols := rows + r.IntN(3)
		cost := numbers(r, rows*cols)
		if seed%3 == 0 {
			for i := range cost {
				cost[i] = float32(r.IntN(3)) // many ties
			}
		}
		got, err := assign(context.Background(), cost, rows, cols)
		if err != nil {
			t.Fatal(err)
		}
		if sum, want := costOf(t, cost, got, cols), assignReference(cost, rows, cols); !near(sum, want, 1e-9) {
			t.Errorf("seed %d: %v costs %v, the best %v", seed, got, sum, want)
		}
	}
}

// costOf adds up the chosen entries and makes sure that no column is taken twice.
func costOf(t *testing.T, cost []float32, columnOf []int, cols int) float64 {
	t.Helper()
	sum, taken := 0.0, map[int]bool{}
	for i, j := range columnOf {
		if j < 0 || j >= cols || taken[j] {
			t.Fatalf("not one column for each row: %v", columnOf)
		}
		taken[j] = true
		sum += float64(cost[i*cols+j])
	}
	return sum
}

// assignReference tries every choice and returns what the best costs.
func assignReference(cost []float32, rows, cols int) float64 {
	taken := make([]bool, cols)
	var from func(row int) float64
	from = func(row int) float64 {
		if row == rows {
			return 0
		}
		best := math.Inf(1)
		for j := range cols {
			if !taken[j] {
				taken[j] = true
				best = min(best, float64(cost[row*cols+j])+from(row+1))
				taken[j] = false
			}
		}
		return best
	}
	return from(0)
}

// Prices prove a choice best: no entry costs less than its row's and column's price together, the chosen ones cost exactly
// that, and columns without a partner are free.
func TestAssignProvesItsChoice(t *testing.T) {
	for seed, size := range [][2]int{{300, 300}, {200, 333}, {1, 50}} {
		r := rand.New(rand.NewPCG(uint64(seed), 10))
		rows, cols := size[0], size[1]
		ua, ub := unitRows(numbers(r, rows*16), 16), unitRows(numbers(r, cols*16), 16)
		cost := make([]float32, rows*cols)
		vec.Product(cost, ua, ub, 16)
		a := newAssignment(cost, rows, cols)
		if err := a.solve(context.Background()); err != nil {
			t.Fatal(err)
		}
		costOf(t, cost, a.columnOf, cols)
		for i, at := range a.columnOf {
			price := float64(cost[i*cols+at]) - a.price[at]
			for j := range cols {
				if slack := float64(cost[i*cols+j]) - a.price[j] - price; slack < -1e-9 {
					t.Fatalf("seed %d: row %d would be better off with column %d by %v", seed, i, j, -slack)
				}
			}
		}
		for j, price := range a.price {
			if price > 0 || a.rowOf[j] == free && price != 0 {
				t.Errorf("seed %d: column %d of row %d has the price %v", seed, j, a.rowOf[j], price)
			}
		}
	}
}

func TestMatchFindsAShuffledModel(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 11))
	a := model(r, 16, 80, 4)
	b := a.Clone()
	order := r.Perm(a.M)
	for l, to := range order {
		row := b.Wdec[to*a.D : (to+1)*a.D]
		copy(row, a.Wdec[l*a.D:(l+1)*a.D])
		vec.Scale(row, float32(1+l)) // the length of a row is of no account
	}
	g, partner, err := Match(context.Background(), a, b, 2)
	if err != nil || !near(g.Mean, 1, 1e-6) || g.Same != 1 && !near(g.Same, 1, 1e-9) || !slices.Equal(partner, order) {
		t.Errorf("%+v (%v), partners %v, want %v", g, err, partner, order)
	}
	if _, _, err := Match(context.Background(), a, model(r, 15, 80, 4), 1); err == nil {
		t.Error("models of different widths were compared")
	}
}

func TestFitRule(t *testing.T) {
	rows := func(n int, values ...float64) []float64 {
		var all []float64
		for i := range n {
			all = append(all, values[i%len(values)])
		}
		return all
	}
	for _, c := range []struct {
		name  string
		fvu   []float64
		known float64
		worse bool
	}{
		{"like those before", rows(500, 0.1, 0.12), 0.11, false},
		{"somewhat worse", rows(500, 0.14, 0.16), 0.11, false},
		{"clearly worse", rows(500, 0.2, 0.3), 0.11, true},
		{"too few to tell", rows(29, 0.2, 0.3), 0.11, false},
		{"worse on average by one row alone", append(rows(59, 0.1), 9), 0.11, false},
		{"twice as bad as next to nothing", rows(500, 0.006), 0.003, false},
		{"no rows", nil, 0.1, false},
	} {
		if f := judge(c.fvu, c.known); f.Worse != c.worse || f.Rows != len(c.fvu) {
			t.Errorf("%s: %+v", c.name, f)
		}
	}
}

func TestMeasureFitIsTheFVUOfMetrics(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 12))
	m := model(r, 10, 40, 4)
	x := numbers(r, 1500*m.D)
	meter := sae.NewMeter(m.M)
	meter.Measure(m, x, 1)
	want := meter.Metrics().FVU
	if f := MeasureFit(m, x, want, 2); !near(f.FVU, want, 1e-12) || f.Worse || f.Rows != 1500 || f.Error <= 0 {
		t.Errorf("%+v, want a mean of %v", f, want)
	}
}

func TestKnown(t *testing.T) {
	training, held := sae.Metrics{Rows: 9, FVU: 0.1}, sae.Metrics{Rows: 2, FVU: 0.2}
	for _, c := range []struct {
		info sae.Info
		want string
	}{{sae.Info{Training: training, Holdout: held}, "0.2 true"}, {sae.Info{Training: training}, "0.1 true"}, {sae.Info{}, "0 false"}} {
		fvu, ok := Known(c.info)
		if got := fmt.Sprint(fvu, ok); got != c.want {
			t.Errorf("%+v: %s, want %s", c.info, got, c.want)
		}
	}
}

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		n, limit int
		want     string
	}{{3, 10, "[0 1 2]"}, {10, 5, "[0 2 4 6 8]"}, {0, 5, "[]"}, {7, 3, "[0 2 4]"}} {
		if got := fmt.Sprint(Spread(c.n, c.limit)); got != c.want {
			t.Errorf("%d of %d: %s, want %s", c.limit, c.n, got, c.want)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 0))
	one, two := model(r, 512, 4096, 32), model(r, 512, 4096, 32)
	for b.Loop() {
		if _, _, err := Match(context.Background(), one, two, 2); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEigen(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 0))
	const d = 512
	x := numbers(r, 600*d)
	c := covariance(x, meanRow(x, d), d, 2)
	for b.Loop() {
		symmetricEigen(slices.Clone(c), d)
	}
}
