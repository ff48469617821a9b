package measure

import (
	"math"
	"slices"

	"github.com/saedb/saedb/sae"
)

// Density says how often latents fire, on a scale of log10 of the share of rows.
type Density struct {
	Rows   int          `json:"rows"`
	Silent int          `json:"silent"` // latents that fire for no row
	Always int          `json:"always"` // that fire for at least half of the rows
	Median float64      `json:"median"` // share of rows for which the middle latent fires, silent ones aside
	Bins   []DensityBin `json:"bins"`   // from the rarest that one row allows up to 0, the shares of all rows
}

// DensityBin counts the latents whose log10 share is in [From, To); the last bin includes its end, 0.
type DensityBin struct {
	From    float64 `json:"log10_from"`
	To      float64 `json:"log10_to"`
	Latents int     `json:"latents"`
}

// binsPerDecade is how finely Density counts.
const binsPerDecade = 2

// MeasureDensity counts how often each of latents fires in codes.
func MeasureDensity(codes []sae.Code, latents int) Density {
	fired := make([]int, latents)
	for _, c := range codes {
		for _, l := range c.Latents {
			fired[l]++
		}
	}
	return densityOf(fired, len(codes))
}

// densityOf is MeasureDensity of counts: fired has one for each latent.
func densityOf(fired []int, rows int) Density {
	d := Density{Rows: rows}
	if rows == 0 {
		d.Silent = len(fired)
		return d
	}
	decades := int(math.Ceil(math.Log10(float64(rows)) - 1e-12)) // the rarest share is 1/rows
	bins := max(1, decades*binsPerDecade)
	for b := range bins {
		d.Bins = append(d.Bins, DensityBin{From: float64(b-bins) / binsPerDecade, To: float64(b+1-bins) / binsPerDecade})
	}
	var counts []int
	for _, n := range fired {
		if n == 0 {
			d.Silent++
			continue
		}
		counts = append(counts, n)
		if 2*n >= rows {
			d.Always++
		}
		at := math.Log10(float64(n)/float64(rows))*binsPerDecade + float64(bins)
		d.Bins[min(bins-1, max(0, int(math.Floor(at+1e-9))))].Latents++
	}
	if len(counts) > 0 {
		d.Median = median(counts) / float64(rows)
	}
	return d
}

// median sorts x, of at least one number.
func median(x []int) float64 {
	slices.Sort(x)
	return float64(x[(len(x)-1)/2]+x[len(x)/2]) / 2
}
