package main

import (
	"fmt"
	"math/rand/v2"

	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/cuda"
	"github.com/saedb/saedb/sae/train"
)

// testCase is a configuration, the width of the rows it is tried on, and how the device is to do it.
type testCase struct {
	name string
	d    int
	rows int
	cfg  train.Config
	o    cuda.Options // beside the driver and the device
}

// cases are shapes at odds with the sizes that kernels work in, and habits that each bring another kernel in. Together they start all there are, which coverage makes
// sure of. A case is one line: a name, the width, what differs from the base, and the precision.
func cases() []testCase {
	base := train.Config{
		Latents: 150, K: 7, Batch: 37, Epochs: 6, LR: 1e-3, WeightDecay: 0.01, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Seed: 3, InputNorm: 5, Threads: 1,
	}
	var all []testCase
	add := func(name string, d int, p cuda.Precision, change func(c *train.Config)) {
		c := base
		change(&c)
		title := fmt.Sprintf("%s: d=%d m=%d k=%d batch %d, %s", name, d, c.Latents, c.K, c.Batch, p)
		all = append(all, testCase{title, d, 300, c, cuda.Options{Precision: p}})
	}
	unit := func(c *train.Config) { c.UnitDecoder, c.Standardise, c.InputNorm = true, true, 0 }
	with := func(more func(c *train.Config)) func(*train.Config) {
		return func(c *train.Config) { unit(c); more(c) }
	}

	add("plain", 40, cuda.F32, func(*train.Config) {})
	add("unit rows", 40, cuda.F32, unit)
	add("many steps as one", 40, cuda.F32, with(func(c *train.Config) { c.Batch, c.Noise = 8, 0.25 }))
	add("noise, decay, new starts", 40, cuda.F32, with(func(c *train.Config) { c.Noise, c.EncoderDecay, c.Revive, c.K, c.Batch = 0.5, 1, 0.5, 2, 32 }))
	add("falling k", 40, cuda.F32, with(func(c *train.Config) { c.KStart, c.Batch = 40, 20 }))
	add("one of everything", 1, cuda.F32, func(c *train.Config) { c.Latents, c.K, c.Batch = 1, 1, 1 })
	add("more groups than k", 64, cuda.F32, with(func(c *train.Config) { c.Latents, c.K, c.Batch = 700, 9, 70 }))
	add("widest", 2048, cuda.F32, with(func(c *train.Config) { c.Latents, c.K, c.Batch = 100, 5, 33 }))
	add("dense codes", 64, cuda.F32, with(func(c *train.Config) { c.K, c.Batch = 40, 70 }))
	add("a limit on gradients", 40, cuda.F32, with(func(c *train.Config) { c.Clip = 0.02 }))
	add("silent latents", 40, cuda.F32, with(func(c *train.Config) { c.AuxK, c.AuxWeight, c.K, c.Latents = 9, 1./32, 2, 300 }))
	add("BatchTopK", 40, cuda.F32, with(func(c *train.Config) { c.Variant = "batchtopk" }))
	add("several k", 40, cuda.F32, with(func(c *train.Config) { c.Levels = []int{3, 7, 20} }))
	add("several numbers of latents", 40, cuda.F32, with(func(c *train.Config) { c.Prefixes = []int{30, 70, 150} }))
	add("relu", 40, cuda.F32, with(func(c *train.Config) { c.Variant, c.L1 = "relu", 0.01 }))
	add("rows driven apart", 40, cuda.F32, with(func(c *train.Config) { c.CosinePenalty = 1 }))
	for _, p := range []cuda.Precision{cuda.TF32, cuda.BF16} {
		add("tensor cores, sparse codes", 64, p, with(func(c *train.Config) { c.Latents, c.K, c.Batch = 1500, 9, 140 }))
		add("tensor cores, dense codes", 64, p, with(func(c *train.Config) { c.K, c.Batch = 40, 140 }))
	}
	return append(all, streaming(base))
}

// streaming is a case whose rows do not fit into the memory that it may use.
func streaming(base train.Config) testCase {
	base.Latents, base.Batch, base.Epochs = 64, 50, 1
	return testCase{"rows stream: d=32, 40,000 rows, 2 MiB, f32", 32, 40000, base, cuda.Options{Precision: cuda.F32, Memory: 2 << 20}}
}

// begin makes the rows of a case and the untrained model.
func (c testCase) begin() (train.Rows, *sae.Model, error) {
	r := rand.New(rand.NewPCG(c.cfg.Seed, 0))
	data := train.Rows{D: c.d, X: make([]float32, c.rows*c.d)}
	for i := range data.X {
		data.X[i] = float32(r.NormFloat64())
	}
	m, err := train.Init(c.cfg, data)
	return data, m, err
}

// on is how a case is done on the device at hand.
func (c testCase) on(o cuda.Options) cuda.Options {
	o.Precision, o.Memory = c.o.Precision, c.o.Memory
	return o
}
