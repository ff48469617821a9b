package query

import (
	"context"

	"github.com/saedb/saedb/query/syntax"
)

// describe yields one concept, with a row for each latent of its group; one
// latent; or one image with its metadata.
type describe struct {
	what    string
	name    syntax.Name
	concept Concept
	latent  uint32
}

func (d *describe) plan(t *tree) { t.line("describe %s %s", d.what, d.name) }

func (d *describe) rows(ctx context.Context, r *run, yield func(Row) bool) error {
	if d.what == "image" {
		ord, err := findID(ctx, r, d.name.Span, d.name.Text)
		if err != nil {
			return err
		}
		row := Row{Kind: KindImage, Rank: 1, ID: d.name.Text}
		if err := fillImage(ctx, r, &row, ord, with{meta: true}, nil); err != nil {
			return err
		}
		yield(row)
		return nil
	}
	var rows []Row
	if d.what == "concept" {
		rows = append(rows, conceptRow(d.concept))
		for _, w := range d.concept.Group {
			rows = append(rows, latentRow(r, KindLatent, w.Latent))
		}
	} else {
		rows = append(rows, latentRow(r, KindLatent, d.latent))
	}
	if err := fillStats(ctx, r, rows); err != nil {
		return err
	}
	yieldRows(rows, tails{}, 0, yield)
	return nil
}

// compileDescribe resolves a describe.
func (c *compiler) compileDescribe(x *syntax.Describe) (statement, error) {
	n, err := c.name(x.Name)
	if err != nil {
		return nil, err
	}
	d := &describe{what: x.What, name: n}
	switch x.What {
	case "concept":
		if _, err := c.conceptGroup(n); err != nil {
			return nil, err
		}
		d.concept, _ = c.Concept(n.Text)
	case "latent":
		d.latent, err = c.latent(n)
	}
	return d, err
}
