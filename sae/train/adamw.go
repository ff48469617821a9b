package train

import "math"

// adamw is one step of AdamW with decoupled weight decay, for the t-th step:
//
//	p ← p - lr·wd·p
//	m ← β1 m + (1-β1) g          v ← β2 v + (1-β2) g²
//	p ← p - lr/(1-β1ᵗ) · m / (√v/√(1-β2ᵗ) + eps)
type adamw struct {
	keep         float32 // 1 - lr·wd
	b1, c1       float32 // β1, 1-β1
	b2, c2       float32 // β2, 1-β2
	rate         float32 // lr/(1-β1ᵗ)
	correct, eps float32 // 1/√(1-β2ᵗ)
}

func newAdamW(cfg Config, lr, decay float64, t int) adamw {
	return adamw{
		keep: float32(1 - lr*decay),
		b1:   float32(cfg.Beta1), c1: float32(1 - cfg.Beta1),
		b2: float32(cfg.Beta2), c2: float32(1 - cfg.Beta2),
		rate:    float32(lr / (1 - math.Pow(cfg.Beta1, float64(t)))),
		correct: float32(1 / math.Sqrt(1-math.Pow(cfg.Beta2, float64(t)))),
		eps:     float32(cfg.Eps),
	}
}

// step moves the parameters p, with moments m and v, along the gradient g.
func (a *adamw) step(p, m, v, g []float32) {
	m, v, g = m[:len(p)], v[:len(p)], g[:len(p)]
	keep, b1, c1, b2, c2, rate, correct, eps := a.keep, a.b1, a.c1, a.b2, a.c2, a.rate, a.correct, a.eps
	for i, x := range p {
		d := g[i]
		mi := b1*m[i] + c1*d
		vi := b2*v[i] + c2*d*d
		m[i], v[i] = mi, vi
		p[i] = keep*x - rate*mi/(float32(math.Sqrt(float64(vi)))*correct+eps)
	}
}
