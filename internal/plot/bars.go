package plot

import (
	"image"
	"math"
	"strconv"

	gonum "gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Bar is one concept of a picture and its value.
type Bar struct {
	Name  string
	Value float64
}

// asideWidth is the strip in which a picture is shown beside its bars.
const asideWidth = 190 * vg.Length(1)

// Bars draws one horizontal bar for each concept, in the order given, the first on top, with its value behind it and axis
// below ("activation"). img is shown beside them unless it is nil.
func Bars(t Title, axis string, bars []Bar, img image.Image) *Figure {
	height := vg.Length(120 + 26*max(len(bars), 3))
	f := newFigure(t, 560, height)
	if img != nil {
		f.width += asideWidth + margin
		f.height = max(f.height, asideWidth+110)
		f.aside = func(c draw.Canvas) { placeImage(c, img) }
	}
	p := f.plot
	p.X.Label.Text = axis
	p.Y.Tick.LineStyle.Width, p.Y.LineStyle.Width = 0, 0
	p.Y.Tick.Label.Color, p.Y.Tick.Label.Font.Size = ink, 11.5
	ticks := make(gonum.ConstantTicks, len(bars))
	top := 0.0
	name := style(11.5, ink)
	for i, b := range bars {
		ticks[i] = gonum.Tick{Value: float64(-i), Label: fit(legible(b.Name), name, 180)}
		top = math.Max(top, b.Value)
	}
	p.Y.Tick.Marker = ticks
	p.Y.Min, p.Y.Max = -float64(max(len(bars), 1))+0.5, 0.5
	p.X.Min, p.X.Max = 0, top*1.12 // room for the last value
	if top == 0 {
		p.X.Max = 1
	}
	p.Y.Padding, p.X.Padding = 0, 0
	p.Add(grid{vertical: true}, barPlotter(bars))
	return f
}

type barPlotter []Bar

func (bars barPlotter) Plot(c draw.Canvas, p *gonum.Plot) {
	x, y := p.Transforms(&c)
	value := style(10.5, ink)
	value.YAlign = middle
	half := (y(0) - y(-1)) * 0.34
	for i, b := range bars {
		at, end := y(float64(-i)), x(math.Max(b.Value, 0))
		c.FillPolygon(palette[0], []vg.Point{{X: c.Min.X, Y: at - half}, {X: end, Y: at - half}, {X: end, Y: at + half}, {X: c.Min.X, Y: at + half}})
		c.FillText(value, vg.Point{X: end + 5, Y: at}, strconv.FormatFloat(b.Value, 'f', 2, 64))
	}
}

// placeImage draws img into the top of the strip, as large as it fits, upright and undistorted.
func placeImage(c draw.Canvas, img image.Image) {
	size := img.Bounds().Size()
	if size.X == 0 || size.Y == 0 {
		return
	}
	room := c.Size()
	scale := math.Min(float64(room.X)/float64(size.X), float64(room.Y)/float64(size.Y))
	w, h := vg.Length(float64(size.X)*scale), vg.Length(float64(size.Y)*scale)
	c.DrawImage(vg.Rectangle{Min: vg.Point{X: c.Min.X, Y: c.Max.Y - h}, Max: vg.Point{X: c.Min.X + w, Y: c.Max.Y}}, img)
}
