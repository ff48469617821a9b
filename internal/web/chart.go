package web

import (
	"fmt"
	"math"
	"strings"
)

// The drawing area of a chart in its own units; the page scales it.
const (
	chartWidth  = 300
	chartHeight = 96
)

// Chart is a small drawing with two labels below it: a line or a row of columns.
type Chart struct {
	Title       string
	Left, Right string   // what the horizontal axis runs from and to
	Top         string   // what the full height stands for
	Line        string   // points of a polyline; empty: none
	Columns     []Column // empty: none
}

// Column is one column of a histogram, in chart units.
type Column struct {
	X, Y, Width, Height float64
	Title               string
}

// Line draws values over their index on a logarithmic height when all of them
// are positive and span more than one factor of three, else on a linear one.
// Long series are thinned to one point per unit of width, by the mean.
func Line(title string, values []float64) Chart {
	c := Chart{Title: title}
	values = thin(finite(values), chartWidth)
	if len(values) < 2 {
		return c
	}
	lo, hi := values[0], values[0]
	for _, v := range values {
		lo, hi = math.Min(lo, v), math.Max(hi, v)
	}
	scale := func(v float64) float64 { return v }
	if lo > 0 && hi > 3*lo {
		scale = math.Log
	}
	a, b := scale(lo), scale(hi)
	if a == b {
		b = a + 1
	}
	var pts strings.Builder
	for i, v := range values {
		x := float64(i) * chartWidth / float64(len(values)-1)
		y := 2 + (chartHeight-4)*(b-scale(v))/(b-a)
		fmt.Fprintf(&pts, "%.1f,%.1f ", x, y)
	}
	c.Line = strings.TrimSpace(pts.String())
	c.Top = fmt.Sprintf("%.3g to %.3g", values[0], values[len(values)-1])
	return c
}

// finite drops what cannot be drawn.
func finite(values []float64) []float64 {
	out := make([]float64, 0, len(values))
	for _, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			out = append(out, v)
		}
	}
	return out
}

// thin averages values into at most n runs of nearly equal length.
func thin(values []float64, n int) []float64 {
	if len(values) <= n {
		return values
	}
	out := make([]float64, n)
	for i := range out {
		from, to := i*len(values)/n, (i+1)*len(values)/n
		for _, v := range values[from:to] {
			out[i] += v
		}
		out[i] /= float64(to - from)
	}
	return out
}

// Histogram draws one column per count; label names a column on hover.
func Histogram(title string, counts []int, label func(i int) string) Chart {
	c := Chart{Title: title}
	top := 0
	for _, n := range counts {
		top = max(top, n)
	}
	if top == 0 {
		return c
	}
	step := float64(chartWidth) / float64(len(counts))
	for i, n := range counts {
		if n == 0 {
			continue
		}
		h := math.Max(1.5, float64(n)/float64(top)*(chartHeight-2))
		c.Columns = append(c.Columns, Column{
			X: round1(float64(i)*step + 1), Y: round1(chartHeight - h), Width: round1(step - 2), Height: round1(h),
			Title: fmt.Sprintf("%s: %d", label(i), n),
		})
	}
	return c
}

func round1(x float64) float64 { return math.Round(x*10) / 10 }
