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
	limit := int64(b.cfg.Revive * float64(b.epoch))
	var dead []int
	for l, idle := range b.idle {
		if idle > limit {
			dead = append(dead, l)
		}
	}
	if len(dead) == 0 {
		return 0
	}
	slices.SortStableFunc(dead, func(x, y int) int { return cmp.Compare(b.idle[y], b.idle[x]) })
	rows := make([]int, len(b.loss))
	for i := range rows {
		rows[i] = i
	}
	slices.SortStableFunc(rows, func(x, y int) int { return cmp.Compare(b.loss[y], b.loss[x]) })
	n := min(len(dead), revivePerStep, len(rows)/4)
	for i := range n {
		b.point(dead[i], rows[i])
	}
	return n
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
