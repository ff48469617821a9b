package main

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/saedb/saedb/sae"
)

// text is the outcome for people: the table of figures.
func (o trainOutcome) text() string {
	head := fmt.Sprintf("%s: %s latents, at most %d active in a code, %s steps\n\n", o.SAE, thousands(o.Latents), o.K, thousands(o.Steps))
	tail := ""
	if o.Concepts > 0 {
		tail = fmt.Sprintf("\n%s concepts can be asked for: saectl concepts lists them\n", thousands(o.Concepts))
	}
	return head + metricsText(o.Training, o.Holdout) + tail
}

// metricRow is one figure of sae.Metrics under the name that people know it by.
type metricRow struct {
	Name, Note string
	of         func(sae.Metrics) string
}

// metricRows lists the figures in the order in which they are shown.
func metricRows() []metricRow {
	figure := func(of func(sae.Metrics) float64) func(sae.Metrics) string {
		return func(m sae.Metrics) string { return strconv.FormatFloat(of(m), 'f', 4, 64) }
	}
	return []metricRow{
		{"rows", "", func(m sae.Metrics) string { return thousands(m.Rows) }},
		{"FVU per sample", "share of a vector's variance that is lost", figure(func(m sae.Metrics) float64 { return m.FVU })},
		{"FVU batch", "the same over all vectors together", figure(func(m sae.Metrics) float64 { return m.FVUBatch })},
		{"normalised MAE", "mean error over mean size of the numbers", figure(func(m sae.Metrics) float64 { return m.NMAE })},
		{"cosine", "between a vector and its reconstruction", figure(func(m sae.Metrics) float64 { return m.Cosine })},
		{"active latents", "in one code", func(m sae.Metrics) string { return strconv.FormatFloat(m.L0, 'f', 1, 64) }},
		{"zeros", "share of latents that are silent in a code", figure(func(m sae.Metrics) float64 { return m.ZeroFraction })},
		{"dead latents", "that fire for none of the rows", func(m sae.Metrics) string {
			return fmt.Sprintf("%s (%.1f%%)", thousands(m.Dead), 100*m.DeadFraction)
		}},
	}
}

// metricsText lays the figures of the rows trained on, kept back and, if given, added since out side by side; a set without
// rows has no column.
func metricsText(training, holdout sae.Metrics, added ...sae.Metrics) string {
	var names []string
	var sets []sae.Metrics
	for i, m := range append([]sae.Metrics{training, holdout}, added...) {
		if m.Rows > 0 || i == 0 {
			names, sets = append(names, [...]string{"training", "held out", "added since"}[i]), append(sets, m)
		}
	}
	return metricsTable(names, sets...)
}

// metricsTable has one column of figures for each set.
func metricsTable(names []string, sets ...sae.Metrics) string {
	cols := []column{{}}
	for _, name := range names {
		cols = append(cols, column{Name: name, Right: true})
	}
	var b bytes.Buffer
	t := newTable(cols, 0)
	for _, r := range metricRows() {
		cells := []string{r.Name}
		for _, m := range sets {
			cells = append(cells, r.of(m))
		}
		t.add(&b, cells)
	}
	t.flush(&b)
	return b.String()
}
