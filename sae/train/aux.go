package train

import (
	"github.com/saedb/saedb/internal/vec"
	"github.com/saedb/saedb/sae"
)

// Latents that have not fired for an epoch get a gradient through a loss of their own (AuxK, arXiv:2406.04093, with the factor of
// sparsify for few of them): of those above zero the AuxK strongest of each row are to reconstruct what the code leaves, r,
//
//	L_aux = AuxWeight · min(dead/AuxK, 1) · Σ‖W_decᵀ z_aux - r‖² / Σ‖r‖²
//
// where r and the sum below the line count as constants. An epoch is the measure of silence, so that it grows with the data.

// listDead finds the silent latents.
func (b *cpu) listDead() {
	b.dead = b.dead[:0]
	if b.cfg.AuxK == 0 {
		return
	}
	for l, idle := range b.idle {
		if idle >= int64(b.epoch) {
			b.dead = append(b.dead, uint32(l))
		}
	}
}

// auxCode chooses the silent latents of row i, whose pre-activations are pre.
func (b *cpu) auxCode(w *worker, i int, pre []float32) {
	code := &b.aux[i]
	code.Latents, code.Acts = code.Latents[:0], code.Acts[:0]
	w.quiet = w.quiet[:0]
	for _, l := range b.dead {
		w.quiet = append(w.quiet, pre[l])
	}
	w.chosen = w.sel.TopPositive(w.chosen[:0], w.quiet, b.cfg.AuxK)
	for _, at := range w.chosen {
		code.Latents = append(code.Latents, b.dead[at])
		code.Acts = append(code.Acts, w.quiet[at])
	}
	code.climb([]int{b.cfg.AuxK})
}

// auxLoss computes the auxiliary loss of a batch and leaves its gradient by the reconstructions in auxE.
func (b *cpu) auxLoss() float64 {
	if len(b.dead) == 0 {
		return 0
	}
	rest := 0.0
	for _, l := range b.ownLoss {
		rest += l
	}
	if rest == 0 {
		b.dead = b.dead[:0]
		return 0
	}
	d := b.model.D
	weight := b.cfg.AuxWeight * min(float64(len(b.dead))/float64(b.cfg.AuxK), 1) / rest
	vec.Parallel(b.cfg.Threads, len(b.aux), rowRun, func(w, lo, hi int) {
		y := b.workers[w].sum[:d]
		for i := lo; i < hi; i++ {
			b.auxCut.cut(i, len(b.aux), b.aux[i].Latents)
			clear(y)
			sae.Accumulate(y, b.model.Wdec, b.aux[i].Code)
			b.auxRow[i] = vec.Residual(b.auxE[i*d:(i+1)*d], y, b.rest[i*d:(i+1)*d], float32(2*weight))
		}
	})
	sum := 0.0
	for _, l := range b.auxRow {
		sum += l
	}
	return weight * sum
}
