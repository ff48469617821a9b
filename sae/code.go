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

// encodeRows is how many rows a goroutine encodes at a time: enough that W_enc is read
// from memory rarely, few enough that the rows stay in its cache.
const encodeRows = 32

// Standardise appends (x - mean)·scale to dst. len(x) must be a multiple of D.
func (m *Model) Standardise(dst, x []float32) []float32 {
	m.mustRows(x)
	for i, v := range x {
		if m.Mean != nil {
			v -= m.Mean[i%m.D]
		}
		dst = append(dst, v*m.Scale)
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
	for i := range dst[n:] {
		dst[n+i] -= m.Bdec[i%m.D]
	}
	return dst
}

// activations writes h for the centred rows c.
func (m *Model) activations(h, c []float32) {
	vec.Product(h, c, m.Wenc, m.D)
	for i := 0; i < len(h); i += m.M {
		for j, b := range m.Benc {
			h[i+j] += b
		}
	}
}

// Encode appends the code of x to dst. x has D numbers; numbers that are not finite
// give an empty code.
func (m *Model) Encode(dst Code, x []float32) Code {
	if len(x) != m.D {
		panic(fmt.Sprintf("sae: a vector of %d numbers for a model of width %d", len(x), m.D))
	}
	var e encoder
	e.encode(m, x)
	return e.append(dst, m, 0)
}

// EncodeBatch encodes the rows of x on up to threads goroutines and returns one code
// per row, the same as Encode gives, bit for bit. It reuses dst and the slices of its
// codes.
func (m *Model) EncodeBatch(dst []Code, x []float32, threads int) []Code {
	m.mustRows(x)
	n := len(x) / m.D
	for cap(dst) < n {
		dst = append(dst[:cap(dst)], Code{})
	}
	dst = dst[:n]
	workers := make([]encoder, max(threads, 1))
	vec.Parallel(threads, n, encodeRows, func(worker, lo, hi int) {
		e := &workers[worker]
		e.encode(m, x[lo*m.D:hi*m.D])
		for i := lo; i < hi; i++ {
			dst[i] = e.append(Code{dst[i].Latents[:0], dst[i].Acts[:0]}, m, i-lo)
		}
	})
	return dst
}

// encoder is the working space of one goroutine.
type encoder struct {
	c, h []float32 // centred rows and their pre-activations
	sel  vec.Selector
}

func (e *encoder) encode(m *Model, x []float32) {
	e.c = m.centred(e.c[:0], x)
	if n := len(x) / m.D * m.M; cap(e.h) < n {
		e.h = make([]float32, n)
	} else {
		e.h = e.h[:n]
	}
	m.activations(e.h, e.c)
}

// append appends the code of the i-th encoded row to dst.
func (e *encoder) append(dst Code, m *Model, i int) Code {
	h := e.h[i*m.M : (i+1)*m.M]
	n := len(dst.Latents)
	dst.Latents = e.sel.TopAbove(dst.Latents, h, m.K, m.Threshold)
	for _, l := range dst.Latents[n:] {
		dst.Acts = append(dst.Acts, h[l])
	}
	return dst
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
func Accumulate(y, w []float32, c Code) {
	d := len(y)
	row := func(i int) []float32 { l := int(c.Latents[i]); return w[l*d : (l+1)*d] }
	i := 0
	for ; i+4 <= len(c.Latents); i += 4 {
		a := c.Acts[i : i+4]
		vec.Axpy4(y, a[0], a[1], a[2], a[3], row(i), row(i+1), row(i+2), row(i+3))
	}
	for ; i < len(c.Latents); i++ {
		vec.Axpy(y, c.Acts[i], row(i))
	}
}

func (m *Model) mustRows(x []float32) {
	if len(x)%m.D != 0 {
		panic(fmt.Sprintf("sae: %d numbers are not rows of width %d", len(x), m.D))
	}
}
