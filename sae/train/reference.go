package train

import (
	"cmp"
	"math"
	"slices"

	"github.com/saedb/saedb/sae"
)

// reference is the twin of the CPU backend: every matrix dense, every number float64,
// each line one of the equations.
type reference struct {
	cfg         Config
	d, m, k     int
	wenc, wdec  []float64 // (M,D)
	benc, bdec  []float64
	first, then [4][]float64 // AdamW moments of params()
	steps       int
}

func newReference(cfg Config, init *sae.Model) *reference {
	r := &reference{
		cfg: cfg, d: init.D, m: init.M, k: init.K,
		wenc: widen(init.Wenc), wdec: widen(init.Wdec), benc: widen(init.Benc), bdec: widen(init.Bdec),
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
	for i := range n {
		row := x[i*d : (i+1)*d]
		in := r.noisy(row, i)
		// h = W_enc (x + noise - b_dec) + b_enc
		h := slices.Clone(r.benc)
		for l := range h {
			for j := range d {
				h[l] += r.wenc[l*d+j] * (in[j] - r.bdec[j])
			}
		}
		// z = relu(topk(h)), ties to the lower latent
		order := make([]int, r.m)
		for l := range order {
			order[l] = l
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(h[b], h[a]) })
		for level, weight := range r.cfg.levelWeights() {
			z := make([]float64, r.m)
			for _, l := range order[:r.cfg.levels()[level]] {
				z[l] = max(h[l], 0)
			}
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
			for l := range z {
				delta := 0.0 // ∂L/∂h_l
				for j := range d {
					grad[1][l*d+j] += z[l] * e[j]
					if z[l] > 0 {
						delta += e[j] * r.wdec[l*d+j]
					}
				}
				grad[2][l] += delta
				for j := range d {
					grad[0][l*d+j] += delta * (in[j] - r.bdec[j])
					grad[3][j] -= delta * r.wenc[l*d+j]
				}
			}
			for j := range d {
				grad[3][j] += e[j]
			}
		}
	}
	return loss, grad
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
	r.steps++
	t := float64(r.steps)
	c := r.cfg
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
	return loss
}

// eachRow calls f for every decoder row and the row of g at the same place.
func (r *reference) eachRow(f func(w, g []float64), g []float64) {
	for l := range r.m {
		f(r.wdec[l*r.d:(l+1)*r.d], g[l*r.d:(l+1)*r.d])
	}
}
