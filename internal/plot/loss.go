package plot

import (
	"image/color"
	"math"

	gonum "gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"
)

// Step is the loss of one training step.
type Step struct {
	Number int
	Loss   float64
}

// Loss draws the loss over the steps, as it was, faintly, and as a running mean over a fortieth of the run. The axis of the
// loss is logarithmic where the values are positive and span more than a factor of three. Values that are not finite are
// passed over; fewer than two steps give empty axes.
func Loss(t Title, steps []Step) *Figure {
	f := newFigure(t, 680, 400)
	p := f.plot
	p.X.Label.Text, f.yLabel = "training step", "loss of a batch, mean squared error"
	p.X.Tick.Marker = gonum.TickerFunc(countTicks)
	var raw plotter.XYs
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, s := range steps {
		if math.IsNaN(s.Loss) || math.IsInf(s.Loss, 0) {
			continue
		}
		raw = append(raw, plotter.XY{X: float64(s.Number), Y: s.Loss})
		lo, hi = math.Min(lo, s.Loss), math.Max(hi, s.Loss)
	}
	if lo > 0 && hi > 3*lo {
		p.Y.Scale, p.Y.Tick.Marker = gonum.LogScale{}, gonum.TickerFunc(logTicks)
		f.yLabel += ", logarithmic scale"
		p.Y.Min = markBelow(lo)
	}
	p.Add(grid{})
	if len(raw) < 2 {
		p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
		return f
	}
	p.Add(&plotter.Line{XYs: raw, LineStyle: draw.LineStyle{Color: pale(palette[0]), Width: 1}})
	p.Add(&plotter.Line{XYs: smooth(raw, max(1, len(raw)/80)), LineStyle: draw.LineStyle{Color: palette[0], Width: 2}})
	return f
}

// smooth averages each value with up to r on either side: at the beginning, where losses fall fast, as many right as left, at
// the end as many left as ever.
func smooth(raw plotter.XYs, r int) plotter.XYs {
	out := make(plotter.XYs, len(raw))
	sums := make([]float64, len(raw)+1)
	for i, p := range raw {
		sums[i+1] = sums[i] + p.Y
	}
	for i, p := range raw {
		left := min(r, i)
		right := min(left, len(raw)-1-i)
		out[i] = plotter.XY{X: p.X, Y: (sums[i+right+1] - sums[i-left]) / float64(left+1+right)}
	}
	return out
}

// pale is the colour on its way to white.
func pale(c color.NRGBA) color.NRGBA {
	mix := func(v uint8) uint8 { return uint8((int(v) + 2*255) / 3) }
	return color.NRGBA{mix(c.R), mix(c.G), mix(c.B), 0xff}
}
