package train

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/saedb/saedb/internal/vec"
	"github.com/saedb/saedb/sae"
)

// small is a configuration for tests: every part of the step takes place.
func small() Config {
	return Config{
		Latents: 150, K: 7, Batch: 37, Epochs: 3, LR: 1e-2, WeightDecay: 0.01, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8,
		Seed: 3, InputNorm: 5, Threads: 1,
	}
}

// begin returns data, the untrained model and a backend.
func begin(t *testing.T, cfg Config) (Rows, *sae.Model, Backend) {
	t.Helper()
	data := clusters(cfg.Seed, 300, 40)
	m, err := Init(cfg, data)
	if err != nil {
		t.Fatal(err)
	}
	b, err := CPU(cfg, m)
	if err != nil {
		t.Fatal(err)
	}
	return data, m, b
}

// modelOf is the model of a backend.
func modelOf(t *testing.T, b Backend) *sae.Model {
	t.Helper()
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// variants are configurations that together have every part of the step take place.
func variants() map[string]Config {
	unit := small()
	unit.UnitDecoder, unit.Standardise, unit.InputNorm = true, true, 0
	noisy := unit
	noisy.Noise, noisy.EncoderDecay = 0.5, 1
	nested := noisy
	nested.Levels = []int{2, 7, 20, 50}
	reverse := small()
	reverse.Levels, reverse.LevelWeights = []int{7, 11}, "reverse"
	batch := noisy
	batch.Variant, batch.K = batchTopK, 5
	falling := unit
	falling.KStart, falling.Batch = 40, 20
	prefixes := noisy
	prefixes.Prefixes = []int{10, 30, 70, 150}
	both := batch
	both.Prefixes = []int{50, 150}
	lasso := unit
	lasso.Variant, lasso.L1 = relu, 0.02
	silent := unit
	silent.AuxK, silent.AuxWeight, silent.K, silent.Batch = 20, 0.5, 2, 100
	clipped := nested
	clipped.Clip = 0.01
	apart := unit
	apart.CosinePenalty = 5
	return map[string]Config{
		"plain": small(), "unit decoder": unit, "noise and decay": noisy, "nested": nested, "nested, reverse": reverse,
		"batchtopk": batch, "falling k": falling, "prefixes": prefixes, "batchtopk with prefixes": both, "relu": lasso,
		"silent latents": silent, "clipped": clipped, "apart": apart,
	}
}

func TestStepAgreesWithItsTwin(t *testing.T) {
	for name, cfg := range variants() {
		t.Run(name, func(t *testing.T) {
			data, m, b := begin(t, cfg)
			ref := newReference(cfg, m)
			for s := range 8 {
				x := m.Standardise(nil, data.X[s*37*40:(s+1)*37*40])
				res, err := b.Step(x, cfg.LR)
				if err != nil {
					t.Fatal(err)
				}
				if want := ref.step(widen(x), cfg.LR); math.Abs(res.Loss-want) > 1e-5*want {
					t.Fatalf("seed %d, step %d: loss %v, its twin says %v", cfg.Seed, s, res.Loss, want)
				}
			}
			got := modelOf(t, b)
			if want := ref.threshold; cfg.Variant == batchTopK && (want == 0 || math.Abs(float64(got.Threshold)-want) > 1e-5) {
				t.Errorf("seed %d: the threshold is %v, its twin says %v", cfg.Seed, got.Threshold, want)
			}
			for i, p := range [4][]float32{got.Wenc, got.Wdec, got.Benc, got.Bdec} {
				for j, v := range p {
					if want := ref.params()[i][j]; math.Abs(float64(v)-want) > 2e-4 {
						t.Fatalf("seed %d: parameter %d[%d] is %v, its twin says %v", cfg.Seed, i, j, v, want)
					}
				}
			}
		})
	}
}

func TestGradientsAreThoseOfFiniteDifferences(t *testing.T) {
	cfg := small()
	cfg.Latents, cfg.K = 12, 4
	data := clusters(cfg.Seed, 9, 8)
	m, err := Init(cfg, data)
	if err != nil {
		t.Fatal(err)
	}
	ref := newReference(cfg, m)
	x := widen(m.Standardise(nil, data.X))
	_, grad := ref.loss(x)
	const h = 1e-7 // small enough that no latent enters or leaves a top k
	for i, p := range ref.params() {
		for j := range p {
			was := p[j]
			p[j] = was + h
			up, _ := ref.loss(x)
			p[j] = was - h
			down, _ := ref.loss(x)
			p[j] = was
			if want := (up - down) / (2 * h); math.Abs(grad[i][j]-want) > 1e-6*(1+math.Abs(want)) {
				t.Errorf("seed %d: gradient of parameter %d[%d] is %v, the difference quotient %v", cfg.Seed, i, j, grad[i][j], want)
			}
		}
	}
}

func TestStepDoesNotDependOnThreads(t *testing.T) {
	for name, cfg := range variants() {
		cfg.Revive = 0.5
		var want [32]byte
		for threads := 1; threads <= 4; threads++ {
			cfg.Threads = threads
			data, m, b := begin(t, cfg)
			for s := range 6 {
				if _, err := b.Step(m.Standardise(nil, data.X[s*37*40:(s+1)*37*40]), cfg.LR); err != nil {
					t.Fatal(err)
				}
			}
			got := modelOf(t, b).Digest()
			if threads == 1 {
				want = got
			}
			if got != want {
				t.Errorf("%s, seed %d: %d threads give another model than one", name, cfg.Seed, threads)
			}
		}
	}
}

// TestStepOfAnyShapeAgreesWithItsTwin: sizes that are multiples of nothing, k of one and of all, a single latent, a single row.
func TestStepOfAnyShapeAgreesWithItsTwin(t *testing.T) {
	for _, s := range []struct{ d, m, k, n int }{
		{33, 100, 6, 13}, {40, 57, 1, 29}, {40, 30, 30, 11}, {7, 1, 1, 5}, {3, 9, 3, 17}, {40, 150, 7, 1}, {5, 300, 4, 70}, {16, 131, 20, 130},
	} {
		cfg := small()
		cfg.Latents, cfg.K, cfg.Batch = s.m, s.k, s.n
		data := clusters(cfg.Seed, 4*s.n, s.d)
		m, err := Init(cfg, data)
		if err != nil {
			t.Fatal(err)
		}
		for threads := 1; threads <= 3; threads++ {
			cfg.Threads = threads
			b, err := CPU(cfg, m)
			if err != nil {
				t.Fatal(err)
			}
			ref := newReference(cfg, m)
			at := 1 // rows that begin anywhere in memory
			x := append(make([]float32, at), m.Standardise(nil, data.X)...)
			for step := range 4 {
				batch := x[at+step*s.n*s.d:][:s.n*s.d]
				res, err := b.Step(batch, cfg.LR)
				if err != nil {
					t.Fatal(err)
				}
				if want := ref.step(widen(batch), cfg.LR); math.Abs(res.Loss-want) > 1e-4*want+1e-5 {
					t.Fatalf("seed %d, %+v, %d threads, step %d: loss %v, its twin says %v", cfg.Seed, s, threads, step, res.Loss, want)
				}
			}
		}
	}
}

// TestScreenedStepsHaveTheSameBits: with a screen and without, alone or with others, over new starts and a resume, also where rows miss it.
func TestScreenedStepsHaveTheSameBits(t *testing.T) {
	if !vec.Screens() {
		t.Skip("no kernels for a screen on this path")
	}
	for name, cfg := range variants() {
		cfg.Latents, cfg.K, cfg.Batch, cfg.Revive, cfg.Prefixes = 700, min(cfg.K, 16), 140, 0.3, nil
		if len(cfg.Levels) > 0 {
			cfg.Levels, cfg.K = []int{5, 20}, 5
		}
		if cfg.KStart > 0 {
			cfg.KStart = 40 // too many for a screen at first
		}
		data := clusters(cfg.Seed, 4*140, 40)
		for i := range 40 { // a row of zeros has too many candidates
			data.X[3*40+i] = 0
		}
		m, err := Init(cfg, data)
		if err != nil {
			t.Fatal(err)
		}
		run := func(threads int, screens bool) (digest [32]byte, screened int) {
			cfg.Threads = threads
			backend, err := CPU(cfg, m)
			if err != nil {
				t.Fatal(err)
			}
			b := backend.(*cpu)
			for s := range 12 {
				b.screen.useless = b.screen.useless || !screens
				if s == 6 {
					state, err := b.State()
					if err == nil {
						err = b.Restore(state)
					}
					if err != nil {
						t.Fatal(err)
					}
					b.screen.useless = !screens
				}
				x := m.Standardise(nil, data.X[s%4*140*40:(s%4+1)*140*40])
				if _, err := b.Step(x, cfg.LR); err != nil {
					t.Fatal(err)
				}
				if b.screen.current {
					screened++
				}
			}
			return modelOf(t, b).Digest(), screened
		}
		want, none := run(1, false)
		for threads := 1; threads <= 3; threads++ {
			got, screened := run(threads, true)
			if got != want {
				t.Errorf("%s, seed %d: %d threads with a screen give another model", name, cfg.Seed, threads)
			}
			if few := cfg.Variant == ""; few && cfg.AuxK == 0 && screened < 6 || none > 0 {
				t.Errorf("%s: %d of 12 steps were screened, %d of those that were not to be", name, screened, none)
			}
		}
	}
}

func TestStepRefusesALossThatIsNoNumber(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for name, cfg := range variants() {
			data, m, b := begin(t, cfg)
			good := m.Standardise(nil, data.X[:40*37])
			if _, err := b.Step(good, cfg.LR); err != nil {
				t.Fatal(err)
			}
			before := modelOf(t, b).Digest()
			x := slices.Clone(good)
			x[29*40+17] = float32(bad)
			_, err := b.Step(x, cfg.LR)
			var row *RowError
			if !errors.Is(err, ErrLoss) || !errors.As(err, &row) || row.Row != 29 || row.Column != 17 {
				t.Errorf("%s: a batch with %v in row 29 gave the error %v, want ErrLoss and that row", name, bad, err)
			}
			if modelOf(t, b).Digest() != before {
				t.Errorf("%s: the refused step moved the weights", name)
			}
			// Nothing of the refused batch is left behind.
			_, _, other := begin(t, cfg)
			for _, t := range []Backend{other, b} {
				if _, err = t.Step(good, cfg.LR); err != nil {
					break
				}
			}
			if _, e := other.Step(good, cfg.LR); err != nil || e != nil || modelOf(t, other).Digest() != modelOf(t, b).Digest() {
				t.Errorf("%s: after the refused step others come out different (%v)", name, err)
			}
		}
	}
	cfg := small()
	_, _, b := begin(t, cfg)
	for _, n := range []int{0, 39, 41} {
		if _, err := b.Step(make([]float32, n), cfg.LR); err == nil {
			t.Errorf("a batch of %d numbers, which are not whole rows of 40, was accepted", n)
		}
	}
}

