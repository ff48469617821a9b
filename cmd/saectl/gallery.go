package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/cmd/saectl/internal/runs"
	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/web"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/concept"
)

// galleryOptions is what was asked of gallery.
type galleryOptions struct {
	out, title, lead, note string
	concepts               []string
	count, per             int
	latents                int
}

func newGalleryCmd(a *app) *cobra.Command {
	var o galleryOptions
	cmd := &cobra.Command{
		Use:   "gallery [CONCEPT…]",
		Short: "Write one HTML file that shows concepts, their pictures and latents",
		Long: `Write a report as one HTML file that needs nothing else: the quality of the
autoencoder, a few pictures taken apart, for each concept the pictures it finds
with their values and top concepts, pictures similar by latents and by vectors,
clusters where there are any, and for single latents the pictures that excite
them most. Without concepts named, those with the best names are shown.
An item without a thumbnail gets a tile drawn from its id.`,
		Example: "  saectl gallery --out report.html dog 'sea shore' bicycle",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.concepts = args
			return a.withDB(cmd.Context(), db.Options{ReadOnly: true}, func(d *db.DB) error {
				path, err := writeGallery(cmd.Context(), a, d, o)
				if err != nil {
					return err
				}
				return a.printOutcome(map[string]string{"gallery": path}, "wrote "+path)
			})
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.out, "out", "o", "gallery.html", "the file to write")
	f.StringVar(&o.title, "title", "", "title of the page")
	f.IntVar(&o.count, "concepts", 12, "how many concepts to show where none is named")
	f.IntVar(&o.per, "pictures", 12, "pictures of a concept")
	f.IntVar(&o.latents, "latents", 24, "how many latents to show")
	return cmd
}

// writeGallery writes the report and returns its absolute path.
func writeGallery(ctx context.Context, a *app, d *db.DB, o galleryOptions) (string, error) {
	r, err := galleryReport(ctx, d, o)
	if err != nil {
		return "", err
	}
	pages, err := web.New()
	if err != nil {
		return "", err
	}
	f, err := os.Create(o.out)
	if err != nil {
		return "", err
	}
	w := bufio.NewWriterSize(f, 1<<16)
	err = pages.Report(w, r)
	if err == nil {
		err = w.Flush()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", o.out, err)
	}
	path, err := filepath.Abs(o.out)
	if err != nil {
		return o.out, nil // the file is written; only its folder's name is not known
	}
	return path, nil
}

// gallery gathers what a report shows.
type gallery struct {
	d     *db.DB
	o     galleryOptions
	name  string
	m     *sae.Model
	names *concept.Names // empty where the latents have none
	stats []latentStat
	rows  int
}

// latentStat is how often a latent fires and how strongly at most.
type latentStat struct {
	latent uint32
	count  int
	max    float32
}

func galleryReport(ctx context.Context, d *db.DB, o galleryOptions) (*web.Report, error) {
	g := &gallery{d: d, o: o}
	var err error
	if g.name, g.m, err = chosenModel(ctx, d, ""); err != nil {
		return nil, err
	}
	if g.names, err = d.EditedNames(ctx, g.name); errors.Is(err, db.ErrNoNames) {
		g.names, err = &concept.Names{Latents: make([]concept.Name, g.m.M)}, nil
	}
	if err != nil {
		return nil, err
	}
	rows, err := loadRows(ctx, d)
	if err != nil {
		return nil, err
	}
	g.rows, g.stats = rows.Len(), measureLatents(g.m, rows)

	r := &web.Report{Title: o.title, Lead: o.lead, Note: o.note}
	g.head(r)
	words := o.concepts
	if len(words) == 0 {
		words = g.bestWords(o.count)
	}
	for _, word := range words {
		c, err := g.concept(ctx, word)
		if err != nil {
			return nil, err
		}
		r.Concepts = append(r.Concepts, c)
	}
	if r.Explained, err = g.explained(ctx, r.Concepts); err != nil {
		return nil, err
	}
	if r.Similar, err = g.similar(ctx, r.Explained); err != nil {
		return nil, err
	}
	if r.Clusters, err = g.clusters(ctx); err != nil {
		return nil, err
	}
	for _, l := range g.bestLatents(o.latents) {
		shown, err := g.latent(ctx, l)
		if err != nil {
			return nil, err
		}
		r.Latents = append(r.Latents, shown)
	}
	return r, nil
}

