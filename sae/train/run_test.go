package train

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/saedb/saedb/internal/vec"
	"github.com/saedb/saedb/sae"
)

// trainAll runs cfg to its end and returns the model.
func trainAll(t *testing.T, cfg Config, opts ...Option) *sae.Model {
	t.Helper()
	data, _, b := begin(t, cfg)
	m, err := Run(context.Background(), cfg, data, b, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// into returns a Checkpoint target that keeps the last checkpoint in buf.
func into(buf *bytes.Buffer) func(func(io.Writer) error) error {
	return func(write func(io.Writer) error) error {
		buf.Reset()
		return write(buf)
	}
}

func TestRunLearns(t *testing.T) {
	cfg := small()
	cfg.Epochs = 20
	var steps []Step
	m := trainAll(t, cfg, OnStep(func(s Step) error { steps = append(steps, s); return nil }))
	data, init, _ := begin(t, cfg)
	before, after := Measure(init, data, 2), Measure(m, data, 2)
	if after.FVU > before.FVU/3 {
		t.Errorf("seed %d: FVU was %v, it is %v after %d epochs", cfg.Seed, before.FVU, after.FVU, cfg.Epochs)
	}
	last := steps[len(steps)-1]
	if len(steps) != cfg.Steps(300) || last.Step != last.Steps || last.Epoch != cfg.Epochs {
		t.Errorf("%d steps, the last is %+v; %d expected", len(steps), last, cfg.Steps(300))
	}
	if m.Info.Steps != 160 || m.Info.Rows != 300 || m.Info.Seed != cfg.Seed {
		t.Errorf("the model says of itself %+v", m.Info)
	}
}

func TestRunContinuesWhereItWasStopped(t *testing.T) {
	all := variants()
	revived := small()
	revived.Revive = 0.5
	all["revived"] = revived
	for name, cfg := range all {
		want := trainAll(t, cfg).Digest()
		for _, stop := range []int{1, 8, 23} { // in the middle and at the ends of epochs
			if stop >= cfg.Steps(300) {
				continue
			}
			var saved bytes.Buffer
			ctx, cancel := context.WithCancel(context.Background())
			data, _, b := begin(t, cfg)
			_, err := Run(ctx, cfg, data, b, Checkpoint(0, into(&saved)), OnStep(func(s Step) error {
				if s.Step == stop {
					cancel()
				}
				return nil
			}))
			if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "stopped after step") {
				t.Fatalf("stopped run says %v", err)
			}
			other := cfg
			other.Threads = 3 // threads may change in between
			if got := trainAll(t, other, ResumeFrom(&saved)).Digest(); got != want {
				t.Errorf("seed %d, %s: stopped after step %d and continued, the model is another one", cfg.Seed, name, stop)
			}
		}
	}
}

func TestRunKeepsTheLastGoodCheckpointWhenTheLossIsLost(t *testing.T) {
	cfg := small()
	data, _, b := begin(t, cfg)
	data.X = slices.Clone(data.X)
	data.X[40*order(cfg.Seed, 1, 300)[0]] = float32(math.NaN()) // in the first batch of the second epoch
	last := 0
	var saved bytes.Buffer
	_, err := Run(context.Background(), cfg, data, b, OnStep(func(s Step) error { last = s.Step; return nil }), Checkpoint(1, into(&saved)))
	if !errors.Is(err, ErrLoss) || !strings.Contains(err.Error(), fmt.Sprintf("row %d of the data", order(cfg.Seed, 1, 300)[0])) {
		t.Fatalf("the run says %v, want ErrLoss and the row", err)
	}
	p, _, err := parseCheckpoint(saved.Bytes())
	if err != nil || p.Step != last {
		t.Errorf("the checkpoint is of step %d (%v), the last good step was %d", p.Step, err, last)
	}
}

func TestResumeRefusesWhatDoesNotBelong(t *testing.T) {
	cfg := small()
	var saved bytes.Buffer
	trainAll(t, cfg, Checkpoint(5, into(&saved)))
	file := saved.Bytes()
	flip := func(at int) []byte { c := slices.Clone(file); c[at] ^= 1; return c }
	lr := cfg
	lr.LR *= 2
	for _, c := range []struct {
		name, says string
		cfg        Config
		file       []byte
	}{
		{"another configuration", "its configuration is", lr, file},
		{"a damaged byte", "checksum", cfg, flip(len(file) / 2)},
		{"cut short", "checksum", cfg, file[:len(file)-1]},
		{"empty", "does not begin with", cfg, nil},
		{"a later version", "version", cfg, flip(8)},
	} {
		data, _, b := begin(t, c.cfg)
		_, err := Run(context.Background(), c.cfg, data, b, ResumeFrom(bytes.NewReader(c.file)))
		if !errors.Is(err, ErrCheckpoint) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want ErrCheckpoint with %q", c.name, err, c.says)
		}
	}
	data, _, b := begin(t, cfg)
	data.X = slices.Clone(data.X)
	data.X[0]++
	if _, err := Run(context.Background(), cfg, data, b, ResumeFrom(bytes.NewReader(file))); !errors.Is(err, ErrCheckpoint) {
		t.Errorf("other rows: %v, want ErrCheckpoint", err)
	}
}

