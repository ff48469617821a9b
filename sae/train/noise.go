package train

import "math/rand/v2"

// addNoise adds the noise of a step and a row of its batch to x. It depends on nothing else, so that neither the number of threads nor a
// resumed run changes it.
func addNoise(x []float32, cfg Config, step, row int) {
	r := rand.New(rand.NewPCG(cfg.Seed^streamNoise, uint64(step)<<32|uint64(row)))
	scale := float32(cfg.Noise)
	for i := range x {
		x[i] += scale * float32(r.NormFloat64())
	}
}