func TestListsTurnCodesAround(t *testing.T) {
	const seed, latents, runs = 6, 3*latentRun - 50, 3
	r := rand.New(rand.NewPCG(seed, 0))
	codes := make([]ladder, 9)
	places := newCuts(len(codes), runs)
	type entry struct {
		row int32
		act float32
	}
	want := make([][]entry, latents)
	for i := range codes {
		for l := range uint32(latents) {
			if r.IntN(3) == 0 {
				a := r.Float32() + 0.1
				codes[i].Latents, codes[i].Acts, codes[i].level = append(codes[i].Latents, l), append(codes[i].Acts, a), append(codes[i].level, 1)
				want[l] = append(want[l], entry{int32(i), a})
			}
		}
		places.cut(i, len(codes), codes[i].Latents)
	}
	var s lists
	for run := range 2 * runs { // all but the first in used space
		lo := run % runs * latentRun
		hi := min(lo+latentRun, latents)
		s.build(codes, places, lo, hi, 3)
		for l := lo; l < hi; l++ {
			var got []entry
			at, to := s.of(l - lo)
			for ; at < to; at++ {
				if s.heard[at] != 3*s.rows[at]+1 {
					t.Errorf("seed %d: row %d of latent %d hears %d", seed, s.rows[at], l, s.heard[at])
				}
				got = append(got, entry{int32(s.rows[at]), s.acts[at]})
			}
			if !slices.Equal(got, want[l]) {
				t.Errorf("seed %d: latent %d fired in %v, want %v", seed, l, got, want[l])
			}
		}
	}
}

func TestReviveGivesDeadLatentsADirection(t *testing.T) {
	cfg := small()
	cfg.Latents, cfg.K, cfg.Revive, cfg.Epochs, cfg.UnitDecoder = 400, 2, 0.5, 40, true
	data, m, b := begin(t, cfg)
	dead := func(m *sae.Model) int { return Measure(m, data, 1).Dead }
	x := m.Standardise(nil, data.X)
	revived := 0
	for s := range 160 {
		at := s % 8 * 37 * 40
		res, err := b.Step(x[at:at+37*40], 1e-3)
		if err != nil {
			t.Fatal(err)
		}
		revived += res.Revived
	}
	if revived == 0 {
		t.Fatalf("seed %d: nothing was revived", cfg.Seed)
	}
	if before, after := dead(m), dead(modelOf(t, b)); after >= before {
		t.Errorf("seed %d: %d latents dead at first, %d after reviving %d", cfg.Seed, before, after, revived)
	}
}
