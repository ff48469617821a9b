package concept

import (
	"fmt"
	"math"

	"github.com/saedb/saedb/internal/vec"
	"github.com/saedb/saedb/sae"
)

// A Sample is pictures that names and concepts are tried on: their vectors and their codes under the model that is named.
// It is only read.
type Sample struct {
	Vectors []float32  // (rows,D) row-major, of unit length
	Codes   []sae.Code // (rows)

	// Held says which rows the model was not trained on: on them names are checked. Where it marks none, all rows serve.
	Held []bool
}

// Rows is the number of pictures.
func (s *Sample) Rows() int { return len(s.Codes) }

// check refuses a sample that does not fit the model.
func (s *Sample) check(m *sae.Model) error {
	n := s.Rows()
	if len(s.Vectors) != n*m.D || s.Held != nil && len(s.Held) != n {
		return fmt.Errorf("concept: %w: a sample of %d codes with %d numbers of vectors and %d marks, the model is %d wide", ErrOptions, n, len(s.Vectors), len(s.Held), m.D)
	}
	for i, c := range s.Codes {
		if k := c.Len(); k > 0 && int(c.Latents[k-1]) >= m.M {
			return fmt.Errorf("concept: %w: the code of row %d of the sample has latent %d, the model %d of them", ErrOptions, i, c.Latents[k-1], m.M)
		}
	}
	return nil
}

// witnesses are the rows in which each latent fires, ascending: the codes turned around.
type witnesses struct {
	start []int32 // (M+1)
	rows  []int32
	acts  []float32
}

// witnessesOf turns the codes around.
func witnessesOf(codes []sae.Code, latents int) witnesses {
	w := witnesses{start: make([]int32, latents+2)}
	total := 0
	for _, c := range codes {
		total += c.Len()
		for _, l := range c.Latents {
			w.start[l+2]++
		}
	}
	for l := 2; l < len(w.start); l++ {
		w.start[l] += w.start[l-1]
	}
	w.rows, w.acts = make([]int32, total), make([]float32, total)
	for i, c := range codes {
		for t, l := range c.Latents {
			at := w.start[l+1]
			w.rows[at], w.acts[at] = int32(i), c.Acts[t]
			w.start[l+1]++
		}
	}
	return w
}

// of returns the list of one latent.
func (w *witnesses) of(latent int) (rows []int32, acts []float32) {
	from, to := w.start[latent], w.start[latent+1]
	return w.rows[from:to], w.acts[from:to]
}

// usual is the mean and the standard deviation of an activation over all rows, those included where it is zero.
type usual struct{ mean, sd float64 }

func (w *witnesses) usual(latent, rows int) usual {
	_, acts := w.of(latent)
	var sum, squares float64
	for _, a := range acts {
		sum += float64(a)
		squares += float64(a) * float64(a)
	}
	u := usual{mean: sum / float64(rows)}
	u.sd = math.Sqrt(max(squares/float64(rows)-u.mean*u.mean, 0))
	return u
}

// meanVector is the mean of rows of width d, summed in float64 in their order.
func meanVector(x []float32, d int) []float32 {
	sum := make([]float64, d)
	for i, v := range x {
		sum[i%d] += float64(v)
	}
	mean := make([]float32, d)
	for i, v := range sum {
		mean[i] = float32(v / float64(max(1, len(x)/d)))
	}
	return mean
}

// seen returns for each latent the direction, of unit length, in which the pictures that fire it lie from the mean picture,
// each weighted by its activation; zeros where there are none.
func (s *Sample) seen(w *witnesses, latents, d, threads int) []float32 {
	out := make([]float32, latents*d)
	mean := meanVector(s.Vectors, d)
	vec.Parallel(threads, latents, block, func(_, lo, hi int) {
		for l := lo; l < hi; l++ {
			to := out[l*d : (l+1)*d]
			rows, acts := w.of(l)
			var sum float32
			for t, row := range rows {
				vec.Axpy(to, acts[t], s.Vectors[int(row)*d:][:d])
				sum += acts[t]
			}
			vec.Axpy(to, -sum, mean)
			normalise(to)
		}
	})
	return out
}
