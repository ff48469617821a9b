package plot

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/recorder"
)

// losses is a run whose loss falls from 1 to about 0.05.
func losses(n int) []Step {
	r := rand.New(rand.NewPCG(1, 1))
	steps := make([]Step, n)
	for i := range steps {
		steps[i] = Step{10 * i, (0.05 + math.Exp(-5*float64(i)/float64(n))) * (1 + 0.05*r.NormFloat64())}
	}
	return steps
}

// islands is n points around each of the k corners of a regular polygon.
func islands(n, k int) (points []Point, names []string) {
	r := rand.New(rand.NewPCG(2, 2))
	for c := range k {
		sin, cos := math.Sincos(2 * math.Pi * float64(c) / float64(k))
		for range n {
			points = append(points, Point{cos + 0.1*r.NormFloat64(), sin + 0.1*r.NormFloat64(), c})
		}
		names = append(names, fmt.Sprintf("island %d", c))
	}
	return points, names
}

func stripes() image.Image {
	img := image.NewRGBA(image.Rect(0, 0, 80, 40))
	for x := range 80 {
		for y := range 40 {
			img.Set(x, y, color.RGBA{uint8(3 * x), 0x40, 0x80, 0xff})
		}
	}
	return img
}

// every is one figure of each kind, and some that have little to show.
func every() map[string]*Figure {
	points, names := islands(40, 7)
	title := Title{"Head <&> \x01 \xff", "and what is below"}
	return map[string]*Figure{
		"loss":            Loss(title, losses(400)),
		"density":         Density(title, []int{0, 1, 1, 5, 10, 100, 1000}, 1000),
		"clusters":        Clusters(title, points, names, [2]float64{0.12, 0.034}),
		"bars":            Bars(title, "activation", []Bar{{"dog <b>", 3}, {"\x00", 1.5}, {strings.Repeat("long ", 30), 0.1}}, stripes()),
		"no loss":         Loss(title, nil),
		"one loss":        Loss(title, []Step{{1, 2}, {2, math.NaN()}}),
		"level loss":      Loss(title, []Step{{1, 2}, {2, 2}, {3, 2}}),
		"negative loss":   Loss(title, []Step{{1, 2}, {2, -1}, {3, 0}}),
		"no density":      Density(title, []int{0, 0}, 0),
		"no clusters":     Clusters(title, nil, nil, [2]float64{}),
		"a single point":  Clusters(title, []Point{{1, 1, 0}}, []string{"alone"}, [2]float64{1, 0}),
		"unknown cluster": Clusters(title, []Point{{1, 1, 5}, {2, 2, 0}}, []string{"", "nobody"}, [2]float64{1, 0}),
		"no bars":         Bars(title, "activation", nil, nil),
		"bars of nothing": Bars(title, "activation", []Bar{{"dog", 0}}, image.NewRGBA(image.Rectangle{})),
	}
}

func svg(t *testing.T, f *Figure) string {
	t.Helper()
	var b bytes.Buffer
	if err := f.SVG(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// texts returns the texts of an SVG, which has to be well-formed, and counts its paths by their fill.
func texts(t *testing.T, doc string) (words []string, fills map[string]int) {
	t.Helper()
	fills = map[string]int{}
	d := xml.NewDecoder(strings.NewReader(doc))
	inText := false
	for {
		token, err := d.Token()
		if err == io.EOF {
			return words, fills
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			inText = token.Name.Local == "text"
			for _, a := range token.Attr {
				if _, fill, ok := strings.Cut(a.Value, "fill:"); ok && token.Name.Local == "path" {
					fill, _, _ = strings.Cut(fill, ";")
					fills[strings.ToLower(fill)]++
				}
				if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
					t.Errorf("%s has the attribute %s=%q", token.Name.Local, a.Name.Local, a.Value)
				}
			}
		case xml.EndElement:
			inText = false
		case xml.CharData:
			if inText {
				words = append(words, string(token))
			}
		}
	}
}

func TestEveryFigureIsWellFormedAndDeterministic(t *testing.T) {
	again := every()
	for name, f := range every() {
		doc := svg(t, f)
		words, _ := texts(t, doc)
		if len(words) == 0 || words[0] != "Head <&>    " {
			t.Errorf("%s: the texts are %q", name, words)
		}
		if doc != svg(t, f) || doc != svg(t, again[name]) {
			t.Errorf("%s: drawn twice it is two things", name)
		}
	}
}

func TestEveryPictureHasItsSizeAndIsNotBlank(t *testing.T) {
	for name, f := range every() {
		var b bytes.Buffer
		if err := f.PNG(&b); err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(&b)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := img.Bounds().Size(), image.Pt(int(2*f.width), int(2*f.height)); got != want {
			t.Errorf("%s: %v pixels, want %v", name, got, want)
		}
		colours := map[color.Color]bool{}
		for x := range img.Bounds().Dx() {
			for y := range img.Bounds().Dy() {
				colours[img.At(x, y)] = true
			}
		}
		if len(colours) < 20 { // the texts alone have as many, in the shades of their edges
			t.Errorf("%s: %d colours", name, len(colours))
		}
		if c := img.At(3, 3); c != (color.RGBA{0xff, 0xff, 0xff, 0xff}) {
			t.Errorf("%s: the corner is %v, not white", name, c)
		}
	}
}

// Each point of the data is one shape in the colour of its cluster, and each cluster has its name.
func TestClustersShowEveryPoint(t *testing.T) {
	points, names := islands(25, 4)
	words, fills := texts(t, svg(t, Clusters(Title{"Map", ""}, points, names, [2]float64{0.5, 0.25})))
	for c := range 4 {
		key := palette[c] // stands before the name; the points shine through, which costs a bit of each colour
		shapes := fills[hex(key.R, key.G, key.B)] + fills[hex(max(key.R, 1)-1, max(key.G, 1)-1, max(key.B, 1)-1)]
		if shapes != 25+1 {
			t.Errorf("cluster %d: %d shapes of the colour %v, want 26; all are %v", c, shapes, key, fills)
		}
		if !slices.Contains(words, names[c]) {
			t.Errorf("%q is not written", names[c])
		}
	}
	for _, want := range []string{"first principal direction, 50 % of the variance", "second principal direction, 25 %"} {
		if !slices.Contains(words, want) {
			t.Errorf("%q is not among %q", want, words)
		}
	}
}

func hex(r, g, b uint8) string { return fmt.Sprintf("#%02x%02x%02x", r, g, b) }

// However crowded the middles are, no name covers another, and all stay inside.
func TestNamesDoNotOverlap(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 3))
		var points []Point
		var names []string
		for c := range 40 {
			points = append(points, Point{r.Float64(), r.Float64() * 0.3, c})
			names = append(names, strings.Repeat("word ", 1+r.IntN(5)))
		}
		f := Clusters(Title{}, points, names, [2]float64{})
		c := draw.NewCanvas(&recorder.Canvas{}, 500, 400)
		tags := nameTags{middles(points, len(names)), names}.place(c, f.plot)
		if len(tags) < 15 {
			t.Errorf("seed %d: only %d of 40 names found room", seed, len(tags))
		}
		for i, a := range tags {
			if !inside(a.plate, c.Rectangle) {
				t.Errorf("seed %d: %q lies outside", seed, a.text)
			}
			for _, b := range tags[:i] {
				if overlap(a.plate, b.plate) {
					t.Errorf("seed %d: %q and %q overlap", seed, a.text, b.text)
				}
			}
		}
	}
}

