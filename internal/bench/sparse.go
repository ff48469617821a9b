package bench

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"

	"github.com/saedb/saedb/internal/vec"
)

// Latents is the number of latents of sparse data by recipe.
const Latents = 4096

// Codes are sparse codes, k active latents in each, one code after the other.
type Codes struct {
	K       int
	Latents []uint32 // of each code ascending
	Acts    []float32
}

// Len is the number of codes.
func (c *Codes) Len() int { return len(c.Acts) / c.K }

// Code returns the latents and activations of one code.
func (c *Codes) Code(i int) ([]uint32, []float32) {
	lo, hi := i*c.K, (i+1)*c.K
	return c.Latents[lo:hi:hi], c.Acts[lo:hi:hi]
}

// NewSparse makes codes of k latents as an autoencoder would of rows pictures of NewDense, and of queries others that are not among them.
//
// The encoder's rows are differences of pictures; each latent has a threshold that it passes in a share of the pictures which falls by a power law from
// latent to latent, at most .25 of them (.6 where k is over 128), and k on average fire. The k latents that are furthest above their thresholds make the
// code, the activation being log-normal in that distance. Codes have the norm 1. On another path of vec's kernels, near ties among latents may fall
// another way.
func NewSparse(rows, queries, k int, seed uint64) (base, held *Codes) {
	d := NewDense(rows, queries, seed)
	e := newEncoder(rand.New(rand.NewPCG(seed, 0xc0de5)), d.Base, k)
	return e.encode(d.Base), e.encode(d.Pictures)
}

// encoder is a linear one with a scale and a threshold for each latent.
type encoder struct {
	k           int
	w           []float32 // (Latents,Width)
	bias, scale []float32 // distance = scale·x·w + bias
}

// measured is how many pictures the thresholds are measured on.
const measured = 8000

func newEncoder(r *rand.Rand, base []float32, k int) *encoder {
	rows := len(base) / Width
	e := &encoder{k: k, w: make([]float32, Latents*Width), bias: make([]float32, Latents), scale: make([]float32, Latents)}
	mean := make([]float32, Width)
	some := min(rows, measured)
	for i := range some {
		add(mean, base[i*Width:], 1/float64(some))
	}
	for l := range Latents {
		w := e.w[l*Width : (l+1)*Width]
		away := .5 * r.Float64()
		add(w, base[r.IntN(rows)*Width:], 1)
		add(w, base[r.IntN(rows)*Width:], -away)
		add(w, mean, away-1)
		add(w, normal(r, Width), .01)
		scale(w, 1/length(w))
	}
	e.calibrate(base[:some*Width])
	return e
}

// calibrate sets scales and thresholds by the products of some pictures with the encoder.
func (e *encoder) calibrate(x []float32) {
	n := len(x) / Width
	rates := e.rates()
	const group = 256 // of latents, so that the products of all need not be held at once
	products, column := make([]float32, n*group), make([]float32, n)
	for first := 0; first < Latents; first += group {
		vec.Product(products, x, e.w[first*Width:(first+group)*Width], Width)
		for l := range group {
			mean, squares := 0.0, 0.0
			for i := range column {
				column[i] = products[i*group+l]
				mean += float64(column[i]) / float64(n)
			}
			for _, v := range column {
				squares += (float64(v) - mean) * (float64(v) - mean) / float64(n)
			}
			slices.Sort(column)
			threshold := column[min(n-1, int((1-rates[first+l])*float64(n)))]
			e.scale[first+l] = float32(1 / math.Sqrt(squares))
			e.bias[first+l] = -threshold * e.scale[first+l]
		}
	}
}

// rates are how often latents fire: a power law, cut off, that adds up to k.
func (e *encoder) rates() []float64 {
	most := .25
	if e.k > 128 {
		most = .6
	}
	rates := make([]float64, Latents)
	low, high := 0.0, 1e6
	for range 100 {
		mid, sum := (low+high)/2, 0.0
		for i := range rates {
			rates[i] = min(most, mid*math.Pow(float64(i+10), -.7))
			sum += rates[i]
		}
		if sum > float64(e.k) {
			high = mid
		} else {
			low = mid
		}
	}
	return rates
}

// spreadOf is the standard deviation of the logarithm of an activation for each unit of distance.
const spreadOf = .45

func (e *encoder) encode(x []float32) *Codes {
	n := len(x) / Width
	c := &Codes{K: e.k, Latents: make([]uint32, n*e.k), Acts: make([]float32, n*e.k)}
	const group = 512
	vec.Parallel(runtime.GOMAXPROCS(0), (n+group-1)/group, 1, func(_, lo, hi int) {
		products, best := make([]float32, group*Latents), &vec.Selector{}
		for g := lo; g < hi; g++ {
			first, last := g*group, min((g+1)*group, n)
			vec.Product(products[:(last-first)*Latents], x[first*Width:last*Width], e.w, Width)
			for i := first; i < last; i++ {
				latents, acts := c.Code(i)
				e.pick(best, products[(i-first)*Latents:(i-first+1)*Latents], latents, acts)
			}
		}
	})
	return c
}

// pick turns the products of a picture into its code.
func (e *encoder) pick(best *vec.Selector, products []float32, latents []uint32, acts []float32) {
	for l := range products {
		products[l] = products[l]*e.scale[l] + e.bias[l]
	}
	for i, l := range best.TopK(latents[:0], products, e.k) {
		acts[i] = float32(math.Exp(spreadOf * float64(products[l])))
	}
	scale(acts, 1/length(acts))
}
