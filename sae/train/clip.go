package train

import (
	"math"

	"github.com/saedb/saedb/internal/vec"
)

// clipping returns what all gradients are multiplied by so that their norm, of all tensors together, is at most cfg.Clip. No
// matrix of gradients exists: each latent's rows are built once for the norm and once more for the update.
func (b *cpu) clipping() float32 {
	if b.cfg.Clip == 0 {
		return 1
	}
	vec.Parallel(b.cfg.Threads, b.model.M, latentRun, func(w, lo, hi int) {
		sum := 0.0
		b.gradients(&b.workers[w], lo, hi,
			func(_ int, g []float32) { sum += vec.Squares(g) },
			func(_ int, g []float32, gB float32) { sum += vec.Squares(g) + float64(gB)*float64(gB) })
		b.latents[lo/latentRun].squares = sum
	})
	b.biasGradient()
	sum := vec.Squares(b.gBdec)
	for _, s := range b.latents {
		sum += s.squares
	}
	return float32(min(1, b.cfg.Clip/math.Sqrt(max(sum, math.SmallestNonzeroFloat64))))
}
