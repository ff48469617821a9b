package train

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/saedb/saedb/sae"
)

// reference is the twin of the CPU backend: every matrix dense, every number float64,
// each line one of the equations.
type reference struct {
	cfg         Config
	d, m        int
	wenc, wdec  []float64 // (M,D)
	benc, bdec  []float64
	first, then [4][]float64 // AdamW moments of params()
	steps       int
	total       int   // of the run
	epoch       int   // steps of one
	idle        []int // per latent: steps since it last fired
	least       float64
	threshold   float64     // of BatchTopK
	last        [][]float64 // codes of the last batch
}

func newReference(cfg Config, init *sae.Model) *reference {
	r := &reference{
		cfg: cfg, d: init.D, m: init.M,
		wenc: widen(init.Wenc), wdec: widen(init.Wdec), benc: widen(init.Benc), bdec: widen(init.Bdec),
		total: cfg.Steps(init.Info.Rows), epoch: cfg.stepsPerEpoch(init.Info.Rows), idle: make([]int, init.M),
	}
	for i, p := range r.params() {
		r.first[i], r.then[i] = make([]float64, len(p)), make([]float64, len(p))
	}
	return r
}

func widen(x []float32) []float64 {
	w := make([]float64, len(x))
	for i, v := range x {
		w[i] = float64(v)
	}
	return w
}

func (r *reference) params() [4][]float64 { return [4][]float64{r.wenc, r.wdec, r.benc, r.bdec} }

// loss is the loss of a batch x (B,D) and, for each of params(), its gradient.
func (r *reference) loss(x []float64) (loss float64, grad [4][]float64) {
	d, n := r.d, len(x)/r.d
	for i, p := range r.params() {
		grad[i] = make([]float64, len(p))
	}
	ins, hs := make([][]float64, n), make([][]float64, n)
	for i := range n {
		// h = W_enc (x + noise - b_dec) + b_enc
		ins[i] = r.noisy(x[i*d:(i+1)*d], i)
		hs[i] = slices.Clone(r.benc)
		for l := range hs[i] {
			for j := range d {
				hs[i][l] += r.wenc[l*d+j] * (ins[i][j] - r.bdec[j])
			}
		}
	}
	codes := r.codes(hs)
	r.last = codes
	rests := make([][]float64, n) // x - x̂ at the model's own level
	for i := range n {
		row := x[i*d : (i+1)*d]
		deltas := make([]float64, r.m) // ∂L/∂h
		for level, weight := range r.cfg.levelWeights() {
			z := r.cut(codes[i], level)
			// E = ∂L/∂x̂ = 2w(x̂ - x)/(B·D)
			e := make([]float64, d)
			for j := range d {
				xh := r.bdec[j]
				for l := range z {
					xh += z[l] * r.wdec[l*d+j]
				}
				loss += weight * (xh - row[j]) * (xh - row[j]) / float64(n*d)
				e[j] = 2 * weight * (xh - row[j]) / float64(n*d)
			}
			if r.own(level) {
				for j := range d {
					rests[i] = append(rests[i], -e[j]*float64(n*d)/(2*weight))
				}
			}
			r.backwards(grad, deltas, z, e)
			for j := range d {
				grad[3][j] += e[j]
			}
		}
		for l, a := range codes[i] {
			if a > 0 {
				loss += r.cfg.L1 * a / float64(n)
				deltas[l] += r.cfg.L1 / float64(n)
			}
		}
		r.encoderGradient(grad, deltas, ins[i])
	}
	return loss + r.aux(grad, ins, hs, rests), grad
}

// own says whether a level is the one that the model is used at.
func (r *reference) own(level int) bool {
	if len(r.cfg.Levels) > 0 {
		return r.cfg.Levels[level] == r.cfg.K
	}
	return level == len(r.cfg.levels())-1
}