// measureLatents counts, by latent, in how many codes it is active, and its
// largest activation.
func measureLatents(m *sae.Model, rows *rowSet) []latentStat {
	stats := make([]latentStat, m.M)
	for l := range stats {
		stats[l].latent = uint32(l)
	}
	eachCode(m, rows, func(c sae.Code) {
		for j, l := range c.Latents {
			stats[l].count++
			stats[l].max = max(stats[l].max, c.Acts[j])
		}
	})
	return stats
}

// head fills in title, figures and charts.
func (g *gallery) head(r *web.Report) {
	alive := 0
	for _, s := range g.stats {
		if s.count > 0 {
			alive++
		}
	}
	if r.Title == "" {
		r.Title = fmt.Sprintf("%s pictures, written as concepts", thousands(g.rows))
	}
	if r.Lead == "" {
		r.Lead = fmt.Sprintf("A sparse autoencoder turns each vector into at most %d of %s latents. Latents are named from a vocabulary, and pictures are found by those names.", g.m.K, thousands(g.m.M))
	}
	r.Facts = []web.Fact{
		{Value: thousands(g.rows), Label: "pictures"}, {Value: thousands(g.m.M), Label: "latents"},
		{Value: strconv.Itoa(g.m.K), Label: "active per picture"}, {Value: thousands(alive), Label: "latents in use"},
		{Value: thousands(len(g.names.Concepts)), Label: "concepts"},
	}
	r.Metrics = metricsPage(g.m.Info.Training, g.m.Info.Holdout)
	if c, ok := g.lossChart(); ok {
		r.Charts = append(r.Charts, c)
	}
	r.Charts = append(r.Charts, densityChart(g.stats, g.rows))
	r.Foot = fmt.Sprintf("Written by saectl gallery from the autoencoder %s. This page loads nothing from anywhere.", g.name)
}

// metricsPage is the table of figures for the page.
func metricsPage(training, holdout sae.Metrics) web.Table {
	t := web.Table{}
	if training.Rows == 0 {
		return t
	}
	t.Columns = []string{"training"}
	if holdout.Rows > 0 {
		t.Columns = append(t.Columns, "held out")
	}
	for _, row := range metricRows() {
		cells := []string{row.of(training)}
		if holdout.Rows > 0 {
			cells = append(cells, row.of(holdout))
		}
		t.Rows = append(t.Rows, web.TableRow{Name: row.Name, Note: row.Note, Cells: cells})
	}
	return t
}

// lossChart draws the loss that the run has logged; without a log there is none.
func (g *gallery) lossChart() (web.Chart, bool) {
	run, err := runs.In(g.d.Dir()).Run(g.name)
	if err != nil {
		return web.Chart{}, false
	}
	points, err := run.Points()
	if err != nil || len(points) < 2 {
		return web.Chart{}, false
	}
	losses := make([]float64, len(points))
	for i, p := range points {
		losses[i] = p.Loss
	}
	c := web.Line("Training loss", losses)
	c.Left, c.Right = "first step", "step "+thousands(points[len(points)-1].Step)
	return c, true
}

// densityChart shows how many latents fire how often: columns of a quarter of a
// decade, from one picture to all of them.
func densityChart(stats []latentStat, rows int) web.Chart {
	const perDecade = 4
	bins := make([]int, int(math.Ceil(math.Log10(float64(max(rows, 2)))*perDecade))+1)
	for _, s := range stats {
		if s.count > 0 {
			bins[int(math.Log10(float64(s.count))*perDecade)]++
		}
	}
	c := web.Histogram("How often a latent fires", bins, func(i int) string {
		return fmt.Sprintf("in %s pictures or more", thousands(int(math.Ceil(math.Pow(10, float64(i)/perDecade)))))
	})
	c.Left, c.Right = "in one picture", "in "+thousands(rows)
	return c
}

