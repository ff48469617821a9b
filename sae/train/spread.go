package train

import "github.com/saedb/saedb/internal/vec"

// spreadRun is how many decoder rows are compared with each other: all latents are dealt out anew in every step, so that each
// pair meets in time, and a step compares M·64 pairs rather than M².
const spreadRun = 64

// spread moves each decoder row away from the one of its run that points most nearly the same way, after the orthogonality
// penalty of OrtSAE (arXiv:2509.22033), decoupled from the optimiser as weight decay is:
//
//	w ← w - lr·CosinePenalty·max(cos, 0)·w'     then to norm 1
//
// This is the gradient of CosinePenalty/2·cos² with the neighbour w' fixed. Who meets whom depends on seed and step alone.
func (b *cpu) spread(lr float64) {
	if b.cfg.CosinePenalty == 0 {
		return
	}
	m, d := b.model, b.model.D
	order := b.cfg.Meetings(b.steps, m.M)
	by := float32(lr * b.cfg.CosinePenalty)
	vec.Parallel(b.cfg.Threads, m.M, spreadRun, func(_, lo, hi int) {
		run := order[lo:hi]
		rows := make([]float32, 0, len(run)*d)
		for _, l := range run {
			rows = append(rows, m.Wdec[l*d:(l+1)*d]...)
		}
		cos := make([]float32, len(run)*len(run))
		vec.Product(cos, rows, rows, d)
		for i, l := range run {
			near, most := -1, float32(0)
			for j, c := range cos[i*len(run) : (i+1)*len(run)] {
				if j != i && c > most {
					near, most = j, c
				}
			}
			if near >= 0 {
				w := m.Wdec[l*d : (l+1)*d]
				vec.Axpy(w, -by*most, rows[near*d:(near+1)*d])
				vec.Scale(w, float32(1/vec.Norm(w)))
			}
		}
	})
}
