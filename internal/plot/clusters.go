package plot

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"slices"

	gonum "gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Point is a picture on the map and its cluster.
type Point struct {
	X, Y    float64
	Cluster int
}

// Clusters draws a map: a point for each picture, coloured and shaped by its cluster, and each cluster's name near the middle
// of its points. names has one name for each cluster, by number; lower numbers come first where names compete for room, and
// what finds none is left out. shares are what part of the variance each axis shows.
func Clusters(t Title, points []Point, names []string, shares [2]float64) *Figure {
	f := newFigure(t, 820, 680)
	p := f.plot
	p.X.Label.Text = fmt.Sprintf("first principal direction, %s of the variance", percent(shares[0]))
	f.yLabel = fmt.Sprintf("second principal direction, %s", percent(shares[1]))
	none := gonum.ConstantTicks{}
	p.X.Tick.Marker, p.Y.Tick.Marker = none, none // the numbers mean nothing
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 0, 0, 0
	for i, q := range points {
		if i == 0 {
			p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = q.X, q.X, q.Y, q.Y
		}
		p.X.Min, p.X.Max = math.Min(p.X.Min, q.X), math.Max(p.X.Max, q.X)
		p.Y.Min, p.Y.Max = math.Min(p.Y.Min, q.Y), math.Max(p.Y.Max, q.Y)
	}
	p.Add(cloud(points), nameTags{middles(points, len(names)), names})
	return f
}

// cloud draws the points in their order, small where there are many.
type cloud []Point

func (points cloud) Plot(c draw.Canvas, p *gonum.Plot) {
	x, y := p.Transforms(&c)
	radius := vg.Length(math.Max(1.4, math.Min(3.5, 100/math.Sqrt(float64(max(len(points), 1))))))
	for _, q := range points {
		clr, shape := mark(q.Cluster)
		clr.A = 0xb0
		c.DrawGlyph(draw.GlyphStyle{Color: clr, Radius: radius, Shape: shape}, vg.Point{X: x(q.X), Y: y(q.Y)})
	}
}

// mark is the colour and shape of a cluster: the same colour comes back in another shape.
func mark(cluster int) (color.NRGBA, draw.GlyphDrawer) {
	shapes := []draw.GlyphDrawer{draw.CircleGlyph{}, draw.PyramidGlyph{}, draw.BoxGlyph{}, draw.CrossGlyph{}, draw.PlusGlyph{}, draw.RingGlyph{}}
	n := len(palette)
	return palette[cluster%n], shapes[cluster/n%len(shapes)]
}

// middles are the medians of each cluster's coordinates; nil for a cluster without points.
func middles(points []Point, k int) []*Point {
	xs, ys := make([][]float64, k), make([][]float64, k)
	for _, q := range points {
		if q.Cluster >= 0 && q.Cluster < k {
			xs[q.Cluster], ys[q.Cluster] = append(xs[q.Cluster], q.X), append(ys[q.Cluster], q.Y)
		}
	}
	out := make([]*Point, k)
	for c := range out {
		if n := len(xs[c]); n > 0 {
			slices.Sort(xs[c])
			slices.Sort(ys[c])
			out[c] = &Point{xs[c][n/2], ys[c][n/2], c}
		}
	}
	return out
}

// nameTags writes the clusters' names on white plates that do not cover each other.
type nameTags struct {
	at    []*Point
	names []string
}

// tag is a name's place: its plate, and the point it belongs to.
type tag struct {
	cluster int
	text    string
	plate   vg.Rectangle
	anchor  vg.Point
}

func (t nameTags) Plot(c draw.Canvas, p *gonum.Plot) {
	sty := style(10.5, ink)
	tags := t.place(c, p)
	for _, g := range tags { // lines below all plates
		if to := nearestOf(g.plate, g.anchor); math.Hypot(float64(to.X-g.anchor.X), float64(to.Y-g.anchor.Y)) > 2 {
			c.StrokeLines(draw.LineStyle{Color: faded, Width: 0.8}, []vg.Point{g.anchor, to})
		}
	}
	for _, g := range tags {
		clr, shape := mark(g.cluster)
		c.SetColor(color.NRGBA{0xff, 0xff, 0xff, 0xcc})
		c.Fill(g.plate.Path())
		centre := (g.plate.Min.Y + g.plate.Max.Y) / 2
		c.DrawGlyphNoClip(draw.GlyphStyle{Color: clr, Radius: 3, Shape: shape}, vg.Point{X: g.plate.Min.X + 6, Y: centre})
		text := sty
		text.YAlign = middle
		c.FillText(text, vg.Point{X: g.plate.Min.X + 12, Y: centre}, g.text)
	}
}

// place finds room for the names, by number of the cluster: around the middle of its points, ever farther away, and at last
// not at all.
func (t nameTags) place(c draw.Canvas, p *gonum.Plot) []tag {
	x, y := p.Transforms(&c)
	sty := style(10.5, ink)
	var tags []tag
	offsets := spiral()
	for cluster, median := range t.at {
		if median == nil || t.names[cluster] == "" {
			continue
		}
		g := tag{cluster: cluster, text: fit(legible(t.names[cluster]), sty, 150), anchor: vg.Point{X: x(median.X), Y: y(median.Y)}}
		w, h := sty.Width(g.text)+16, vg.Length(15)
		for _, offset := range offsets {
			at := vg.Point{X: g.anchor.X + offset.X, Y: g.anchor.Y + offset.Y}
			g.plate = vg.Rectangle{Min: vg.Point{X: at.X - w/2, Y: at.Y - h/2}, Max: vg.Point{X: at.X + w/2, Y: at.Y + h/2}}
			if inside(g.plate, c.Rectangle) && !slices.ContainsFunc(tags, func(o tag) bool { return overlap(o.plate, g.plate) }) {
				tags = append(tags, g)
				break
			}
		}
	}
	return tags
}

// spiral lists offsets to try, the nearest first; names are wide, so sideways steps are longer.
func spiral() (offsets []vg.Point) {
	for dx := -4; dx <= 4; dx++ {
		for dy := -8; dy <= 8; dy++ {
			offsets = append(offsets, vg.Point{X: vg.Length(22 * dx), Y: vg.Length(8.5 * float64(dy))})
		}
	}
	slices.SortStableFunc(offsets, func(a, b vg.Point) int {
		return cmp.Compare(math.Hypot(float64(a.X), float64(a.Y)), math.Hypot(float64(b.X), float64(b.Y)))
	})
	return offsets
}

func inside(r, room vg.Rectangle) bool {
	return r.Min.X >= room.Min.X && r.Min.Y >= room.Min.Y && r.Max.X <= room.Max.X && r.Max.Y <= room.Max.Y
}

func overlap(a, b vg.Rectangle) bool {
	return a.Min.X < b.Max.X && b.Min.X < a.Max.X && a.Min.Y < b.Max.Y && b.Min.Y < a.Max.Y
}

// nearestOf returns the point of r nearest to p.
func nearestOf(r vg.Rectangle, p vg.Point) vg.Point {
	return vg.Point{X: min(max(p.X, r.Min.X), r.Max.X), Y: min(max(p.Y, r.Min.Y), r.Max.Y)}
}
