package concept

import (
	"math"
	"runtime"

	"github.com/saedb/saedb/internal/vec"
)

// How many of the pictures nearest to a word tell what fires for it: one in a hundred, within these bounds. Fewer are
// swayed by each of them, more are no longer about the word.
const (
	leastNearest = 5
	mostNearest  = 20
)

// triedShare is the part of the nearest pictures in the weights of Weigh "pictures"; the rest is the decoder's.
const triedShare = 0.4

// groupByPictures weighs the latents of a concept by what the dictionary says and by what the pictures do. For a word w
//
//	c_j = max(cos(w, decoder row j), 0)^1.5 · rarity_j^¼
//	t_j = max((mean activation in the nearest pictures - mean)/standard deviation, 0)
//	W_j = 0.6·c_j/‖c‖ + 0.4·t_j/‖t‖
//
// where nearest are the pictures of the sample with the largest cosine with w: pseudo-relevance feedback (Rocchio 1971) in
// the space of latents. Each goroutine takes some words, all latents and all pictures.
func (a *assignment) groupByPictures() []Concept {
	s, d, latents, threads := a.st.Sample, a.m.D, a.m.M, runtime.GOMAXPROCS(0)
	rows := s.Rows()
	nearest := min(max(rows/100, leastNearest), mostNearest, rows)
	rarity, typical := make([]float64, latents), make([]usual, latents)
	for j := range rarity {
		typical[j] = a.fired.usual(j, rows)
		if !a.dead(j) {
			rarity[j] = math.Sqrt(math.Sqrt(a.rarity(j)))
		}
	}
	directions := a.directions()
	concepts := make([]Concept, len(a.v.Words))
	type scratch struct {
		cos, near []float32
		tried     []float64
		sel       vec.Selector
		chosen    []uint32
	}
	work := make([]scratch, threads)
	vec.Parallel(threads, len(a.v.Words), block, func(worker, lo, hi int) {
		w := &work[worker]
		if w.cos == nil {
			*w = scratch{cos: make([]float32, block*latents), near: make([]float32, block*rows), tried: make([]float64, latents)}
		}
		words := a.words[lo*d : hi*d]
		vec.Product(w.cos, words, directions, d)
		vec.Product(w.near, words, s.Vectors, d)
		for i := lo; i < hi; i++ {
			weights := w.cos[(i-lo)*latents : (i-lo+1)*latents]
			for j, cos := range weights {
				c := max(float64(cos), 0)
				weights[j] = float32(c * math.Sqrt(c) * rarity[j])
			}
			w.chosen = w.sel.TopK(w.chosen[:0], w.near[(i-lo)*rows:(i-lo+1)*rows], nearest)
			a.tryOn(w.tried, w.chosen, typical)
			blend(weights, w.tried)
			concepts[i] = Concept{Word: a.v.Words[i], Group: strongest(weights, a.o.Group)}
		}
	})
	return concepts
}

// tryOn writes, for each latent, how much more than usual it fires in those pictures.
func (a *assignment) tryOn(tried []float64, pictures []uint32, typical []usual) {
	clear(tried)
	for _, row := range pictures {
		c := a.st.Sample.Codes[row]
		for t, l := range c.Latents {
			tried[l] += float64(c.Acts[t])
		}
	}
	for l, sum := range tried {
		u := typical[l]
		if sum == 0 || u.sd == 0 || a.dead(l) {
			tried[l] = 0
			continue
		}
		tried[l] = max((sum/float64(len(pictures))-u.mean)/u.sd, 0)
	}
}

// blend mixes weights with what pictures say, each at unit length.
func blend(weights []float32, tried []float64) {
	var w, t float64
	for i, x := range weights {
		w += float64(x) * float64(x)
		t += tried[i] * tried[i]
	}
	w, t = math.Sqrt(max(w, math.SmallestNonzeroFloat64)), math.Sqrt(max(t, math.SmallestNonzeroFloat64))
	for i, x := range weights {
		weights[i] = float32((1-triedShare)*float64(x)/w + triedShare*tried[i]/t)
	}
}
