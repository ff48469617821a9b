package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/web"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/concept"
)

// gallery gathers what the pages show.
type gallery struct {
	d     *db.DB
	o     galleryOptions
	faces faces
	name  string
	m     *sae.Model
	names *concept.Names // empty where the latents have none
	rows  *rowSet
	stats []latentStat // by latent
	where latentPlaces // of the latents that the atlas shows
	code  sae.Code     // scratch
}

func newGallery(ctx context.Context, d *db.DB, o galleryOptions, f faces) (*gallery, error) {
	g := &gallery{d: d, o: o, faces: f, where: latentPlaces{}}
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
	if g.rows, err = loadRows(ctx, d); err != nil {
		return nil, err
	}
	g.stats = measureLatents(g.m, g.rows)
	return g, nil
}

// report is the gallery as one page.
func (g *gallery) report(ctx context.Context) (*web.Report, error) {
	r, err := g.overview(ctx)
	if err != nil {
		return nil, err
	}
	if r.Atlas, err = g.atlas(ctx); err != nil {
		return nil, err
	}
	g.link(r)
	r.Nav = sections(r)
	if f, ok := g.faces.(*albumFaces); ok {
		r.Album = &f.album
	}
	r.Foot = fmt.Sprintf("Written by saectl gallery from the autoencoder %s. This page loads nothing from anywhere.", g.name)
	return r, nil
}

// overview is a report without its atlas.
func (g *gallery) overview(ctx context.Context) (*web.Report, error) {
	r := &web.Report{Title: g.o.title, Lead: g.o.lead, Note: g.o.note}
	g.head(r)
	words := g.o.concepts
	if len(words) == 0 {
		words = g.bestWords(g.o.count)
	}
	for _, word := range words {
		c, err := g.concept(ctx, word)
		if err != nil {
			return nil, err
		}
		r.Concepts = append(r.Concepts, c)
	}
	var err error
	if r.Explained, err = g.explained(ctx, r.Concepts); err != nil {
		return nil, err
	}
	if r.Similar, err = g.similar(ctx, r.Explained); err != nil {
		return nil, err
	}
	r.Clusters, err = g.clusters(ctx)
	return r, err
}

// sections are links to the parts of a page that are there.
func sections(r *web.Report) (nav []web.Link) {
	for _, s := range []struct {
		text, anchor string
		count        int
	}{
		{"Concepts", "concepts", len(r.Concepts)}, {"Similar pictures", "similar", len(r.Similar)},
		{"Clusters", "clusters", len(r.Clusters)}, {"Atlas", "atlas", len(r.Atlas.Latents)},
	} {
		if s.count > 0 {
			nav = append(nav, web.Link{Text: s.text, Href: anchorURL("", s.anchor)})
		}
	}
	return nav
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
		r.Title = fmt.Sprintf("%s pictures, written as concepts", thousands(g.rows.Len()))
	}
	if r.Lead == "" {
		r.Lead = fmt.Sprintf("A sparse autoencoder turns each vector into at most %d of %s latents. Latents are named from a vocabulary, and pictures are found by those names.", g.m.K, thousands(g.m.M))
	}
	r.Facts = []web.Fact{
		{Value: thousands(g.rows.Len()), Label: "pictures"}, {Value: thousands(g.m.M), Label: "latents"},
		{Value: strconv.Itoa(g.m.K), Label: "active per picture"}, {Value: thousands(alive), Label: "latents in use"},
		{Value: thousands(len(g.names.Concepts)), Label: "concepts"},
	}
	r.Metrics = metricsPage(g.m.Info.Training, g.m.Info.Holdout)
	if c, ok := g.lossChart(); ok {
		r.Charts = append(r.Charts, c)
	}
	r.Charts = append(r.Charts, densityChart(g.stats, g.rows.Len()))
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
		p, err := g.card(ctx, row.ID, word, 4)
		p.Value = fmt.Sprintf("%.2f", row.Score)
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
			full, err := g.card(ctx, p.ID, "", cardBars)
			if err != nil {
				return nil, err
			}
			shown = append(shown, full)
			break
		}
	}
	return shown, nil
}

// thumbs shows the answer to a query, each picture small, with its score as format
// says and without its concepts.
func (g *gallery) thumbs(ctx context.Context, text string, p query.Params, format string) (pictures []web.Picture, err error) {
	err = g.ask(ctx, text, p, func(row query.Row) error {
		shown, err := g.face(ctx, row.ID, small)
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
		s := web.Similar{To: web.Picture{ID: p.ID, Caption: p.Caption, Class: p.Class, Src: p.Src, Href: p.Href}}
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
