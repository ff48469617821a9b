package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/measure"
)

// What the closer look takes at most: more rows change no digit that is shown, and take long.
const (
	alikeRows  = 2000  // for CKNNA, whose cost is quadratic
	fittedRows = 20000 // for the baselines' own training
	centreRows = 5000  // for k-means, which looks at each row four times
)

// depth is the closer look at an autoencoder: what a table of losses does not say.
type depth struct {
	Geometry measure.Geometry `json:"geometry"`
	Density  measure.Density  `json:"density"`
	CKNNA    []alike          `json:"cknna"`
	Sweep    []measure.Point  `json:"sweep"`     // the autoencoder at other numbers of active latents
	Baseline []baseline       `json:"baselines"` // on the same rows
	Rows     string           `json:"rows"`      // which rows sweep and baselines are measured on
}

// alike is how well neighbourhoods survive, for one set of rows.
type alike struct {
	Set   string  `json:"set"`
	Rows  int     `json:"rows"`
	Codes float64 `json:"codes"`
	Recon float64 `json:"reconstructions"`
}

// baseline is what something simpler reaches, or something without training.
type baseline struct {
	Name string `json:"name"`
	measure.Point
}

// rowsOf are rows of a set one after the other, at most so many, spread evenly.
func rowsOf(r *rowSet, set []int, limit int) []float32 {
	var x []float32
	for _, i := range measure.Spread(len(set), limit) {
		x = append(x, r.Row(set[i])...)
	}
	return x
}

// look takes the closer look. Sweep and baselines are measured on the rows kept back, where there are any.
func look(ctx context.Context, m *sae.Model, rows *rowSet, trained, held []int) (*depth, error) {
	threads := maxThreads()
	d := &depth{Geometry: measure.MeasureGeometry(m, threads), Rows: "held out"}
	judged := held
	if len(judged) == 0 {
		judged, d.Rows = trained, "trained on"
	}
	var codes []sae.Code
	eachCode(m, rows, func(c sae.Code) { codes = append(codes, sae.Code{Latents: slices.Clone(c.Latents)}) })
	d.Density = measure.MeasureDensity(codes, m.M)

	for _, set := range []struct {
		name string
		rows []int
	}{{"training", trained}, {"held out", held}} {
		x := rowsOf(rows, set.rows, alikeRows)
		if len(x) < 4*m.D {
			continue
		}
		codes := measure.Codes(m, x, threads)
		byCode, byRecon, err := measure.CodeCKNNA(ctx, x, m.D, codes, m.M, measure.Decoded(m, codes, threads), measure.Neighbours, threads)
		if err != nil {
			return nil, err
		}
		d.CKNNA = append(d.CKNNA, alike{set.name, len(x) / m.D, byCode, byRecon})
	}

	x := rowsOf(rows, judged, len(judged))
	var err error
	if d.Sweep, err = measure.Sweep(ctx, m, x, measure.Levels(m.M), threads); err != nil {
		return nil, err
	}
	return d, d.compare(ctx, m, rowsOf(rows, trained, fittedRows), x, threads)
}

// compare fits the baselines to one set of rows and measures them on another.
func (d *depth) compare(ctx context.Context, m *sae.Model, fit, x []float32, threads int) error {
	untrained, err := measure.Sweep(ctx, measure.Untrained(m, fit, 1), x, []int{m.K}, threads)
	if err != nil {
		return err
	}
	components := measure.Components(m.K, m.D)
	pca, err := measure.NewPCA(fit, m.D, threads).Sweep(ctx, x, []int{components}, threads)
	if err != nil {
		return err
	}
	centres, err := measure.NewCentres(ctx, fit[:min(len(fit), centreRows*m.D)], m.D, min(m.M, len(fit)/m.D/4+1), 1, threads)
	if err != nil {
		return err
	}
	nearest, err := centres.Measure(ctx, x, threads)
	if err != nil {
		return err
	}
	d.Baseline = []baseline{
		{"the same, untrained", untrained[0]},
		{fmt.Sprintf("PCA, %d components", components), pca[0]},
		{fmt.Sprintf("k-means, %s centres", thousands(centres.K())), measure.Point{K: 1, Metrics: nearest}},
	}
	return nil
}

func (d *depth) text() string {
	var b bytes.Buffer
	figure := func(x float64) string { return strconv.FormatFloat(x, 'f', 4, 64) }
	fmt.Fprintf(&b, "k, on the rows %s\n\n", d.Rows)
	t := newTable([]column{{Name: ""}, {Name: "k", Right: true}, {Name: "FVU batch", Right: true}, {Name: "FVU per sample", Right: true}, {Name: "cosine", Right: true}, {Name: "active", Right: true}}, 0)
	line := func(name string, p measure.Point) {
		t.add(&b, []string{name, strconv.Itoa(p.K), figure(p.FVUBatch), figure(p.FVU), figure(p.Cosine), strconv.FormatFloat(p.L0, 'f', 1, 64)})
	}
	for _, p := range d.Sweep {
		line("the autoencoder", p)
	}
	for _, l := range d.Baseline {
		line(l.Name, l.Point)
	}
	t.flush(&b)
	b.WriteString("\n")
	pairs := []string{
		"decoder rows", fmt.Sprintf("nearest other row: cosine %.3f on average, %.3f for 99%%; %.2f%% have one above %.1f", d.Geometry.NearestMean, d.Geometry.NearestP99, 100*d.Geometry.Duplicates, measure.Duplicate),
		"orthogonality", fmt.Sprintf("%.6f (mean squared product of two rows)", d.Geometry.Orthogonality),
		"density", fmt.Sprintf("the middle latent fires for %.2f%% of the rows; %s for none, %s for at least half", 100*d.Density.Median, thousands(d.Density.Silent), thousands(d.Density.Always)),
	}
	for _, c := range d.CKNNA {
		if !math.IsNaN(c.Codes) {
			pairs = append(pairs, "neighbourhoods, "+c.Set, fmt.Sprintf("CKNNA %.3f of codes, %.3f of reconstructions", c.Codes, c.Recon))
		}
	}
	b.WriteString(facts(pairs...))
	b.WriteString("\n")
	b.WriteString(densityTable(d.Density))
	return b.String()
}

// densityTable draws how many latents fire how often: a bar for each half decade.
func densityTable(d measure.Density) string {
	var b bytes.Buffer
	most := 1
	for _, bin := range d.Bins {
		most = max(most, bin.Latents)
	}
	t := newTable([]column{{Name: "fires for", Right: true}, {Name: "latents", Right: true}, {Name: ""}}, 0)
	for _, bin := range d.Bins {
		const width = 40
		bar := make([]rune, (bin.Latents*width+most-1)/most)
		for i := range bar {
			bar[i] = '▇'
		}
		t.add(&b, []string{shareText(bin.From) + " to " + shareText(bin.To), thousands(bin.Latents), string(bar)})
	}
	t.flush(&b)
	return b.String()
}

// shareText is the share whose log10 is given, as a percentage.
func shareText(log float64) string {
	return strconv.FormatFloat(100*math.Pow(10, log), 'g', 2+int(math.Max(0, math.Floor(log+1.001))), 64) + "%"
}
