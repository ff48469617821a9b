package train

import (
	"cmp"
	"slices"

	"github.com/saedb/saedb/internal/vec"
)

// revivePerStep bounds how many latents start anew in one step: each takes a row of
// its own, and only rows that are reconstructed worse than most are worth one.
const revivePerStep = 8

// revive gives dead latents a new start and returns how many. The latents longest
// silent come first, the rows with the largest residual first.
func (b *cpu) revive() int {
	dead, rows := newStarts(b.idle, b.loss, int64(b.cfg.Revive*float64(b.epoch)))
	for i, l := range dead {
		b.point(l, rows[i])
	}
	return len(dead)
}

// newStarts pairs latents silent for more than limit steps with rows of large loss.
func newStarts(idle []int64, loss []float64, limit int64) (latents, rows []int) {
	for l, silent := range idle {
		if silent > limit {
			latents = append(latents, l)
		}
	}
	if len(latents) == 0 {
		return nil, nil
	}
	slices.SortStableFunc(latents, func(x, y int) int { return cmp.Compare(idle[y], idle[x]) })
	rows = make([]int, len(loss))
	for i := range rows {
		rows[i] = i
	}
	slices.SortStableFunc(rows, func(x, y int) int { return cmp.Compare(loss[y], loss[x]) })
	n := min(len(latents), revivePerStep, len(rows)/4)
	return latents[:n], rows[:n]
}

// point makes the residual of a row the direction of a latent and forgets what the
// optimiser knew of it.
func (b *cpu) point(latent, row int) {
	m, d := b.model, b.model.D
	residual := b.residual(row)
	norm := vec.Norm(residual)
	if norm == 0 {
		return
	}
	dec, enc := m.Wdec[latent*d:(latent+1)*d], m.Wenc[latent*d:(latent+1)*d]
	for j, v := range residual {
		dec[j] = float32(-float64(v) / norm)
	}
	copy(enc, dec)
	m.Benc[latent] = 0
	for _, t := range []moments{b.enc, b.dec} {
		clear(t.m[latent*d : (latent+1)*d])
		clear(t.v[latent*d : (latent+1)*d])
	}
	b.benc.m[latent], b.benc.v[latent] = 0, 0
	b.idle[latent] = 0
	b.renewLatent(latent)
}

// residual is a positive multiple of x̂ - x of a row of the last batch, at the model's K.
func (b *cpu) residual(row int) []float32 {
	d, n := b.model.D, len(b.levels)
	at := func(level int) []float32 { return b.e[(row*n+level)*d:][:d] }
	r := slices.Clone(at(b.own))
	if b.own+1 < n {
		vec.Axpy(r, -1, at(b.own+1))
	}
	return r
}
