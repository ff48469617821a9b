//go:build linux && (amd64 || arm64) && !nogpu

package cuda

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/saedb/saedb/internal/cudadrv/fake"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/train"
)

// cramped is a device that holds, of the rows of a run, twice those of so many steps, and not all of them.
func cramped(t *testing.T, cfg train.Config, rows, d, steps int) fake.Device {
	t.Helper()
	n := cfg.BatchOf(rows)
	b := backend{cfg: cfg, shape: shapeOf(cfg, &sae.Model{M: cfg.Latents, D: d, K: cfg.MostActive()}, n, AutoPrecision.of(n))}
	v := fake.Usual
	for v.Memory = 1 << 10; b.feed.half < steps || v.Memory == 1<<10; v.Memory += 64 {
		if err := b.lay(int64(v.Memory), rows); err == nil && b.feed.resident {
			t.Fatalf("what holds the rows of %d steps twice holds all", steps)
		} else if err != nil {
			b.feed.half = 0
		} else if b.feed.half >= steps {
			break
		}
	}
	return v
}

// whole trains a whole run on rows that a device holds, and returns losses and model.
func whole(t *testing.T, cfg train.Config, data train.Rows, b train.Backend) ([]float64, *sae.Model) {
	t.Helper()
	var losses []float64
	m, err := train.Run(t.Context(), cfg, data, b, train.OnStep(func(s train.Step) error {
		losses = append(losses, s.Loss)
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	return losses, m
}

// TestRowsStreamOrStay trains on rows that are all on the device and on rows that stream, whatever is done late: to the bit the same, and in the order of the CPU.
func TestRowsStreamOrStay(t *testing.T) {
	f, o := pretend(t)
	cfg := variants()["revived"]
	cfg.Epochs, cfg.Batch, cfg.Latents = 3, 17, 70
	data := clusters(cfg.Seed, 130, 40)
	init, err := train.Init(cfg, data)
	if err != nil {
		t.Fatal(err)
	}
	begun := func(device fake.Device) *backend {
		f.Be(device)
		b, err := newBackend(cfg, init, o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close() })
		return b
	}
	stay := begun(fake.Usual)
	want, model := whole(t, cfg, data, stay)
	if !stay.feed.resident || len(want) != 21 {
		t.Fatalf("the rows do not stay, or there are %d steps", len(want))
	}
	if err := stay.Close(); err != nil {
		t.Fatal(err)
	}
	cpu, err := train.CPU(cfg, init)
	if err != nil {
		t.Fatal(err)
	}
	losses, _ := whole(t, cfg, data, cpu)
	for i, l := range losses {
		if max(l-want[i], want[i]-l) > 1e-4*l {
			t.Fatalf("step %d: the loss is %v, on the CPU %v", i+1, want[i], l)
		}
	}
	for _, c := range []struct {
		steps int // that half of the rows' place holds
		late  fake.Late
	}{{1, fake.Apart}, {3, fake.Apart}, {2, fake.Common}} {
		stream := begun(cramped(t, cfg, 130, 40, c.steps))
		f.Delay(c.late)
		losses, m := whole(t, cfg, data, stream)
		if stream.feed.resident {
			t.Fatal("the rows stay")
		}
		if !slices.Equal(losses, want) || m.Digest() != model.Digest() {
			t.Fatalf("%+v: the losses are %v, of rows that stay %v", c, losses, want)
		}
		if err := stream.Close(); err != nil {
			t.Fatal(err)
		}
		f.Delay(fake.None)
	}
}

// TestStepsAreThoseOfStep: steps on rows that the device has are those on batches that it is given, whatever their number at once.
func TestStepsAreThoseOfStep(t *testing.T) {
	_, o := pretend(t)
	cfg := variants()["noise and decay"]
	cfg.Batch = 11
	data, m, b := begin(t, cfg, o)
	if err := b.Begin(data); err != nil {
		t.Fatal(err)
	}
	var got []train.StepResult
	for _, n := range []int{1, 2, 17, 40} {
		some, err := b.Steps(n)
		if want := min(n, 27-len(got)); err != nil || len(some) != want {
			t.Fatalf("%d steps of %d, %v", len(some), want, err)
		}
		got = append(got, some...)
	}
	if len(b.graphs) != 2 || b.graphs[16] == nil {
		t.Errorf("there are %d recordings", len(b.graphs))
	}
	_, _, one := begin(t, cfg, o)
	for i, want := range got {
		var x []float32
		for _, row := range cfg.Order(0, 300)[i*11 : (i+1)*11] {
			x = m.Standardise(x, data.Row(row))
		}
		res, err := one.Step(x, cfg.RateAt(i, cfg.Steps(300)))
		if err != nil || res != want {
			t.Fatalf("step %d is %+v, %v; it was %+v", i, res, err, want)
		}
	}
	if digest(t, b) != digest(t, one) {
		t.Error("the models differ")
	}
	if _, err := one.Steps(1); err == nil || !strings.Contains(err.Error(), "has not begun") {
		t.Errorf("steps without rows: %v", err)
	}
}

// TestBadRowInTheMiddle ends a run of steps at the one whose loss is none, with the model as the one before left it, and names the row of the data.
func TestBadRowInTheMiddle(t *testing.T) {
	f, o := pretend(t)
	cfg := variants()["unit decoder"]
	cfg.Batch, cfg.Epochs = 20, 1
	data := clusters(1, 300, 40)
	init, err := train.Init(cfg, data)
	if err != nil {
		t.Fatal(err)
	}
	row := cfg.Order(0, 300)[7*20+13]
	bad := train.Rows{D: 40, X: slices.Clone(data.X)}
	bad.X[row*40+5] = float32(inf())
	good, err := newBackend(cfg, init, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := good.Begin(data); err != nil {
		t.Fatal(err)
	}
	if _, err := good.Steps(7); err != nil {
		t.Fatal(err)
	}
	want := digest(t, good)
	if err := good.Close(); err != nil {
		t.Fatal(err)
	}
	for _, device := range []fake.Device{fake.Usual, cramped(t, cfg, 300, 40, 5)} {
		f.Be(device)
		b, err := newBackend(cfg, init, o)
		if err != nil {
			t.Fatal(err)
		}
		steps := 0
		_, err = train.Run(t.Context(), cfg, bad, b, train.OnStep(func(train.Step) error { steps++; return nil }))
		if !errors.Is(err, train.ErrLoss) || !strings.Contains(err.Error(), fmt.Sprintf("it is row %d of the data", row)) || steps != 7 || b.steps != 7 {
			t.Errorf("after %d steps: %v", steps, err)
		}
		if digest(t, b) != want {
			t.Error("the model is not that of the step before")
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOtherRowsThanWereSaid takes a data set of another size than the model was made for.
func TestOtherRowsThanWereSaid(t *testing.T) {
	_, o := pretend(t)
	cfg := small()
	_, _, b := begin(t, cfg, o)
	other := clusters(5, 90, 40)
	if err := b.Begin(other); err != nil {
		t.Fatal(err)
	}
	if some, err := b.Steps(9); err != nil || len(some) != 2 { // an epoch of 90 rows
		t.Errorf("%d steps, %v", len(some), err)
	}
	if err := b.Begin(clusters(5, 90, 41)); err == nil {
		t.Error("rows of another width are taken")
	}
}

// TestRunIsStopped ends a run between two calls of Steps, and lets it end the same from the checkpoint, whichever way its rows come.
func TestRunIsStopped(t *testing.T) {
	f, o := pretend(t)
	cfg := variants()["noise and decay"]
	cfg.Epochs = 1
	data := clusters(cfg.Seed, 300, 40)
	init, err := train.Init(cfg, data)
	if err != nil {
		t.Fatal(err)
	}
	narrowly := cramped(t, cfg, 300, 40, 3)
	run := func(device fake.Device, from io.Reader, until int) ([]float64, *sae.Model, io.Reader) {
		f.Be(device)
		b, err := newBackend(cfg, init, o)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		m, kept, losses := half(t, cfg, b, from, until)
		return losses, m, kept
	}
	want, model, _ := run(fake.Usual, nil, 0)
	first, _, kept := run(narrowly, nil, 2)
	if len(first) >= len(want) {
		t.Fatalf("the run was over after %d steps", len(first))
	}
	for _, device := range []fake.Device{fake.Usual, narrowly} {
		text, err := io.ReadAll(kept)
		if err != nil {
			t.Fatal(err)
		}
		rest, m, _ := run(device, strings.NewReader(string(text)), 0)
		kept = strings.NewReader(string(text))
		if !slices.Equal(append(slices.Clone(first), rest...), want) || m.Digest() != model.Digest() {
			t.Errorf("after %d steps: the losses go on with %v, the run without an end had %v", len(first), rest, want)
		}
	}
}

// TestPatienceOnTheDevice watches rows after each epoch.
func TestPatienceOnTheDevice(t *testing.T) {
	_, o := pretend(t)
	cfg := small()
	cfg.Patience, cfg.LR, cfg.Epochs = 1, 1e-9, 5
	data, init, b := begin(t, cfg, o)
	held := 0
	m, err := train.Run(context.Background(), cfg, data, b, train.Watch(clusters(9, 40, 40)), train.OnStep(func(s train.Step) error {
		if s.Held > 0 {
			held++
		}
		return nil
	}))
	if err != nil || held < 2 || held > 5 || m.Info.Steps == 0 || m.D != init.D {
		t.Errorf("%d epochs were watched, %v", held, err)
	}
}