func TestBarsAreAsLongAsTheirValues(t *testing.T) {
	words, fills := texts(t, svg(t, Bars(Title{"h", ""}, "activation", []Bar{{"dog", 3}, {"snow", 1.25}}, nil)))
	for _, want := range []string{"dog", "snow", "3.00", "1.25", "activation"} {
		if !slices.Contains(words, want) {
			t.Errorf("%q is not among %q", want, words)
		}
	}
	if fills["#0072b2"] != 2 {
		t.Errorf("bars: %v", fills)
	}
	f := Bars(Title{}, "", []Bar{{"dog", 3}, {"snow", 1.5}}, nil)
	c := draw.NewCanvas(&recorder.Canvas{}, 400, 100)
	x, _ := f.plot.Transforms(&c)
	if long, short := x(3)-c.Min.X, x(1.5)-c.Min.X; math.Abs(float64(long-2*short)) > 1e-9 || long > vg.Length(400) {
		t.Errorf("3 is %v long, 1.5 is %v", long, short)
	}
}

func TestRunningMean(t *testing.T) {
	raw := plotter.XYs{{X: 1, Y: 8}, {X: 2, Y: 4}, {X: 3, Y: 3}, {X: 4, Y: 2}, {X: 5, Y: 7}}
	want := []float64{8, 5, 24. / 5, 4, 4}
	for i, p := range smooth(raw, 2) {
		if p.X != raw[i].X || math.Abs(p.Y-want[i]) > 1e-12 {
			t.Errorf("at %v the mean is %v, want %v", raw[i].X, p, want[i])
		}
	}
}

// Density bins hold every latent that fires, at its place.
func TestDensityBins(t *testing.T) {
	bins := densityBins([]int{0, 1, 1, 9, 10, 11, 100, 1000}, 1000)
	if len(bins) != 12 || bins[0].Min != -3 || bins[11].Max != 0 {
		t.Fatalf("bins %+v", bins)
	}
	want := map[int]float64{0: 2, 3: 1, 4: 2, 8: 1, 11: 1} // 1: 10⁻³; 9: below 10⁻²; 10, 11: from 10⁻²; 100; 1000
	for i, b := range bins {
		if b.Weight != want[i] {
			t.Errorf("bin from %v: %v latents, want %v", b.Min, b.Weight, want[i])
		}
	}
}

func TestMarks(t *testing.T) {
	label := func(lo, hi float64, of func(lo, hi float64) []string) string { return strings.Join(of(lo, hi), " ") }
	counts := func(lo, hi float64) (l []string) {
		for _, m := range countTicks(lo, hi) {
			l = append(l, m.Label)
		}
		return l
	}
	logs := func(lo, hi float64) (l []string) {
		for _, m := range logTicks(lo, hi) {
			if m.Label != "" {
				l = append(l, m.Label)
			}
		}
		return l
	}
	shares := func(lo, hi float64) (l []string) {
		for _, m := range shareTicks(lo, hi) {
			l = append(l, m.Label)
		}
		return l
	}
	for _, c := range []struct{ got, want string }{
		{label(0, 3, counts), "0 1 2 3"},
		{label(1, 400, counts), "50 100 150 200 250 300 350 400"},
		{label(0, 12000, counts), "0 2,000 4,000 6,000 8,000 10,000 12,000"},
		{label(0.05, 0.9, logs), "0.05 0.1 0.2 0.5"},
		{label(0.02, 0.045, logs), "0.02 0.03 0.04"},
		{label(1e-5, 1e3, logs), "1e-05 0.0001 0.001 0.01 0.1 1 10 100 1000"},
		{label(-4, 0, shares), "0.01 % 0.1 % 1 % 10 % 100 %"},
	} {
		if c.got != c.want {
			t.Errorf("marks %q, want %q", c.got, c.want)
		}
	}
}