// codes chooses what fires, as dense rows: relu(topk(h)), ties to the lower latent, of each row or of the batch; or relu(h).
func (r *reference) codes(hs [][]float64) [][]float64 {
	k := r.cfg.active(r.steps, r.total)
	var flat []float64
	for _, h := range hs {
		most := k
		if r.cfg.Variant == batchTopK {
			most = max(k, r.cfg.mostActive())
		}
		flat = append(flat, strongest(h, most)...)
	}
	if r.cfg.Variant == batchTopK {
		flat = strongest(flat, k*len(hs))
		r.least = 0
		for _, a := range flat {
			if a > 0 && (r.least == 0 || a < r.least) {
				r.least = a
			}
		}
	}
	codes := make([][]float64, len(hs))
	for i := range hs {
		codes[i] = flat[i*r.m : (i+1)*r.m]
	}
	return codes
}

// strongest is h with zeros for all but its k largest numbers above zero.
func strongest(h []float64, k int) []float64 {
	order := make([]int, len(h))
	for l := range order {
		order[l] = l
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(h[b], h[a]) })
	z := make([]float64, len(h))
	for _, l := range order[:min(k, len(order))] {
		z[l] = max(h[l], 0)
	}
	return z
}

// cut is the part of a code that a level has.
func (r *reference) cut(code []float64, level int) []float64 {
	switch {
	case len(r.cfg.Prefixes) > 0:
		z := make([]float64, len(code))
		copy(z, code[:r.cfg.Prefixes[level]])
		return z
	case len(r.cfg.Levels) > 0:
		return strongest(code, r.cfg.Levels[level])
	}
	return code
}

// backwards adds to the decoder's gradient and to deltas what a code z gives for the gradient e of its reconstruction.
func (r *reference) backwards(grad [4][]float64, deltas, z, e []float64) {
	d := r.d
	for l := range z {
		for j := range d {
			grad[1][l*d+j] += z[l] * e[j]
			if z[l] > 0 {
				deltas[l] += e[j] * r.wdec[l*d+j]
			}
		}
	}
}

// encoderGradient adds what the gradients by the pre-activations of a row give for the encoder.
func (r *reference) encoderGradient(grad [4][]float64, deltas, in []float64) {
	d := r.d
	for l, delta := range deltas {
		grad[2][l] += delta
		for j := range d {
			grad[0][l*d+j] += delta * (in[j] - r.bdec[j])
			grad[3][j] -= delta * r.wenc[l*d+j]
		}
	}
}

// aux adds the auxiliary loss of the latents that have not fired for an epoch, and its gradient.
func (r *reference) aux(grad [4][]float64, ins, hs, rests [][]float64) (loss float64) {
	dead, left := 0, 0.0
	for _, idle := range r.idle {
		if idle >= r.epoch {
			dead++
		}
	}
	for _, rest := range rests {
		for _, v := range rest {
			left += v * v
		}
	}
	if r.cfg.AuxK == 0 || dead == 0 || left == 0 {
		return 0
	}
	weight := r.cfg.AuxWeight * min(float64(dead)/float64(r.cfg.AuxK), 1) / left
	for i, h := range hs {
		quiet := slices.Clone(h)
		for l := range quiet {
			if r.idle[l] < r.epoch {
				quiet[l] = 0
			}
		}
		z := strongest(quiet, r.cfg.AuxK)
		e := make([]float64, r.d)
		for j := range e {
			miss := -rests[i][j]
			for l := range z {
				miss += z[l] * r.wdec[l*r.d+j]
			}
			loss += weight * miss * miss
			e[j] = 2 * weight * miss
		}
		deltas := make([]float64, r.m)
		r.backwards(grad, deltas, z, e)
		r.encoderGradient(grad, deltas, ins[i])
	}
	return loss
}

// count brings the counters of silence up to date, from the codes of the batch at the model's own level.
func (r *reference) count(codes [][]float64) {
	for l := range r.idle {
		r.idle[l]++
		for _, code := range codes {
			for level := range r.cfg.levels() {
				if r.own(level) && r.cut(code, level)[l] > 0 {
					r.idle[l] = 0
				}
			}
		}
	}
}

