package train

import (
	"math"

	"github.com/saedb/saedb/internal/vec"
)

// clipping returns what all gradients are multiplied by so that their norm, of all tensors together, is at most cfg.Clip. No
// matrix of gradients exists: each latent's rows are built once for the norm and once more for the update.
func (b *cpu) clipping(n int) float32 {
	if b.cfg.Clip == 0 {
		return 1
	}
	runs := (b.model.M + latentRun - 1) / latentRun
	squares := make([]float64, runs)
	vec.Parallel(b.cfg.Threads, b.model.M, latentRun, func(w, lo, hi int) {
		work, sum := &b.workers[w], 0.0
		clear(b.pullOf(lo))
		for l := lo; l < hi; l++ {
			gB := float64(b.gradients(work, l, b.pullOf(lo)))
			sum += square(work.gEnc) + square(work.gDec) + gB*gB
		}
		squares[lo/latentRun] = sum
	})
	b.biasGradient(n)
	sum := square(b.gBdec)
	for _, s := range squares {
		sum += s
	}
	return float32(min(1, b.cfg.Clip/math.Sqrt(max(sum, math.SmallestNonzeroFloat64))))
}

func square(x []float32) float64 {
	norm := vec.Norm(x)
	return norm * norm
}
