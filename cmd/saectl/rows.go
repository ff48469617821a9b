package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/saedb/saedb/query"
)

// rowPrinter prints the rows of a query. All rows of one kind have the same
// parts, so the first decides the columns; as a table every kind is one of its own.
type rowPrinter struct {
	a      *app
	p      *printer
	kind   query.Kind
	layout layout
	cursor string // of the last row
}

// layout is how one kind of row becomes columns.
type layout []rowColumn

type rowColumn struct {
	column
	cell func(query.Row) string
}

func (r *rowPrinter) print(row query.Row) error {
	if r.p != nil && row.Kind != r.kind && r.a.format == formatTable {
		if err := r.p.close(); err != nil {
			return err
		}
		r.p = nil
	}
	if r.p == nil {
		r.kind, r.layout = row.Kind, layoutOf(row, number(r.a))
		r.p = r.a.printer(r.layout.columns()...)
	}
	r.cursor = row.Cursor
	return r.p.print(line{JSON: row, Cells: r.layout.cells(row), Path: row.Path})
}

func (r *rowPrinter) close() error {
	if r.p == nil {
		r.p = r.a.printer()
	}
	if r.cursor != "" {
		defer r.a.note(`there is more: after "%s"`, r.cursor)
	}
	return r.p.close()
}

func (l layout) columns() []column {
	cols := make([]column, len(l))
	for i, c := range l {
		cols[i] = c.column
	}
	return cols
}

func (l layout) cells(row query.Row) []string {
	cells := make([]string, len(l))
	for i, c := range l {
		cells[i] = c.cell(row)
	}
	return cells
}

// number returns how the app writes measured numbers: four decimals for eyes,
// every digit for programs.
func number(a *app) func(float64) string {
	if a.format == formatTable {
		return func(x float64) string { return strconv.FormatFloat(x, 'f', 4, 64) }
	}
	return func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
}

// layoutOf chooses the columns for rows like the given one.
func layoutOf(row query.Row, num func(float64) string) layout {
	left := func(name string, cell func(query.Row) string) rowColumn {
		return rowColumn{column{Name: name}, cell}
	}
	right := func(name string, cell func(query.Row) string) rowColumn {
		return rowColumn{column{Name: name, Right: true}, cell}
	}
	measure := func(name string, value func(query.Row) float64) rowColumn {
		return right(name, func(r query.Row) string { return num(value(r)) })
	}
	rank := right("rank", func(r query.Row) string { return strconv.Itoa(r.Rank) })
	latent := right("latent", func(r query.Row) string { return strconv.FormatUint(uint64(r.Latent), 10) })
	word := left("concept", func(r query.Row) string { return r.Concept })
	name := left("name", func(r query.Row) string { return r.Name })
	count := right("count", func(r query.Row) string { return strconv.Itoa(r.Count) })
	density := measure("density", func(r query.Row) float64 { return r.Density })
	largest := measure("max", func(r query.Row) float64 { return r.Max })
	mean := measure("mean", func(r query.Row) float64 { return r.Mean })
	activation := measure("activation", func(r query.Row) float64 { return r.Activation })
	share := measure("share", func(r query.Row) float64 { return r.Share })
	confidence := measure("confidence", func(r query.Row) float64 { return r.Confidence })
	runnersUp := left("runners_up", func(r query.Row) string { return strings.Join(r.RunnersUp, ", ") })

	switch row.Kind {
	case query.KindExplain:
		return layout{rank, latent, word, activation, share, confidence, runnersUp}
	case query.KindPair:
		other := measure("other", func(r query.Row) float64 { return r.Other })
		return layout{rank, latent, word, activation, other, share, confidence, runnersUp}
	case query.KindConcept:
		group := left("latents", func(r query.Row) string { return joined(r.Latents) })
		return append(layout{rank, word, count, density, largest, mean, group}, around(row, measure, left)...)
	case query.KindLatent:
		margin := measure("margin", func(r query.Row) float64 { return r.Margin })
		reason := left("reason", func(r query.Row) string { return r.Reason })
		return append(layout{rank, latent, word, count, density, largest, mean, confidence, margin, runnersUp, reason}, around(row, measure, left)...)
	case query.KindField:
		field := left("field", func(r query.Row) string { return r.Name })
		types := left("types", func(r query.Row) string { return strings.Join(r.Types, ", ") })
		return layout{field, types, count}
	case query.KindCluster:
		cluster := right("cluster", func(r query.Row) string { return strconv.Itoa(r.Cluster) })
		cosine := measure("mean_cosine", func(r query.Row) float64 { return r.Cosine })
		concepts := left("concepts", func(r query.Row) string { return sharesText(r.Concepts) })
		return layout{cluster, name, count, density, cosine, concepts}
	case query.KindCount:
		switch row.By {
		case "":
			return layout{count}
		case query.ClusterField:
			return layout{right(row.By, valueText), name, count}
		}
		return layout{left(row.By, valueText), count}
	case query.KindPlan:
		return layout{left("", func(r query.Row) string { return r.Text })}
	}
	score := measure("score", func(r query.Row) float64 { return r.Score })
	id := left("id", func(r query.Row) string { return r.ID })
	path := left("path", func(r query.Row) string { return r.Path })
	image := layout{rank, score, id, path}
	if row.By != "" {
		image = append(image, left(row.By, valueText))
	}
	if row.Was != 0 {
		image = append(image, right("was", wasText))
	}
	if row.Why != nil {
		image = append(image, left("why", whyText))
	}
	if row.Meta != nil {
		image = append(image, left("meta", metaText))
	}
	if row.Code != nil {
		image = append(image, left("codes", codeText))
	}
	if row.Vector != nil {
		image = append(image, left("vector", vectorText))
	}
	return append(image, around(row, measure, left)...)
}

