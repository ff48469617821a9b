package main

import (
	"fmt"
	"math/rand/v2"

	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/train"
)

// testCase is a configuration, and the width of the rows it is tried on.
type testCase struct {
	name string
	d    int
	cfg  train.Config
}

// cases are shapes at odds with the sizes that kernels work in, and habits that each bring another kernel in.
func cases() []testCase {
	base := train.Config{
		Latents: 150, K: 7, Batch: 37, Epochs: 3, LR: 1e-3, WeightDecay: 0.01, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Seed: 3, InputNorm: 5, Threads: 1,
	}
	var all []testCase
	add := func(name string, d int, change func(c *train.Config)) {
		c := base
		change(&c)
		all = append(all, testCase{fmt.Sprintf("%s: d=%d m=%d k=%d batch %d", name, d, c.Latents, c.K, c.Batch), d, c})
	}
	unit := func(c *train.Config) { c.UnitDecoder, c.Standardise, c.InputNorm = true, true, 0 }
	add("plain", 40, func(*train.Config) {})
	add("unit rows", 40, unit)
	add("noise, decay, new starts", 40, func(c *train.Config) {
		unit(c)
		c.Noise, c.EncoderDecay, c.Revive, c.K, c.Batch, c.Epochs = 0.5, 1, 0.5, 2, 32, 6
	})
	add("falling k", 40, func(c *train.Config) { unit(c); c.KStart, c.Batch = 40, 20 })
	add("one of everything", 1, func(c *train.Config) { c.Latents, c.K, c.Batch = 1, 1, 1 })
	add("more groups than k", 64, func(c *train.Config) { unit(c); c.Latents, c.K, c.Batch = 700, 9, 70 })
	add("widest", 2048, func(c *train.Config) { unit(c); c.Latents, c.K, c.Batch = 100, 5, 33 })
	return all
}

// begin makes the rows of a case and the untrained model.
func (c testCase) begin() (train.Rows, *sae.Model, error) {
	r := rand.New(rand.NewPCG(c.cfg.Seed, 0))
	data := train.Rows{D: c.d, X: make([]float32, 300*c.d)}
	for i := range data.X {
		data.X[i] = float32(r.NormFloat64())
	}
	m, err := train.Init(c.cfg, data)
	return data, m, err
}
