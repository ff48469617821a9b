package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // thumbnails
	_ "image/png"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/cmd/saectl/internal/runs"
	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/plot"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/concept"
)

// plotOptions is what was asked of plot.
type plotOptions struct {
	out, sae, image string
	top             int
	force           bool
}

// drawing makes a figure from the database.
type drawing func(ctx context.Context, d *db.DB, o plotOptions) (*plot.Figure, error)

func newPlotCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plot",
		Short: "Draw the loss, the density of latents, the clusters, the concepts of a picture",
		Long: `Draw one figure as SVG or PNG; the ending of --out says which. The same database gives
the same file.`,
	}
	add := func(use, short, example string, draw drawing) (*cobra.Command, *plotOptions) {
		o := &plotOptions{}
		sub := &cobra.Command{
			Use: use, Short: short, Example: "  saectl plot " + example, Args: wantArgs(cobra.NoArgs),
			RunE: func(cmd *cobra.Command, _ []string) error {
				return a.withDB(cmd.Context(), db.Options{ReadOnly: true}, func(d *db.DB) error { return writePlot(cmd.Context(), a, d, *o, draw) })
			},
		}
		sub.Flags().StringVarP(&o.out, "out", "o", use+".svg", "the file to write, FILE.svg or FILE.png")
		sub.Flags().BoolVar(&o.force, "force", false, "replace a file that exists")
		sub.Flags().StringVar(&o.sae, "sae", "", "the autoencoder (default: the active one)")
		cmd.AddCommand(sub)
		return sub, o
	}
	add("loss", "The loss of the training run over its steps", "loss --out loss.png", drawLoss)
	add("density", "How many latents fire for which share of the pictures", "density --out density.svg", drawDensity)
	add("clusters", "A map of the pictures, coloured by cluster, with the clusters' names", "clusters --out map.png", drawClusters)
	one, o := add("concepts", "The strongest concepts of one picture", "concepts --image beach/7.jpg --out concepts.png", drawConcepts)
	one.Flags().StringVar(&o.image, "image", "", "id of the picture")
	one.Flags().IntVar(&o.top, "top", 10, "how many concepts")
	cobra.CheckErr(one.MarkFlagRequired("image"))
	return cmd
}

// writePlot draws and writes the file, whole or not at all.
func writePlot(ctx context.Context, a *app, d *db.DB, o plotOptions, draw drawing) error {
	var write func(*plot.Figure, io.Writer) error
	switch strings.ToLower(filepath.Ext(o.out)) {
	case ".svg":
		write = (*plot.Figure).SVG
	case ".png":
		write = (*plot.Figure).PNG
	default:
		return fmt.Errorf("--out %s: the name must end in .svg or .png", o.out)
	}
	if err := checkFree(o.out, o.force); err != nil {
		return err
	}
	figure, err := draw(ctx, d, o)
	if err != nil {
		return err
	}
	if err := writeWhole(o.out, func(w io.Writer) error { return write(figure, w) }); err != nil {
		return err
	}
	return a.printOutcome(map[string]string{"plot": o.out}, "wrote "+o.out)
}

func drawLoss(ctx context.Context, d *db.DB, o plotOptions) (*plot.Figure, error) {
	name, m, err := chosenModel(ctx, d, o.sae)
	if err != nil {
		return nil, err
	}
	run, err := runs.In(d.Dir()).Run(name)
	if err != nil {
		return nil, err
	}
	points, err := run.Points()
	if err != nil {
		return nil, err
	}
	if len(points) < 2 {
		return nil, hint(fmt.Errorf("the run of %s has kept no losses", name), "autoencoders that were imported have none; saectl train writes them to %s", filepath.Join(run.Dir(), "metrics.jsonl"))
	}
	steps := make([]plot.Step, len(points))
	for i, p := range points {
		steps[i] = plot.Step{Number: p.Step, Loss: p.Loss}
	}
	last := points[len(points)-1]
	return plot.Loss(plot.Title{
		Head: "Training loss of " + name,
		Sub:  fmt.Sprintf("%s latents, %d active; %s steps in %d epochs; last batch %.3g, running mean in bold", thousands(m.M), m.K, thousands(last.Step), last.Epoch, last.Loss),
	}, steps), nil
}

func drawDensity(ctx context.Context, d *db.DB, o plotOptions) (*plot.Figure, error) {
	name, m, err := chosenModel(ctx, d, o.sae)
	if err != nil {
		return nil, err
	}
	rows, err := loadRows(ctx, d)
	if err != nil {
		return nil, err
	}
	if rows.Len() == 0 {
		return nil, hint(errors.New("the database holds no pictures"), creators)
	}
	silent := 0
	counts := make([]int, m.M)
	for l, s := range measureLatents(m, rows) {
		if counts[l] = s.count; s.count == 0 {
			silent++
		}
	}
	sub := fmt.Sprintf("%s pictures, %s latents, up to %d active in a code", thousands(rows.Len()), thousands(m.M), m.K)
	if silent > 0 {
		sub += fmt.Sprintf("; not shown: %s that never fire", thousands(silent))
	}
	return plot.Density(plot.Title{Head: "How often the latents of " + name + " fire", Sub: sub}, counts, rows.Len()), nil
}

func drawConcepts(ctx context.Context, d *db.DB, o plotOptions) (*plot.Figure, error) {
	if o.top < 1 {
		return nil, fmt.Errorf("--top %d: it is at least 1", o.top)
	}
	it, err := d.Get(ctx, o.image)
	if errors.Is(err, db.ErrNotFound) {
		return nil, hint(err, "saectl query 'all top 10' lists some ids")
	}
	if err != nil {
		return nil, err
	}
	name, m, err := chosenModel(ctx, d, o.sae)
	if err != nil {
		return nil, err
	}
	names, err := d.EditedNames(ctx, name)
	if errors.Is(err, db.ErrNoNames) {
		names, err = &concept.Names{Latents: make([]concept.Name, m.M)}, nil
	}
	if err != nil {
		return nil, err
	}
	code := m.Encode(sae.Code{}, it.Vec)
	bars := conceptBars(code, names)
	shown := min(o.top, len(bars))
	var thumb image.Image
	if len(it.Thumb) > 0 {
		thumb, _, _ = image.Decode(bytes.NewReader(it.Thumb)) // one that cannot be decoded is not shown
	}
	return plot.Bars(plot.Title{
		Head: "Concepts of " + it.ID,
		Sub:  fmt.Sprintf("%d strongest of %d concepts; %d latents of %s are active", shown, len(bars), code.Len(), name),
	}, "activation, latents of one name added", bars[:shown], thumb), nil
}

// conceptBars adds a code's activations by name, the largest first; a latent without a name stands alone.
func conceptBars(c sae.Code, names *concept.Names) []plot.Bar {
	var bars []plot.Bar
	at := map[string]int{}
	for i, l := range c.Latents {
		name := cmp.Or(names.Latents[l].Word, fmt.Sprintf("latent %d", l))
		if _, seen := at[name]; !seen {
			at[name], bars = len(bars), append(bars, plot.Bar{Name: name})
		}
		bars[at[name]].Value += float64(c.Acts[i])
	}
	slices.SortStableFunc(bars, func(a, b plot.Bar) int { return cmp.Compare(b.Value, a.Value) })
	return bars
}
