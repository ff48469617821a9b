package measure

import (
	"cmp"
	"context"
	"slices"

	"github.com/saedb/saedb/internal/vec"
	"github.com/saedb/saedb/sae"
)

// Point is how well rows are reconstructed from the K strongest latents of each.
type Point struct {
	K int `json:"k"`
	sae.Metrics
}

// Levels returns the numbers of active latents that a sweep looks at: 8, 16, … 512, as far as there are latents; the number
// of latents alone where there are fewer than 8.
func Levels(latents int) []int {
	var ks []int
	for k := 8; k <= min(512, latents); k *= 2 {
		ks = append(ks, k)
	}
	if ks == nil {
		ks = []int{latents}
	}
	return ks
}

// Sweep measures m on the rows of x, (n,m.D) row-major, at each of ks active latents, ascending, whatever k it was made for:
// a row is encoded once and reconstructed from its strongest k latents, as many of them as are above zero. The only error is
// the context's.
func Sweep(ctx context.Context, m *sae.Model, x []float32, ks []int, threads int) ([]Point, error) {
	wide := *m
	wide.K = min(ks[len(ks)-1], m.M)
	return atLevels(ctx, m, x, ks, threads, func(x []float32) []sae.Code {
		codes := wide.EncodeBatch(nil, x, threads)
		for i, c := range codes {
			codes[i] = strongestFirst(c)
		}
		return codes
	})
}

// strongestFirst orders a code by falling activation, of equal ones the lower latent first, so that its first k entries are
// what TopK leaves.
func strongestFirst(c sae.Code) sae.Code {
	order := make([]int, c.Len())
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(c.Acts[b], c.Acts[a]) })
	s := sae.Code{Latents: make([]uint32, len(order)), Acts: make([]float32, len(order))}
	for i, from := range order {
		s.Latents[i], s.Acts[i] = c.Latents[from], c.Acts[from]
	}
	return s
}

// atLevels measures the reconstructions that m's decoder makes of the first k entries of each row's list, for each of ks,
// ascending. lists returns one list for each row it is given; its numbers may have any sign.
func atLevels(ctx context.Context, m *sae.Model, x []float32, ks []int, threads int, lists func(x []float32) []sae.Code) ([]Point, error) {
	meters := make([]*sae.Meter, len(ks))
	for i := range meters {
		meters[i] = sae.NewMeter(m.M)
	}
	recon := make([]float32, window*len(ks)*m.D)
	for len(x) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := min(window, len(x)/m.D)
		codes := lists(x[:n*m.D])
		first := func(row, level int) sae.Code {
			k := min(ks[level], codes[row].Len())
			return sae.Code{Latents: codes[row].Latents[:k], Acts: codes[row].Acts[:k]}
		}
		at := func(row, level int) []float32 { return recon[(row*len(ks)+level)*m.D:][:m.D] }
		vec.Parallel(threads, n, 16, func(_, lo, hi int) {
			sum := make([]float32, m.D)
			for row := lo; row < hi; row++ {
				copy(sum, m.Bdec)
				done := 0
				for level := range ks {
					c := first(row, level)
					sae.Accumulate(sum, m.Wdec, sae.Code{Latents: c.Latents[done:], Acts: c.Acts[done:]})
					done = c.Len()
					destandardise(at(row, level), sum, m)
				}
			}
		})
		for row := range n {
			for level, meter := range meters {
				meter.Add(x[row*m.D:(row+1)*m.D], at(row, level), first(row, level))
			}
		}
		x = x[n*m.D:]
	}
	points := make([]Point, len(ks))
	for i, k := range ks {
		points[i] = Point{k, meters[i].Metrics()}
	}
	return points, nil
}

// destandardise writes y/scale + mean, as Model.Decode ends.
func destandardise(dst, y []float32, m *sae.Model) {
	for i, v := range y {
		dst[i] = v / m.Scale
		if m.Mean != nil {
			dst[i] += m.Mean[i]
		}
	}
}

// sweepReference is Sweep by a model of its own for each k.
func sweepReference(m *sae.Model, x []float32, ks []int) []Point {
	var points []Point
	for _, k := range ks {
		at := *m
		at.K = min(k, m.M)
		meter := sae.NewMeter(m.M)
		meter.Measure(&at, x, 1)
		points = append(points, Point{k, meter.Metrics()})
	}
	return points
}
