//go:build linux && (amd64 || arm64) && !nogpu

package cuda

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"testing"

	"github.com/saedb/saedb/internal/cudadrv/fake"
	"github.com/saedb/saedb/internal/safetensors"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/train"
)

// half trains the first steps of a run on a backend, or the rest of one from its checkpoint. Without a checkpoint's end it returns the model. It closes the backend.
func half(t *testing.T, cfg train.Config, b train.Backend, from io.Reader, until int) (*sae.Model, *bytes.Buffer, []float64) {
	t.Helper()
	defer func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}()
	var kept bytes.Buffer
	var losses []float64
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	options := []train.Option{
		train.Checkpoint(1, func(write func(io.Writer) error) error { kept.Reset(); return write(&kept) }),
		train.OnStep(func(s train.Step) error {
			losses = append(losses, s.Loss)
			if s.Step == until {
				stop()
			}
			return nil
		}),
	}
	if from != nil {
		options = append(options, train.ResumeFrom(from))
	}
	m, err := train.Run(ctx, cfg, clusters(cfg.Seed, 300, 40), b, options...)
	if until == 0 && err != nil || until > 0 && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return m, &kept, losses
}

// TestRunChangesBackends begins a run on one backend and ends it on the other, both ways.
func TestRunChangesBackends(t *testing.T) {
	for name, ways := range map[string][][2]string{
		"revived":              {{"cpu", "cuda"}, {"cuda", "cpu"}, {"cuda", "cuda"}, {"cpu", "cuda, streaming"}, {"cuda, streaming", "cpu"}},
		"of the batch, silent": {{"cpu", "cuda"}, {"cuda", "cpu"}},
	} {
		cfg := variants()[name]
		cfg.Epochs = 1 + cfg.Batch/32 // at least nine steps
		t.Run(name, func(t *testing.T) { changeBackends(t, cfg, ways) })
	}
}

func changeBackends(t *testing.T, cfg train.Config, ways [][2]string) {
	f, o := pretend(t)
	makers := map[string]func(*sae.Model) (train.Backend, error){
		"cpu":  func(m *sae.Model) (train.Backend, error) { return train.CPU(cfg, m) },
		"cuda": func(m *sae.Model) (train.Backend, error) { return New(cfg, m, o) },
		"cuda, streaming": func(m *sae.Model) (train.Backend, error) {
			f.Be(cramped(t, cfg, 300, 40, 2))
			defer f.Be(fake.Usual)
			return New(cfg, m, o)
		},
	}
	begun := func(name string) train.Backend {
		m, err := train.Init(cfg, clusters(cfg.Seed, 300, 40))
		if err != nil {
			t.Fatal(err)
		}
		b, err := makers[name](m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	want, _, all := half(t, cfg, begun("cpu"), nil, 0)
	for _, way := range ways {
		_, kept, first := half(t, cfg, begun(way[0]), nil, 5)
		got, _, rest := half(t, cfg, begun(way[1]), bytes.NewReader(kept.Bytes()), 0)
		losses := append(first, rest...)
		if got.K != want.K || math.Abs(float64(got.Threshold-want.Threshold)) > 1e-4*float64(want.Threshold) || want.Threshold == 0 && cfg.Variant != "" {
			t.Errorf("%v: the model has k %d and threshold %v, of a run on the CPU %d and %v", way, got.K, got.Threshold, want.K, want.Threshold)
		}
		if len(losses) != len(all) || got.Info.Steps != want.Info.Steps {
			t.Fatalf("%v: %d steps, the model says %d; it should be %d", way, len(losses), got.Info.Steps, len(all))
		}
		for i, l := range all {
			if math.Abs(losses[i]-l) > 1e-4*l {
				t.Errorf("%v: the loss of step %d is %v, of a run on the CPU %v", way, i+1, losses[i], l)
			}
		}
	}
}

func TestRestoreRefusesWhatIsMissing(t *testing.T) {
	_, o := pretend(t)
	_, _, b := begin(t, small(), o)
	before := digest(t, b)
	state, err := b.State()
	if err != nil {
		t.Fatal(err)
	}
	for name := range state.Tensors {
		less := &safetensors.File{Tensors: map[string]safetensors.Tensor{}}
		for other, v := range state.Tensors {
			if other != name {
				less.Tensors[other] = v
			}
		}
		if err := b.Restore(less); err == nil {
			t.Errorf("a state without %s is restored", name)
		}
	}
	if digest(t, b) != before {
		t.Error("a state that is refused changes the model")
	}
}

func TestSelfTest(t *testing.T) {
	_, o := pretend(t)
	if err := SelfTest(o); err != nil {
		t.Error(err)
	}
	if d, err := Probe(o); err != nil || d.String() != "Fake Device, 1.0 of 1.0 GiB free, compute capability 8.0, driver of CUDA 12.4" {
		t.Errorf("%v, %v", d, err)
	}
}