// noisy is a row as the encoder sees it in this step.
func (r *reference) noisy(row []float64, i int) []float64 {
	noise := make([]float32, len(row))
	if r.cfg.Noise > 0 {
		addNoise(noise, r.cfg, r.steps, i)
	}
	in := slices.Clone(row)
	for j, v := range noise {
		in[j] += float64(v)
	}
	return in
}

// step is one step of AdamW, with the projection and the unit rows where cfg asks for them.
func (r *reference) step(x []float64, lr float64) float64 {
	loss, grad := r.loss(x)
	if r.cfg.UnitDecoder {
		r.eachRow(func(w, g []float64) {
			along := 0.0
			for j := range w {
				along += g[j] * w[j]
			}
			for j := range w {
				g[j] -= along * w[j]
			}
		}, grad[1])
	}
	c := r.cfg
	if c.Clip > 0 {
		squares := 0.0
		for _, g := range grad {
			for _, v := range g {
				squares += v * v
			}
		}
		if norm := math.Sqrt(squares); norm > c.Clip {
			for _, g := range grad {
				for j := range g {
					g[j] *= c.Clip / norm
				}
			}
		}
	}
	r.steps++
	r.threshold += (r.least - r.threshold) / float64(min(r.steps, max(r.epoch, 100)))
	r.count(r.last)
	t := float64(r.steps)
	decay := [4]float64{c.WeightDecay + c.EncoderDecay, c.WeightDecay, c.WeightDecay, c.WeightDecay}
	for i, p := range r.params() {
		m, v, g := r.first[i], r.then[i], grad[i]
		for j := range p {
			p[j] -= lr * decay[i] * p[j]
			m[j] = c.Beta1*m[j] + (1-c.Beta1)*g[j]
			v[j] = c.Beta2*v[j] + (1-c.Beta2)*g[j]*g[j]
			p[j] -= lr / (1 - math.Pow(c.Beta1, t)) * m[j] / (math.Sqrt(v[j])/math.Sqrt(1-math.Pow(c.Beta2, t)) + c.Eps)
		}
	}
	if c.UnitDecoder {
		r.eachRow(func(w, _ []float64) {
			norm := 0.0
			for _, v := range w {
				norm += v * v
			}
			for j := range w {
				w[j] /= math.Sqrt(norm)
			}
		}, grad[1])
	}
	r.spread(lr)
	return loss
}

// spread moves each decoder row away from the nearest of those it meets in this step.
func (r *reference) spread(lr float64) {
	if r.cfg.CosinePenalty == 0 {
		return
	}
	d := r.d
	order := rand.New(rand.NewPCG(r.cfg.Seed^streamSpread, uint64(r.steps))).Perm(r.m)
	was := slices.Clone(r.wdec)
	for run := range slices.Chunk(order, spreadRun) {
		for _, l := range run {
			near, most := -1, 0.0
			for _, o := range run {
				cos := 0.0
				for j := range d {
					cos += was[l*d+j] * was[o*d+j]
				}
				if o != l && cos > most {
					near, most = o, cos
				}
			}
			if near < 0 {
				continue
			}
			norm := 0.0
			for j := range d {
				r.wdec[l*d+j] -= lr * r.cfg.CosinePenalty * most * was[near*d+j]
				norm += r.wdec[l*d+j] * r.wdec[l*d+j]
			}
			for j := range d {
				r.wdec[l*d+j] /= math.Sqrt(norm)
			}
		}
	}
}

// eachRow calls f for every decoder row and the row of g at the same place.
func (r *reference) eachRow(f func(w, g []float64), g []float64) {
	for l := range r.m {
		f(r.wdec[l*r.d:(l+1)*r.d], g[l*r.d:(l+1)*r.d])
	}
}