// bestLatents are the named latents whose names fit best, among those that fire
// often enough to show something and seldom enough to mean something.
func (g *gallery) bestLatents(n int) []latentStat {
	var fit []latentStat
	for _, s := range g.stats {
		if s.count >= min(6, g.rows) && s.count <= max(6, g.rows/5) {
			fit = append(fit, s)
		}
	}
	slices.SortStableFunc(fit, func(a, b latentStat) int {
		return cmp.Compare(g.names.Latents[b.latent].Score, g.names.Latents[a.latent].Score)
	})
	return fit[:min(n, len(fit))]
}

// bestWords are the different names of the best latents.
func (g *gallery) bestWords(n int) []string {
	var words []string
	for _, s := range g.bestLatents(len(g.stats)) {
		word := g.names.Latents[s.latent].Word
		if _, is := g.names.Concept(word); is && !slices.Contains(words, word) {
			words = append(words, word)
		}
		if len(words) == n {
			break
		}
	}
	return words
}

// ask runs a query and hands each row to f.
func (g *gallery) ask(ctx context.Context, text string, p query.Params, f func(query.Row) error) error {
	for row, err := range g.d.Query(ctx, text, p) {
		if err == nil {
			err = f(row)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (g *gallery) concept(ctx context.Context, word string) (web.Concept, error) {
	c := web.Concept{Word: word}
	if named, ok := g.names.Concept(word); ok {
		for _, w := range named.Group[:min(4, len(named.Group))] {
			c.Group = append(c.Group, web.Share{Latent: w.Latent, Percent: percent(float64(w.W))})
		}
	}
	err := g.ask(ctx, "count concept = $c", query.Params{"c": word}, func(row query.Row) error {
		c.Count = row.Count
		return nil
	})
	if err != nil {
		return c, err
	}
	err = g.ask(ctx, fmt.Sprintf("concept = $c top %d", g.o.per), query.Params{"c": word}, func(row query.Row) error {
		p, err := g.picture(ctx, row.ID, fmt.Sprintf("%.2f", row.Score), word, 4)
		c.Pictures = append(c.Pictures, p)
		return err
	})
	return c, err
}

// explained picks the best pictures of the first concepts, each once.
func (g *gallery) explained(ctx context.Context, concepts []web.Concept) ([]web.Picture, error) {
	var shown []web.Picture
	for _, c := range concepts {
		if len(shown) == 3 {
			break
		}
		for _, p := range c.Pictures {
			if slices.ContainsFunc(shown, func(q web.Picture) bool { return q.ID == p.ID }) {
				continue
			}
			full, err := g.picture(ctx, p.ID, "", "", 8)
			if err != nil {
				return nil, err
			}
			shown = append(shown, full)
			break
		}
	}
	return shown, nil
}

func (g *gallery) latent(ctx context.Context, s latentStat) (web.Latent, error) {
	n := g.names.Latents[s.latent]
	l := web.Latent{Number: s.latent, Word: n.Word, Count: s.count, Max: fmt.Sprintf("%.2f", s.max)}
	for _, r := range n.RunnersUp[:min(4, len(n.RunnersUp))] {
		l.Runners = append(l.Runners, r.Word)
	}
	var err error
	l.Pictures, err = g.thumbs(ctx, "latent = $n top 8", query.Params{"n": int64(s.latent)}, "%.2f")
	return l, err
}

// thumbs shows the answer to a query, each picture with its score, as format says, and without its concepts.
func (g *gallery) thumbs(ctx context.Context, text string, p query.Params, format string) (pictures []web.Picture, err error) {
	err = g.ask(ctx, text, p, func(row query.Row) error {
		it, err := g.d.Get(ctx, row.ID)
		shown := web.Picture{ID: row.ID, Caption: caption(it.Meta), Src: web.Thumb(row.ID, it.Thumb)}
		if format != "" {
			shown.Value = fmt.Sprintf(format, row.Score)
		}
		pictures = append(pictures, shown)
		return err
	})
	return pictures, err
}

// similar shows what is near to pictures by their codes and by their vectors.
func (g *gallery) similar(ctx context.Context, to []web.Picture) (shown []web.Similar, err error) {
	for _, p := range to {
		id := query.Params{"id": p.ID}
		s := web.Similar{To: web.Picture{ID: p.ID, Caption: p.Caption, Src: p.Src}}
		if s.ByLatents, err = g.thumbs(ctx, "near image $id in latent top 8", id, "%.2f"); err != nil {
			return nil, err
		}
		if s.ByVectors, err = g.thumbs(ctx, "near image $id in dense top 8", id, "%.2f"); err != nil {
			return nil, err
		}
		shown = append(shown, s)
	}
	return shown, nil
}

// clusters shows the groups that saectl cluster made, each with its first pictures; there may be none.
func (g *gallery) clusters(ctx context.Context) ([]web.Cluster, error) {
	stored, err := g.d.Clusters(ctx)
	if errors.Is(err, db.ErrNoClusters) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var shown []web.Cluster
	for _, c := range stored.List {
		w := web.Cluster{Number: c.ID, Name: c.Name, Size: c.Size}
		for _, share := range c.Concepts {
			w.Concepts = append(w.Concepts, share.Word+" "+percent(share.Share))
		}
		if w.Pictures, err = g.thumbs(ctx, "cluster = $n top 8", query.Params{"n": int64(c.ID)}, ""); err != nil {
			return nil, err
		}
		shown = append(shown, w)
	}
	return shown, nil
}

// picture shows an item with its top concepts: latents of one name count together.
func (g *gallery) picture(ctx context.Context, id, value, asked string, bars int) (web.Picture, error) {
	it, err := g.d.Get(ctx, id)
	if err != nil {
		return web.Picture{}, err
	}
	p := web.Picture{ID: id, Caption: caption(it.Meta), Src: web.Thumb(id, it.Thumb), Value: value}
	parts, err := g.parts(ctx, id)
	if err != nil {
		return p, err
	}
	longest := 0.0
	for i, part := range parts[:min(bars, len(parts))] {
		if i == 0 {
			longest = part.share
		}
		p.Bars = append(p.Bars, web.Bar{
			Label: part.name, Value: percent(part.share), Title: "latents " + strings.Join(part.latents, ", "),
			Percent: math.Round(1000*part.share/longest) / 10, Asked: part.name == asked,
		})
	}
	return p, nil
}

// part is what one name holds of a picture's code.
type part struct {
	name    string
	share   float64
	latents []string
}

// parts explains a picture by names, the largest share first.
func (g *gallery) parts(ctx context.Context, id string) ([]part, error) {
	var parts []part
	at := map[string]int{}
	err := g.ask(ctx, "explain image $id top 1000", query.Params{"id": id}, func(row query.Row) error {
		name := row.Concept
		if name == "" {
			name = fmt.Sprintf("latent %d", row.Latent)
		}
		i, seen := at[name]
		if !seen {
			i = len(parts)
			at[name], parts = i, append(parts, part{name: name})
		}
		parts[i].share += row.Share
		parts[i].latents = append(parts[i].latents, strconv.Itoa(int(row.Latent)))
		return nil
	})
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(b.share, a.share) })
	return parts, err
}

// caption is the text of an item's metadata that describes it best.
func caption(meta map[string]any) string {
	for _, key := range []string{"caption", "captions", "title", "description", "text"} {
		switch v := meta[key].(type) {
		case string:
			return v
		case []string:
			if len(v) > 0 {
				return v[0]
			}
		}
	}
	return ""
}

// percent writes a share: "31%".
func percent(share float64) string { return strconv.Itoa(int(math.Round(100*share))) + "%" }
