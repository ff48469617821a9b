package measure

import (
	"context"
	"fmt"
	"slices"

	"github.com/saedb/saedb/internal/vec"
	"github.com/saedb/saedb/sae"
)

// Agreement is how much of one model is found in another: each latent of the smaller model is paired with a latent of its
// own in the other, so that the sum of the cosines between decoder rows is as large as any pairing makes it.
type Agreement struct {
	Pairs  int     `json:"pairs"`
	Mean   float64 `json:"mean"` // cosine of a pair, on average
	Median float64 `json:"median"`
	Same   float64 `json:"same"`  // share of pairs above Duplicate
	Close  float64 `json:"close"` // share of pairs above Related
}

// Related is the cosine above which two decoder rows count as being about the same thing.
const Related = 0.7

// Match pairs the latents of a with those of b. It returns for each latent of a its partner in b, -1 for none. The matrix of
// cosines is held in memory: 64 MB for 4,096 latents each. Errors: other widths; the context's.
func Match(ctx context.Context, a, b *sae.Model, threads int) (Agreement, []int, error) {
	if a.D != b.D {
		return Agreement{}, nil, fmt.Errorf("measure: decoder rows of %d and of %d numbers cannot be compared", a.D, b.D)
	}
	if a.M > b.M {
		agreement, back, err := Match(ctx, b, a, threads)
		if err != nil {
			return agreement, nil, err
		}
		partner := slices.Repeat([]int{-1}, a.M)
		for l, of := range back {
			partner[of] = l
		}
		return agreement, partner, nil
	}
	ua, ub := unitRows(a.Wdec, a.D), unitRows(b.Wdec, b.D)
	cost := make([]float32, a.M*b.M) // -cosine
	vec.Parallel(threads, a.M, 32, func(_, lo, hi int) {
		vec.Product(cost[lo*b.M:hi*b.M], ua[lo*a.D:hi*a.D], ub, a.D)
		vec.Scale(cost[lo*b.M:hi*b.M], -1)
	})
	partner, err := assign(ctx, cost, a.M, b.M)
	if err != nil {
		return Agreement{}, nil, err
	}
	cosines := make([]float64, a.M)
	g := Agreement{Pairs: a.M}
	for l, of := range partner {
		cosines[l] = -float64(cost[l*b.M+of])
		g.Mean += cosines[l] / float64(a.M)
		if cosines[l] > Duplicate {
			g.Same += 1 / float64(a.M)
		}
		if cosines[l] > Related {
			g.Close += 1 / float64(a.M)
		}
	}
	slices.Sort(cosines)
	g.Median = quantile(cosines, 0.5)
	return g, partner, nil
}
