package main

import (
	"fmt"
	"math"

	"github.com/saedb/saedb/cmd/saectl/internal/runs"
	"github.com/saedb/saedb/internal/web"
	"github.com/saedb/saedb/sae"
)

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