// around are the columns of what only some rows of a kind have: how near they are to a text, and what a description says.
func around(row query.Row, measure func(string, func(query.Row) float64) rowColumn, left func(string, func(query.Row) string) rowColumn) (l layout) {
	if row.Score != 0 && row.Kind != query.KindImage {
		l = append(l, measure("score", func(r query.Row) float64 { return r.Score }))
	}
	if len(row.Aliases) > 0 {
		l = append(l, left("aliases", func(r query.Row) string { return strings.Join(r.Aliases, ", ") }))
	}
	if len(row.Neighbours) > 0 {
		l = append(l, left("neighbours", func(r query.Row) string { return listed(r.Neighbours, neighbourText) }))
	}
	if len(row.Together) > 0 {
		l = append(l, left("together", func(r query.Row) string { return listed(r.Together, togetherText) }))
	}
	if len(row.Pictures) > 0 {
		l = append(l, left("pictures", func(r query.Row) string { return listed(r.Pictures, pictureText) }))
	}
	return l
}

// listed is texts of some things with commas between them.
func listed[T any](things []T, text func(T) string) string {
	words := make([]string, len(things))
	for i, t := range things {
		words[i] = text(t)
	}
	return strings.Join(words, ", ")
}

func neighbourText(n query.Neighbour) string {
	return fmt.Sprintf("%s %.2f", latentText(n.Concept, n.Latent), n.Cosine)
}

func togetherText(t query.Together) string {
	return fmt.Sprintf("%s %.0f%%", latentText(t.Concept, t.Latent), 100*t.Share)
}

func pictureText(p query.Picture) string { return fmt.Sprintf("%s %.2f", p.ID, p.Score) }

// latentText is the name of a latent, or its number where it has none.
func latentText(name string, latent uint32) string {
	if name == "" {
		return fmt.Sprintf("latent %d", latent)
	}
	return name
}

// wasText is the rank before steering.
func wasText(r query.Row) string {
	if r.Was < 0 {
		return "new"
	}
	return strconv.Itoa(r.Was)
}

// codeText is "0:0.8 3:0.6".
func codeText(r query.Row) string {
	words := make([]string, len(r.Code.Latents))
	for i, latent := range r.Code.Latents {
		words[i] = fmt.Sprintf("%d:%.4g", latent, r.Code.Acts[i])
	}
	return strings.Join(words, " ")
}

func vectorText(r query.Row) string {
	return strings.Trim(fmt.Sprintf("%.4g", r.Vector), "[]")
}

// valueText is a value as JSON has it, text without the quotes.
func valueText(r query.Row) string {
	text, _ := json.Marshal(r.Value) // plain values, which always marshal
	var s string
	if json.Unmarshal(text, &s) == nil {
		return s
	}
	return string(text)
}

// whyText is "dog 62%, snow 31%".
func whyText(r query.Row) string {
	words := make([]string, len(r.Why))
	for i, w := range r.Why {
		words[i] = fmt.Sprintf("%s %.0f%%", latentText(w.Concept, w.Latent), 100*w.Share)
	}
	return strings.Join(words, ", ")
}

func metaText(r query.Row) string {
	text, _ := json.Marshal(r.Meta) // plain values, which always marshal
	return string(text)
}

func joined(numbers []uint32) string {
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = strconv.FormatUint(uint64(n), 10)
	}
	return strings.Join(words, " ")
}
