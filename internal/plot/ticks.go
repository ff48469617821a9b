package plot

import (
	"math"
	"strconv"
	"strings"

	gonum "gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// countTicks marks four to ten whole numbers: multiples of 1, 2 or 5 times a power of ten, with commas.
func countTicks(lo, hi float64) []gonum.Tick {
	step := math.Max(1, markBelow((hi-lo)/4))
	var ticks []gonum.Tick
	for v := math.Ceil(lo/step) * step; v <= hi; v += step {
		ticks = append(ticks, gonum.Tick{Value: v, Label: commas(int(v))})
	}
	return ticks
}

// markBelow returns the largest of 1, 2 and 5 times a power of ten that is not above v; v is above zero.
func markBelow(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, digit := range []float64{5, 2} {
		if digit*power <= v*(1+1e-12) {
			return digit * power
		}
	}
	return power
}

func commas(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// logTicks marks 1, 2 and 5 times the powers of ten, all digits where that gives fewer than three marks, and what a linear
// axis would have where even that does.
func logTicks(lo, hi float64) []gonum.Tick {
	for _, digits := range [][]float64{{1, 2, 5}, {1, 2, 3, 4, 5, 6, 7, 8, 9}} {
		var ticks []gonum.Tick
		for e := math.Floor(math.Log10(lo)); e <= math.Ceil(math.Log10(hi)); e++ {
			for _, d := range digits {
				if v := d * math.Pow(10, e); v >= lo && v <= hi {
					ticks = append(ticks, gonum.Tick{Value: v, Label: strconv.FormatFloat(v, 'g', 4, 64)})
				}
			}
		}
		if len(ticks) > 9 { // decades are enough
			for i, t := range ticks {
				if l := math.Log10(t.Value); math.Abs(l-math.Round(l)) > 1e-9 {
					ticks[i].Label = ""
				}
			}
		}
		if len(ticks) >= 3 {
			return ticks
		}
	}
	return gonum.DefaultTicks{}.Ticks(lo, hi)
}

// shareTicks marks the decades of an axis of log10(share): 0.1 %, 1 %, 10 %.
func shareTicks(lo, hi float64) []gonum.Tick {
	var ticks []gonum.Tick
	for e := math.Ceil(lo); e <= hi; e++ {
		ticks = append(ticks, gonum.Tick{Value: e, Label: percent(math.Pow(10, e))})
	}
	return ticks
}

// percent writes a share with two digits at most: "0.03 %", "12 %".
func percent(share float64) string {
	if share >= 0.1 {
		return strconv.FormatFloat(100*share, 'f', 0, 64) + " %"
	}
	return strconv.FormatFloat(100*share, 'g', 2, 64) + " %"
}

// grid draws a hair line at each labelled mark of the vertical or the horizontal axis.
type grid struct{ vertical bool }

func (g grid) Plot(c draw.Canvas, p *gonum.Plot) {
	x, y := p.Transforms(&c)
	axis := p.Y
	if g.vertical {
		axis = p.X
	}
	line := draw.LineStyle{Color: hair, Width: 0.7}
	for _, t := range axis.Tick.Marker.Ticks(axis.Min, axis.Max) {
		if strings.TrimSpace(t.Label) == "" || t.Value < axis.Min || t.Value > axis.Max {
			continue
		}
		if g.vertical {
			c.StrokeLines(line, []vg.Point{{X: x(t.Value), Y: c.Min.Y}, {X: x(t.Value), Y: c.Max.Y}})
		} else {
			c.StrokeLines(line, []vg.Point{{X: c.Min.X, Y: y(t.Value)}, {X: c.Max.X, Y: y(t.Value)}})
		}
	}
}
