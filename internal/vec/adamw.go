package vec

import "math"

// AdamW is one step of AdamW with decoupled weight decay, the t-th, for a learning rate lr and a decay wd:
//
//	p ← p - lr·wd·p
//	m ← β1 m + (1-β1) g          v ← β2 v + (1-β2) g²
//	p ← p - lr/(1-β1ᵗ) · m / (√v/√(1-β2ᵗ) + eps)
type AdamW struct {
	Keep    float32 // 1 - lr·wd
	B1, C1  float32 // β1, 1-β1
	B2, C2  float32 // β2, 1-β2
	Rate    float32 // lr/(1-β1ᵗ)
	Correct float32 // 1/√(1-β2ᵗ)
	Eps     float32
}

// Step moves the parameters p, with moments m and v, along the gradient g; all three must be as long as p. Every operation is
// rounded by itself on every path and processor, so the bits are those of the twin.
func (a *AdamW) Step(p, m, v, g []float32) {
	n := len(p)
	kernel.adamW(a, p, m[:n], v[:n], g[:n])
}

func adamWGo(a *AdamW, p, m, v, g []float32) {
	m, v, g = m[:len(p)], v[:len(p)], g[:len(p)]
	for i, x := range p {
		d := g[i]
		// The conversions keep Go from fusing a product with a sum, as it does on arm64.
		first := float32(a.B1*m[i]) + float32(a.C1*d)
		then := float32(a.B2*v[i]) + float32(float32(a.C2*d)*d)
		m[i], v[i] = first, then
		p[i] = float32(a.Keep*x) - float32(a.Rate*first)/(float32(float32(math.Sqrt(float64(then)))*a.Correct)+a.Eps)
	}
}
