// Package plot draws the figures of a report: the loss of a training run, how often latents fire, a map of clusters, and the
// concepts of one picture. Each function takes plain numbers and words and returns a Figure, which is written as SVG or PNG;
// the same input gives the same bytes.
//
// Colours are those of Okabe and Ito, which people who see colours differently can tell apart; where that is not enough,
// shapes help. A Figure may be written more than once, by one goroutine at a time.
package plot

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"strings"
	"unicode"

	gonum "gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Title is what stands above a figure: what it shows, and in smaller letters what one should know about it.
type Title struct{ Head, Sub string }

// pngDPI makes a pixel half a point: sharp on a dense screen and in print at this size.
const pngDPI = 144

// Figure is a drawing that is ready to be written.
type Figure struct {
	title         Title
	width, height vg.Length
	plot          *gonum.Plot
	yLabel        string            // stands above the vertical axis, to be read without turning one's head
	aside         func(draw.Canvas) // draws into the strip left of the plot; nil: there is none
}

// The colours of everything that is not data.
var (
	ink   = color.NRGBA{0x22, 0x26, 0x2b, 0xff}
	faded = color.NRGBA{0x5b, 0x63, 0x6d, 0xff}
	hair  = color.NRGBA{0xdd, 0xe1, 0xe6, 0xff}
)

// palette is that of Okabe and Ito, without its black and its yellow, which is too pale for points on white.
var palette = []color.NRGBA{
	{0x00, 0x72, 0xb2, 0xff}, // blue
	{0xd5, 0x5e, 0x00, 0xff}, // vermilion
	{0x00, 0x9e, 0x73, 0xff}, // green
	{0xcc, 0x79, 0xa7, 0xff}, // purple
	{0xe6, 0x9f, 0x00, 0xff}, // orange
	{0x56, 0xb4, 0xe9, 0xff}, // sky
}

// The strip around the drawing, and its head.
const (
	margin   = 18 * vg.Length(1)
	headSize = 15 * vg.Length(1)
	subSize  = 11 * vg.Length(1)
)

// Where a line of text stands on the middle of its capitals, for the text itself and for a mark's label, to which gonum adds the
// font's descent. draw.YCenter takes the middle of the line, which lies lower.
const (
	middle     = draw.YAlignment(-0.41)
	tickMiddle = draw.YAlignment(-0.6)
)

// style is the text style of this package in a size and colour.
func style(size vg.Length, c color.Color) text.Style {
	return text.Style{Color: c, Font: font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, size), Handler: gonum.DefaultTextHandler}
}

// newFigure returns a figure of a size in points, with axes that stay in the background.
func newFigure(t Title, width, height vg.Length) *Figure {
	p := gonum.New()
	for _, axis := range []*gonum.Axis{&p.X, &p.Y} {
		x, y := axis.Label.TextStyle.XAlign, axis.Label.TextStyle.YAlign
		axis.Label.TextStyle = style(11, faded)
		axis.Label.TextStyle.XAlign, axis.Label.TextStyle.YAlign = x, y
		axis.Label.Padding = 6
		x, y = axis.Tick.Label.XAlign, axis.Tick.Label.YAlign
		axis.Tick.Label = style(10.5, faded)
		axis.Tick.Label.XAlign, axis.Tick.Label.YAlign = x, y
		axis.LineStyle.Color, axis.Tick.LineStyle.Color = hair, hair
		axis.LineStyle.Width, axis.Tick.LineStyle.Width = 1, 1
		axis.Padding = 4
	}
	p.Y.Tick.Label.YAlign = tickMiddle
	return &Figure{title: Title{legible(t.Head), legible(t.Sub)}, width: width, height: height, plot: p}
}

// SVG writes the figure as SVG. Its texts stay texts, in Liberation Sans or a face of the same widths.
func (f *Figure) SVG(w io.Writer) error {
	c := vgsvg.New(f.width, f.height)
	f.draw(draw.New(c))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return fmt.Errorf("draw the figure: %w", err)
	}
	out := strings.ReplaceAll(b.String(), "font-family:Liberation Sans;", "font-family:Liberation Sans,Arial,Helvetica,sans-serif;")
	_, err := io.WriteString(w, out)
	return err
}

// PNG writes the figure as PNG, two pixels to a point.
func (f *Figure) PNG(w io.Writer) error {
	c := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(f.width, f.height), vgimg.UseDPI(pngDPI))}
	f.draw(draw.New(c))
	if _, err := c.WriteTo(w); err != nil {
		return fmt.Errorf("draw the figure: %w", err)
	}
	return nil
}

func (f *Figure) draw(c draw.Canvas) {
	c.SetColor(color.White)
	c.Fill(c.Rectangle.Path())
	c = draw.Crop(c, margin, -margin, margin, -margin)
	for _, line := range []struct {
		text  string
		style text.Style
	}{{f.title.Head, style(headSize, ink)}, {f.title.Sub, style(subSize, faded)}} {
		if line.text == "" {
			continue
		}
		line.style.YAlign = draw.YTop
		c.FillText(line.style, vg.Point{X: c.Min.X, Y: c.Max.Y}, fit(line.text, line.style, c.Size().X))
		c.Max.Y -= line.style.Font.Size * 1.45
	}
	c.Max.Y -= 8
	if f.aside != nil {
		f.aside(draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{Min: c.Min, Max: vg.Point{X: c.Min.X + asideWidth, Y: c.Max.Y}}})
		c.Min.X += asideWidth + margin
	}
	if f.yLabel != "" {
		label := style(11, faded)
		label.YAlign = draw.YTop
		c.FillText(label, vg.Point{X: c.Min.X, Y: c.Max.Y}, f.yLabel)
		c.Max.Y -= 24
	}
	f.plot.Draw(c)
}

// fit shortens s, with an ellipsis, to a width.
func fit(s string, sty text.Style, width vg.Length) string {
	if sty.Width(s) <= width {
		return s
	}
	runes := []rune(s)
	for len(runes) > 1 && sty.Width(string(runes)+"…") > width {
		runes = runes[:len(runes)-1]
	}
	return strings.TrimRight(string(runes), " ,") + "…"
}

// legible replaces what neither XML nor a line of text may hold.
func legible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar || r == 0xfffe || r == 0xffff {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
}
