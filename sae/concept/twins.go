package concept

import (
	"math"
	"runtime"
	"slices"

	"github.com/saedb/saedb/internal/vec"
)

// Two latents are twins, one thing learnt twice, when their decoder rows point the same way, or roughly so and they fire
// together in the pictures.
const (
	twinCosine     = 0.9
	nearlyCosine   = 0.6
	nearlyTogether = 0.5 // correlation of the activations
)

// twins gathers twins, and twins of twins, into groups.
func (a *assignment) twins() [][]uint32 {
	root := make([]int, a.m.M)
	for j := range root {
		root[j] = j
	}
	find := func(j int) int {
		for root[j] != j {
			root[j] = root[root[j]]
			j = root[j]
		}
		return j
	}
	for _, p := range a.alike() {
		if x, y := find(p[0]), find(p[1]); x != y {
			root[max(x, y)] = min(x, y)
		}
	}
	groups := make([][]uint32, a.m.M)
	for j := range root {
		r := find(j)
		groups[r] = append(groups[r], uint32(j))
	}
	return slices.DeleteFunc(groups, func(g []uint32) bool { return len(g) < 2 })
}

// alike returns the pairs of twins, the lower latent first, in order. Latents that never fire are nobody's twins.
func (a *assignment) alike() [][2]int {
	rows, d, latents, threads := a.directions(), a.m.D, a.m.M, runtime.GOMAXPROCS(0)
	n := a.st.Sample.Rows()
	of := make([][][2]int, latents)
	cos := make([][]float32, threads)
	vec.Parallel(threads, latents, block, func(worker, lo, hi int) {
		rest := rows[lo*d:]
		width := latents - lo
		if cos[worker] == nil {
			cos[worker] = make([]float32, block*latents)
		}
		c := cos[worker][:(hi-lo)*width]
		vec.Product(c, rows[lo*d:hi*d], rest, d)
		for i := lo; i < hi; i++ {
			for j := i + 1; j < latents; j++ {
				similar := c[(i-lo)*width+j-lo]
				if similar < nearlyCosine || a.dead(i) || a.dead(j) {
					continue
				}
				if similar >= twinCosine || a.fired.correlation(i, j, n) >= nearlyTogether {
					of[i] = append(of[i], [2]int{i, j})
				}
			}
		}
	})
	return slices.Concat(of...)
}

// correlation is Pearson's, of the activations of two latents over all rows; 0 where one of them is always the same.
func (w *witnesses) correlation(i, j, rows int) float64 {
	a, b := w.usual(i, rows), w.usual(j, rows)
	if a.sd == 0 || b.sd == 0 {
		return 0
	}
	ri, ai := w.of(i)
	rj, aj := w.of(j)
	sum := 0.0
	for s, t := 0, 0; s < len(ri) && t < len(rj); {
		switch {
		case ri[s] < rj[t]:
			s++
		case ri[s] > rj[t]:
			t++
		default:
			sum += float64(ai[s]) * float64(aj[t])
			s++
			t++
		}
	}
	r := (sum/float64(rows) - a.mean*b.mean) / (a.sd * b.sd)
	return math.Max(-1, math.Min(1, r))
}
