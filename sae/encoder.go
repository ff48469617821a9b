package sae

import (
	"sync"
	"sync/atomic"

	"github.com/saedb/saedb/internal/vec"
)

// Encoder encodes many vectors with one model. What pays for many, W_enc in integers, half as large as W_enc itself, it makes once it has
// seen some hundred and keeps as long as it lives; the codes are those of Encode, bit for bit. The model must not change meanwhile. Any number of
// goroutines may use an Encoder.
type Encoder struct {
	m      *Model
	seen   atomic.Int64 // rows, from the beginning
	once   sync.Once
	screen *vec.Screen // nil before, and for a model that has none
	idle   sync.Pool   // of *encoding
}

// NewEncoder returns an encoder for m.
func NewEncoder(m *Model) *Encoder { return &Encoder{m: m} }

const (
	// encodeRows is how many rows a goroutine encodes at a time, at most: enough that W_enc is read from memory rarely.
	encodeRows = 128

	// productRows is how many of them are multiplied with W_enc at once: few enough that their pre-activations stay in its cache.
	productRows = 32

	// A screen does not pay for few latents or short rows, and not where a code has so many of them that to compute those alone costs as much
	// as it saves.
	screenLatents = 512
	screenWidth   = 32
	screenDensity = 64

	// screenRows is from how many rows on a screen pays.
	screenRows = 512
)

// EncodeBatch encodes the rows of x on up to threads goroutines and returns one code per row, the same as Encode gives, bit for bit. It
// reuses dst and the slices of its codes. To encode more than one batch, use an Encoder.
func (m *Model) EncodeBatch(dst []Code, x []float32, threads int) []Code {
	return NewEncoder(m).EncodeBatch(dst, x, threads)
}

// EncodeBatch encodes the rows of x on up to threads goroutines and returns one code per row, the same as Encode gives, bit for bit. It
// reuses dst and the slices of its codes.
func (e *Encoder) EncodeBatch(dst []Code, x []float32, threads int) []Code {
	m := e.m
	m.mustRows(x)
	n := len(x) / m.D
	for cap(dst) < n {
		dst = append(dst[:cap(dst)], Code{})
	}
	dst = dst[:n]
	for i := range dst {
		dst[i] = Code{dst[i].Latents[:0], dst[i].Acts[:0]}
	}
	screen := e.screenFor(n, threads)
	grain := min(encodeRows, max(productRows, n/max(threads, 1)))
	vec.Parallel(threads, n, grain, func(_, lo, hi int) {
		w, _ := e.idle.Get().(*encoding)
		if w == nil {
			w = new(encoding)
		}
		w.encode(m, screen, dst[lo:hi], x[lo*m.D:hi*m.D])
		e.idle.Put(w)
	})
	return dst
}

// screenFor returns the screen to encode n more rows with: nil for a model or a number of rows for which it does not pay.
func (e *Encoder) screenFor(n, threads int) *vec.Screen {
	m := e.m
	if e.seen.Add(int64(n)) < screenRows || !vec.Screens() || m.M < screenLatents || m.D < screenWidth || m.K > m.M/screenDensity {
		return nil
	}
	e.once.Do(func() { e.screen = vec.NewScreen(m.Wenc, m.Benc, m.D, threads) })
	return e.screen
}

// encoding is the working space of one goroutine.
type encoding struct {
	c, h   []float32 // centred rows and their pre-activations
	sel    vec.Selector
	screen vec.Screening
	chosen []uint32
	left   []int // rows that were not screened
	pause  int   // calls that do not try to screen
}

// encode appends to each of dst the code of its row of x.
func (w *encoding) encode(m *Model, screen *vec.Screen, dst []Code, x []float32) {
	w.c = m.centred(w.c[:0], x)
	w.left = w.left[:0]
	if screen == nil || w.pause > 0 {
		w.pause--
		for i := range dst {
			w.left = append(w.left, i)
		}
	} else {
		screen.Top(&w.screen, w.c, m.K, m.Threshold, func(i int, latents []uint32, h []float32, ok bool) {
			if !ok {
				w.left = append(w.left, i)
				return
			}
			w.chosen = w.sel.TopAbove(w.chosen[:0], h, m.K, m.Threshold)
			for _, j := range w.chosen {
				dst[i].Latents = append(dst[i].Latents, latents[j])
				dst[i].Acts = append(dst[i].Acts, h[j])
			}
		})
		if len(w.left) > len(dst)/2 { // a model with many like latents, say
			w.pause = 16
		}
	}
	for left := w.left; len(left) > 0; left = left[min(productRows, len(left)):] {
		w.product(m, dst, left[:min(productRows, len(left))])
	}
}

// product appends the codes of some of the centred rows, by the product with all of W_enc.
func (w *encoding) product(m *Model, dst []Code, rows []int) {
	for to, from := range rows { // ascending: the front of c is free
		copy(w.c[to*m.D:(to+1)*m.D], w.c[from*m.D:(from+1)*m.D])
	}
	if n := len(rows) * m.M; cap(w.h) < n {
		w.h = make([]float32, n)
	} else {
		w.h = w.h[:n]
	}
	m.activations(w.h, w.c[:len(rows)*m.D])
	for i, row := range rows {
		dst[row] = w.append(dst[row], m, w.h[i*m.M:(i+1)*m.M])
	}
}

// append appends the code that the pre-activations h make to dst.
func (w *encoding) append(dst Code, m *Model, h []float32) Code {
	n := len(dst.Latents)
	dst.Latents = w.sel.TopAbove(dst.Latents, h, m.K, m.Threshold)
	for _, l := range dst.Latents[n:] {
		dst.Acts = append(dst.Acts, h[l])
	}
	return dst
}
