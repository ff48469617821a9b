package sae

import (
	"fmt"

	"github.com/saedb/saedb/internal/vec"
)

// Code is the sparse form of one vector: the latents that fire, ascending, and how
// strongly each does, always above zero. Both slices have the same length.
type Code struct {
	Latents []uint32
	Acts    []float32
}

// Len is the number of latents that fire.
func (c Code) Len() int { return len(c.Latents) }

// Standardise appends (x - mean)·scale to dst. len(x) must be a multiple of D.
func (m *Model) Standardise(dst, x []float32) []float32 {
	m.mustRows(x)
	for ; len(x) > 0; x = x[m.D:] {
		for i, v := range x[:m.D] {
			if m.Mean != nil {
				v -= m.Mean[i]
			}
			dst = append(dst, v*m.Scale)
		}
	}
	return dst
}

// Activations appends the pre-activations h of x, one per latent, to dst. x has D
// numbers.
func (m *Model) Activations(dst, x []float32) []float32 {
	m.mustRows(x)
	n := len(dst)
	dst = append(dst, make([]float32, m.M*(len(x)/m.D))...)
	m.activations(dst[n:], m.centred(nil, x))
	return dst
}

// centred appends s - b_dec, the encoder's input, to dst.
func (m *Model) centred(dst, x []float32) []float32 {
	n := len(dst)
	dst = m.Standardise(dst, x)
	for s := dst[n:]; len(s) > 0; s = s[m.D:] {
		for i, b := range m.Bdec {
			s[i] -= b
		}
	}
	return dst
}

// activations writes h for the centred rows c.
func (m *Model) activations(h, c []float32) {
	vec.ProductBias(h, c, m.Wenc, m.Benc, m.D)
}

// Encode appends the code of x to dst. x has D numbers; numbers that are not finite
// give an empty code.
func (m *Model) Encode(dst Code, x []float32) Code {
	if len(x) != m.D {
		panic(fmt.Sprintf("sae: a vector of %d numbers for a model of width %d", len(x), m.D))
	}
	var w encoding
	return w.append(dst, m, m.Activations(nil, x))
}

// Decode appends the reconstruction of c, D numbers, to dst. Latents of c must be
// below M.
func (m *Model) Decode(dst []float32, c Code) []float32 {
	n := len(dst)
	dst = append(dst, m.Bdec...)
	y := dst[n:]
	Accumulate(y, m.Wdec, c)
	for i := range y {
		y[i] /= m.Scale
		if m.Mean != nil {
			y[i] += m.Mean[i]
		}
	}
	return dst
}

// Accumulate adds Σ acts[i]·w[latents[i]] to y: w is (M, len(y)) row-major.
func Accumulate(y, w []float32, c Code) { vec.AxpyRows(y, w, c.Latents, c.Acts) }

func (m *Model) mustRows(x []float32) {
	if len(x)%m.D != 0 {
		panic(fmt.Sprintf("sae: %d numbers are not rows of width %d", len(x), m.D))
	}
}
