//go:build linux && (amd64 || arm64) && !nogpu

package cuda

import (
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/saedb/saedb/internal/cudadrv/fake"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/train"
)

// fakeEnv names a fake driver that was built before: one with a mistake in its kernels.
const fakeEnv = "SAEDB_FAKE_CUDA"

// built is the fake driver with the kernels, made by the first test that needs it; folder goes when they are done.
var (
	folder string
	built  = sync.OnceValues(func() (*fake.Driver, error) {
		path := os.Getenv(fakeEnv)
		if path == "" {
			var err error
			if path, err = fake.Build(folder, os.DirFS("kernel")); err != nil {
				return nil, err
			}
		}
		return fake.Open(path)
	})
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if folder, err = os.MkdirTemp("", "saedb-fake-"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(folder)
		return m.Run()
	}())
}

// pretend returns the fake driver, as the usual device. It must have everything back in the end, and nothing may have been written where nothing is.
func pretend(t *testing.T) (*fake.Driver, Options) {
	t.Helper()
	f, err := built()
	if errors.Is(err, fake.ErrNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Be(fake.Usual)
	f.Schedule(fake.Forward, 0)
	t.Cleanup(func() {
		f.Fail("*", 0, 0)
		f.FailAllocation(0)
		if n := f.Left(); n != 0 {
			t.Errorf("%d things were not given back", n)
		}
	})
	return f, Options{Driver: f.Path}
}

// small is a configuration whose every number is at odds with the sizes that kernels work in.
func small() train.Config {
	return train.Config{
		Latents: 150, K: 7, Batch: 37, Epochs: 3, LR: 1e-2, WeightDecay: 0.01, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8,
		Seed: 3, InputNorm: 5, Threads: 1,
	}
}

// variants are configurations that together have every part of the step take place.
func variants() map[string]train.Config {
	unit := small()
	unit.UnitDecoder, unit.Standardise, unit.InputNorm = true, true, 0
	noisy := unit
	noisy.Noise, noisy.EncoderDecay = 0.5, 1
	falling := unit
	falling.KStart, falling.Batch = 40, 20
	revived := noisy
	revived.Revive, revived.K, revived.Batch, revived.Epochs = 0.5, 2, 32, 6
	large := small()
	large.Latents, large.K, large.Batch = 700, 9, 70 // more groups than k, several words of rows
	dense := unit
	dense.K, dense.Batch = 40, 70 // more than one block of every product
	clipped, denseClipped := noisy, dense
	clipped.Clip, denseClipped.Clip = 0.02, 0.02
	aux := unit
	aux.AuxK, aux.AuxWeight, aux.Epochs, aux.K, aux.Batch = 9, 0.5, 6, 2, 100 // an epoch of three steps: many are silent soon
	shared := unit
	shared.Variant, shared.KStart = "batchtopk", 12
	sharedAux := shared
	sharedAux.AuxK, sharedAux.AuxWeight, sharedAux.K, sharedAux.KStart, sharedAux.Batch, sharedAux.Eps = 30, 0.5, 2, 0, 100, 1e-6
	nested := revived
	nested.Levels, nested.K, nested.LevelWeights, nested.Revive = []int{2, 5, 11, 30}, 5, "reverse", 0.5
	prefixes := unit
	prefixes.Prefixes, prefixes.CosinePenalty, prefixes.Clip = []int{9, 20, 75, 150}, 3, 0.1
	penalised := unit
	penalised.Variant, penalised.L1, penalised.K = "relu", 0.01, 20
	sparsePenalty := penalised
	sparsePenalty.Prefixes = []int{40, 150}
	return map[string]train.Config{
		"silent latents": aux, "of the batch": shared, "of the batch, silent": sharedAux, "levels": nested, "prefixes, cosines, clip": prefixes, "relu": penalised, "relu, prefixes": sparsePenalty,
		"dense": dense, "clipped": clipped, "dense, clipped": denseClipped, "plain": small(), "unit decoder": unit, "noise and decay": noisy, "falling k": falling, "revived": revived, "larger": large,
	}
}

// clusters are rows around 256 centres.
func clusters(seed uint64, n, d int) train.Rows {
	r := rand.New(rand.NewPCG(seed, 0))
	centres := make([]float32, 256*d)
	for i := range centres {
		centres[i] = float32(r.NormFloat64())
	}
	x := make([]float32, 0, n*d)
	for range n {
		c := r.IntN(256)
		for j := range d {
			x = append(x, (centres[c*d+j]+0.7*float32(r.NormFloat64()))/27)
		}
	}
	return train.Rows{D: d, X: x}
}

// begin returns data, the untrained model and the backend of a configuration.
func begin(t *testing.T, cfg train.Config, o Options) (train.Rows, *sae.Model, *backend) {
	t.Helper()
	data := clusters(cfg.Seed, 300, 40)
	m, err := train.Init(cfg, data)
	if err != nil {
		t.Fatal(err)
	}
	b, err := newBackend(cfg, m, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return data, m, b
}