func TestPresetsAreValid(t *testing.T) {
	for _, name := range []string{"default", "seed", "demo"} {
		cfg, err := Preset(name)
		if err != nil || cfg.Validate() != nil || cfg.Preset != name {
			t.Errorf("preset %s: %+v, %v, %v", name, cfg, err, cfg.Validate())
		}
	}
	if _, err := Preset("best"); err == nil || !strings.Contains(err.Error(), "default, seed and demo") {
		t.Errorf("an unknown preset gave %v", err)
	}
}

func TestConfigNamesEveryFault(t *testing.T) {
	cfg := small()
	cfg.K, cfg.Batch, cfg.Standardise = 1000, 0, true
	want := `train: k is 1000, it must be from 1 to the number of latents, 150
train: batch is 0, it must be above zero
train: either standardise or an input norm above zero is needed, and not both`
	if err := cfg.Validate(); err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestSplitKeepsGroupsTogether(t *testing.T) {
	trained, held := SplitBy(1000, 0.2, 5, func(row int) int { return row / 10 })
	if len(held) != 200 || len(trained) != 800 {
		t.Fatalf("%d rows trained on, %d held out of 1000 at 0.2", len(trained), len(held))
	}
	if !slices.IsSorted(held) || !slices.IsSorted(trained) {
		t.Error("the lists do not ascend")
	}
	of := map[int]int{}
	for _, row := range held {
		of[row/10]++
	}
	for g, n := range of {
		if n != 10 {
			t.Errorf("group %d is torn: %d of 10 rows are held out", g, n)
		}
	}
	again, _ := SplitBy(1000, 0.2, 5, func(row int) int { return row / 10 })
	other, _ := SplitBy(1000, 0.2, 6, func(row int) int { return row / 10 })
	if !slices.Equal(again, trained) || slices.Equal(other, trained) {
		t.Error("a seed gives one split, and another seed another")
	}
	if all, none := Split(10, 0, 1); len(all) != 10 || len(none) != 0 {
		t.Errorf("holdout 0 gave %v and %v", all, none)
	}
}

func TestInitFitsAFreeDecoder(t *testing.T) {
	cfg := small()
	cfg.Standardise, cfg.UnitDecoder, cfg.InputNorm = false, false, 10
	data, init, _ := begin(t, cfg)
	fitted := Measure(init, data, 1).FVUBatch
	for _, factor := range []float32{0.5, 0.9, 1.1, 2} {
		other := init.Clone()
		vec.Scale(other.Wdec, factor)
		if fvu := Measure(other, data, 1).FVUBatch; fvu <= fitted {
			t.Errorf("a decoder %v times as long has FVU %v, the fitted one %v", factor, fvu, fitted)
		}
	}
}

func TestInitRefusesDataThatTeachNothing(t *testing.T) {
	cfg := small()
	if _, err := Init(cfg, Rows{D: 4}); err == nil {
		t.Error("no rows were accepted")
	}
	cfg.Standardise, cfg.InputNorm = true, 0
	if _, err := Init(cfg, Rows{D: 2, X: []float32{1, 2, 1, 2}}); err == nil {
		t.Error("equal rows were accepted")
	}
	if _, err := Init(cfg, Rows{D: 2, X: []float32{1, float32(math.NaN()), 1, 2}}); err == nil {
		t.Error("NaN was accepted")
	}
}

// TestRunStopsWhenWatchedRowsAreNoLongerBetter: with a rate that ruins the model in the end, the best model comes back, and a run
// that was stopped on the way ends the same.
func TestRunStopsWhenWatchedRowsAreNoLongerBetter(t *testing.T) {
	cfg := small()
	cfg.Epochs, cfg.Patience, cfg.Noise, cfg.Schedule = 60, 2, 3, "constant"
	held := clusters(cfg.Seed, 80, 40)
	var fvus []float64
	keep := OnStep(func(s Step) error {
		if s.Held != 0 {
			fvus = append(fvus, s.Held)
		}
		return nil
	})
	m := trainAll(t, cfg, Watch(held), keep)
	best := slices.Index(fvus, slices.Min(fvus))
	if len(fvus) >= cfg.Epochs || len(fvus) != best+1+cfg.Patience {
		t.Fatalf("seed %d: %d epochs, the best was %d: %v", cfg.Seed, len(fvus), best+1, fvus)
	}
	if got := Measure(m, held, 1).FVUBatch; got != fvus[best] {
		t.Errorf("seed %d: the model that came back has a FVU of %v, the best had %v", cfg.Seed, got, fvus[best])
	}
	perEpoch := cfg.stepsPerEpoch(300)
	if m.Info.Steps != (best+1)*perEpoch {
		t.Errorf("it says that it is of step %d, epoch %d ended with %d", m.Info.Steps, best+1, (best+1)*perEpoch)
	}
	for _, stop := range []int{3, best*perEpoch + 1, (best+1)*perEpoch + 1} { // the last with the best model in the checkpoint alone
		ctx, cancel := context.WithCancel(context.Background())
		var saved bytes.Buffer
		data, _, b := begin(t, cfg)
		_, err := Run(ctx, cfg, data, b, Watch(held), Checkpoint(0, into(&saved)), OnStep(func(s Step) error {
			if s.Step == stop {
				cancel()
			}
			return nil
		}))
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if got := trainAll(t, cfg, Watch(held), ResumeFrom(&saved)); got.Digest() != m.Digest() || got.Info.Steps != m.Info.Steps {
			t.Errorf("seed %d: stopped after step %d and continued, the model is another one", cfg.Seed, stop)
		}
	}
	data, _, b := begin(t, cfg)
	if _, err := Run(context.Background(), cfg, data, b); err == nil || !strings.Contains(err.Error(), "no rows to watch") {
		t.Errorf("patience without rows: %v", err)
	}
}

func TestSchedules(t *testing.T) {
	for _, c := range []struct {
		schedule string
		warmup   float64
		step     int
		want     float64
	}{
		{"", 0, 0, 1}, {"", 0, 50, 0.5}, {"cosine", 0, 50, 0.5}, {"cosine", 0.1, 0, 1. / 11}, {"cosine", 0.1, 9, 10. / 11}, {"cosine", 0.1, 10, 1},
		{"constant", 0, 99, 1}, {"linear", 0, 79, 1}, {"linear", 0, 90, 0.5}, {"linear", 0.5, 95, 0.5},
	} {
		cfg := Config{LR: 2, Schedule: c.schedule, Warmup: c.warmup}
		if got := cfg.rate(c.step, 100) / 2; math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%q with warm-up %g: step %d has %g of the rate, want %g", c.schedule, c.warmup, c.step, got, c.want)
		}
	}
	cfg := Config{K: 10, KStart: 30, Latents: 100}
	for step, want := range map[int]int{0: 30, 25: 20, 49: 11, 50: 10, 99: 10} {
		if got := cfg.active(step, 100); got != want {
			t.Errorf("step %d has %d active latents, want %d", step, got, want)
		}
	}
}

