package plot

import (
	"image/color"
	"math"

	gonum "gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"
)

// binsPerDecade is how finely densities are counted.
const binsPerDecade = 4

// Density draws how many latents fire for which share of the pictures: counts holds, for each latent, in how many of the rows
// pictures it fires. The shares run on a logarithmic axis; latents that never fire are not on it and are the caller's to
// mention.
func Density(t Title, counts []int, rows int) *Figure {
	f := newFigure(t, 680, 400)
	p := f.plot
	p.X.Label.Text, f.yLabel = "share of the pictures for which a latent fires, logarithmic scale", "number of latents"
	p.X.Tick.Marker, p.Y.Tick.Marker = gonum.TickerFunc(shareTicks), gonum.TickerFunc(countTicks)
	bins := densityBins(counts, rows)
	p.Add(grid{})
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = bins[0].Min, 0, 0, 1
	p.Add(&plotter.Histogram{Bins: bins, FillColor: palette[0], LineStyle: draw.LineStyle{Color: color.White, Width: 1}})
	p.Y.Max *= 1.05
	return f
}

// densityBins counts the latents by log10(count/rows), a quarter of a decade each; the last ends at 0, all pictures.
func densityBins(counts []int, rows int) []plotter.HistogramBin {
	n := max(1, int(math.Ceil(math.Log10(float64(max(rows, 2)))*binsPerDecade)))
	bins := make([]plotter.HistogramBin, n)
	for i := range bins {
		bins[i].Min, bins[i].Max = float64(i-n)/binsPerDecade, float64(i+1-n)/binsPerDecade
	}
	for _, c := range counts {
		if c > 0 {
			at := n + int(math.Floor(math.Log10(float64(c)/float64(rows))*binsPerDecade))
			bins[min(max(at, 0), n-1)].Weight++
		}
	}
	return bins
}
