package cuda

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/train"
)

// SelfTest trains a tiny model for a few steps, on the device and on the CPU, and says whether they agree, in each precision that may be asked for.
func SelfTest(o Options) error {
	if o.Precision != AutoPrecision {
		return o.selfTest()
	}
	for _, p := range []Precision{F32, TF32} {
		o.Precision = p
		if err := o.selfTest(); err != nil {
			return err
		}
	}
	return nil
}

// agree is by how much, relative to themselves, the losses of the self-test may differ: where pre-activations are rounded other latents fire.
var agree = map[Precision]float64{F32: 1e-4, TF32: 2e-2, BF16: 5e-2}

func (o Options) selfTest() (err error) {
	cfg, data := selfTestRun()
	init, err := train.Init(cfg, data)
	if err != nil {
		return err
	}
	cpu, err := train.CPU(cfg, init)
	if err != nil {
		return err
	}
	gpu, err := newBackend(cfg, init, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, gpu.Close()) }()
	if err := gpu.Begin(data); err != nil {
		return err
	}
	got, err := gpu.Steps(4)
	if err != nil {
		return err
	}
	rows := cfg.Order(0, data.Len())
	for s, res := range got {
		var batch []float32
		for _, row := range rows[s*cfg.Batch : (s+1)*cfg.Batch] {
			batch = init.Standardise(batch, data.Row(row))
		}
		want, err := cpu.Step(batch, cfg.RateAt(s, 4))
		if err != nil {
			return err
		}
		if !(math.Abs(res.Loss-want.Loss) <= agree[o.Precision]*want.Loss) {
			return fmt.Errorf("cuda: the self-test fails: the loss of step %d is %g on the device, in %s, and %g on the CPU", s+1, res.Loss, o.Precision, want.Loss)
		}
	}
	return nil
}

// selfTestRun is what SelfTest trains on: sizes that no kernel divides by.
func selfTestRun() (train.Config, train.Rows) {
	cfg := train.Config{
		Latents: 150, K: 5, Batch: 37, Epochs: 1, LR: 1e-2, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, EncoderDecay: 1, Noise: 0.25,
		Seed: 1, Standardise: true, UnitDecoder: true, Threads: 1,
	}
	r := rand.New(rand.NewPCG(1, 0))
	data := train.Rows{D: 40, X: make([]float32, 4*cfg.Batch*40)}
	for i := range data.X {
		data.X[i] = float32(r.NormFloat64())
	}
	return cfg, data
}

// SelfTestEncode encodes a few rows with a small model, on the device and on the CPU, and says whether they agree.
func SelfTestEncode(o Options) (err error) {
	cfg, data := selfTestRun()
	m, err := train.Init(cfg, data)
	if err != nil {
		return err
	}
	e, err := NewEncoder(m, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	codes, err := e.EncodeBatch(nil, data.X, 1)
	if err != nil {
		return err
	}
	for i, c := range codes {
		if want := m.Encode(sae.Code{}, data.Row(i)); !alike(c, want) {
			return fmt.Errorf("cuda: the self-test fails: the code of row %d is %v on the device and %v on the CPU", i+1, c, want)
		}
	}
	return nil
}

// alike says whether two codes are what Encoder promises of them. Rows are drawn at random: that two pre-activations are as good as equal does not happen.
func alike(a, b sae.Code) bool {
	if !slices.Equal(a.Latents, b.Latents) {
		return false
	}
	for i, v := range b.Acts {
		if math.Abs(float64(a.Acts[i]-v)) > 1e-5*float64(slices.Max(b.Acts)) {
			return false
		}
	}
	return true
}