// TestWhereTheBiasBegins: the geometric median leaves far rows aside, and no point near it is nearer to all rows.
func TestWhereTheBiasBegins(t *testing.T) {
	cfg := small()
	data := clusters(cfg.Seed, 300, 40)
	for i := range 20 * 40 {
		data.X[i] += 30 // a few rows far from all others
	}
	at := func(bias string, standardise bool) *sae.Model {
		cfg.Bias, cfg.Standardise, cfg.InputNorm = bias, standardise, 5
		if standardise {
			cfg.InputNorm = 0
		}
		m, err := Init(cfg, data)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, standardise := range []bool{false, true} {
		mean, median, zero := at("mean", standardise), at("median", standardise), at("zero", standardise)
		if vec.Norm(zero.Bdec) != 0 || standardise && vec.Norm(mean.Bdec) != 0 {
			t.Errorf("standardised %v: b_dec is not zero", standardise)
		}
		distances := func(y []float32) (sum float64) {
			for i := range data.Len() {
				x := median.Standardise(nil, data.Row(i))
				vec.Axpy(x, -1, y)
				sum += vec.Norm(x)
			}
			return sum
		}
		least := distances(median.Bdec)
		if least >= distances(mean.Bdec)*0.99 {
			t.Errorf("standardised %v: the median is as far from all as the mean, %g", standardise, least)
		}
		for j := range 40 {
			for _, by := range []float32{-0.01, 0.01} {
				y := slices.Clone(median.Bdec)
				y[j] += by
				if got := distances(y); got < least-1e-3 {
					t.Errorf("standardised %v: %g nearer along axis %d", standardise, least-got, j)
				}
			}
		}
	}
}
