package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/plot"
	"github.com/saedb/saedb/internal/vec"
)

// mapPoints is how many pictures a map shows at most: enough to fill it, few enough for a file that opens at once.
const mapPoints = 6000

// drawClusters projects the vectors onto their two principal directions. Of more pictures than a map holds it shows an even
// choice by id.
func drawClusters(ctx context.Context, d *db.DB, _ plotOptions) (*plot.Figure, error) {
	clusters, err := d.Clusters(ctx)
	if err != nil {
		return nil, err
	}
	of := map[string]int{}
	for it, err := range d.All(ctx) {
		if err != nil {
			return nil, err
		}
		if c, ok := it.Meta[db.ClusterField].(int64); ok && c >= 0 {
			of[it.ID] = int(c)
		}
	}
	rows, err := loadRows(ctx, d)
	if err != nil {
		return nil, err
	}
	axes, variance, mean := vec.Principal(rows.X, rows.D, min(2, rows.D), maxThreads())
	every := (len(of) + mapPoints - 1) / mapPoints
	var points []plot.Point
	seen := 0
	for row, id := range rows.ids {
		c, ok := of[id]
		if !ok {
			continue
		}
		if seen++; (seen-1)%every != 0 {
			continue
		}
		p := plot.Point{X: along(rows.Row(row), mean, axes[:rows.D]), Cluster: c}
		if len(axes) > rows.D {
			p.Y = along(rows.Row(row), mean, axes[rows.D:])
		}
		points = append(points, p)
	}
	var shares [2]float64
	if total := totalVariance(rows, mean); total > 0 {
		for i, v := range variance {
			shares[i] = v / total
		}
	}
	names := make([]string, len(clusters.List))
	for i, c := range clusters.List {
		names[i] = strings.TrimSpace(fmt.Sprintf("%d %s", c.ID, c.Name))
	}
	sub := fmt.Sprintf("%s pictures in %d clusters over %s", thousands(len(of)), len(clusters.List), clusters.Over)
	if every > 1 {
		sub += fmt.Sprintf("; one in %d is shown", every)
	}
	return plot.Clusters(plot.Title{Head: "Clusters of pictures", Sub: sub}, points, names, shares), nil
}

// along is the coordinate of x, from the mean, on an axis.
func along(x []float32, mean, axis []float64) float64 {
	sum := 0.0
	for i, f := range x {
		sum += (float64(f) - mean[i]) * axis[i]
	}
	return sum
}

// totalVariance is the variance of the rows about their mean, over all directions.
func totalVariance(rows *rowSet, mean []float64) float64 {
	sum := 0.0
	for row := range rows.Len() {
		for i, f := range rows.Row(row) {
			sum += (float64(f) - mean[i]) * (float64(f) - mean[i])
		}
	}
	return sum / float64(rows.Len())
}
