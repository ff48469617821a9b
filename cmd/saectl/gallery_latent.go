package main

import (
	"cmp"
	"context"
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"

	"github.com/saedb/saedb/internal/web"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/concept"
)

// topPictures is how many pictures the atlas shows of a latent.
const topPictures = 6

// latentStat is how often a latent fires, how strongly at most, and where.
type latentStat struct {
	latent uint32
	count  int
	max    float32
	top    []firing // strongest first, ties by row; topPictures at most
}

// firing is a row in which a latent is active.
type firing struct {
	row int
	act float32
}

// add counts an activation; rows come in ascending order.
func (s *latentStat) add(row int, act float32) {
	s.count++
	s.max = max(s.max, act)
	i := len(s.top)
	for i > 0 && s.top[i-1].act < act {
		i--
	}
	if i == topPictures {
		return
	}
	s.top = slices.Insert(s.top, i, firing{row, act})
	s.top = s.top[:min(topPictures, len(s.top))]
}

// measureLatents reads the codes of all rows and returns a stat for each latent.
func measureLatents(m *sae.Model, rows *rowSet) []latentStat {
	stats := make([]latentStat, m.M)
	for l := range stats {
		stats[l].latent = uint32(l)
	}
	row := 0
	eachCode(m, rows, func(c sae.Code) {
		for j, l := range c.Latents {
			stats[l].add(row, c.Acts[j])
		}
		row++
	})
	return stats
}

// bestLatents are the named latents whose names fit best, among those that fire
// often enough to show something and seldom enough to mean something.
func (g *gallery) bestLatents(n int) []latentStat {
	var fit []latentStat
	for _, s := range g.stats {
		if s.count >= min(6, g.rows.Len()) && s.count <= max(6, g.rows.Len()/5) {
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

func hasName(n concept.Name) bool { return n.Word != "" }

// atlasLatents are the latents that belong into the atlas, best names first: those
// with a name that fire, or, where none has a name, all that fire.
func (g *gallery) atlasLatents() []latentStat {
	named := slices.ContainsFunc(g.names.Latents, hasName)
	var fit []latentStat
	for _, s := range g.stats {
		if s.count > 0 && (!named || hasName(g.names.Latents[s.latent])) {
			fit = append(fit, s)
		}
	}
	slices.SortStableFunc(fit, func(a, b latentStat) int {
		return cmp.Compare(g.names.Latents[b.latent].Score, g.names.Latents[a.latent].Score)
	})
	return fit
}

// atlas shows as many latents as the options allow, in the order of their names.
func (g *gallery) atlas(ctx context.Context) (web.Atlas, error) {
	all := g.atlasLatents()
	fit := all[:g.asked(len(all))]
	var a web.Atlas
	size := 0
	full := func() bool { return g.o.maxSize > 0 && g.faces.size()+size >= g.o.maxSize*1_000_000 }
	for _, s := range fit {
		if full() {
			break
		}
		l, err := g.latent(ctx, s)
		if err != nil {
			return a, err
		}
		a.Latents = append(a.Latents, l)
		size += textSize(l)
	}
	a.Note = g.cutNote(len(a.Latents), len(fit), len(all))
	g.arrange(a.Latents, func(int) string { return "" })
	return a, nil
}

// asked is how many of n latents the atlas is to show.
func (g *gallery) asked(n int) int {
	if g.o.latents > 0 {
		return min(g.o.latents, n)
	}
	return n
}

// cutNote says that only some latents are shown, why, and how to see the others.
func (g *gallery) cutNote(shown, asked, all int) string {
	which := fmt.Sprintf("Showing %s of %s latents that fire, those with the best names", thousands(shown), thousands(all))
	switch {
	case shown < asked:
		return fmt.Sprintf("%s: one file is to take %d MB at most. The whole atlas: saectl gallery --out DIR/ writes a folder of pages, --max-size 0 one file of any size.", which, g.o.maxSize)
	case asked < all:
		return which + ": --latents 0 shows all."
	}
	return ""
}

// textSize is about how many bytes a latent takes in a page, pictures aside.
func textSize(l web.Latent) int {
	n := 1600
	for _, p := range l.Pictures {
		n += 150 + len(p.Alt()) + len(p.ID)
	}
	return n
}

// arrange puts latents in the order of their names, keeps in where that the i-th
// is on page(i), and links those of one name.
func (g *gallery) arrange(latents []web.Latent, page func(i int) string) {
	slices.SortFunc(latents, func(a, b web.Latent) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Word), strings.ToLower(b.Word)), cmp.Compare(a.Number, b.Number))
	})
	for i, l := range latents {
		g.where[l.Number] = anchorURL(page(i), l.Anchor())
	}
	same := map[string][]uint32{}
	for _, l := range latents {
		same[l.Word] = append(same[l.Word], l.Number)
	}
	for i := range latents {
		l := &latents[i]
		for _, other := range same[l.Word] {
			if other != l.Number && l.Word != "" {
				l.Same = append(l.Same, web.Link{Text: strconv.Itoa(int(other)), Href: g.where[other]})
			}
		}
	}
}

// latent shows a latent with its top pictures.
func (g *gallery) latent(ctx context.Context, s latentStat) (web.Latent, error) {
	n := g.names.Latents[s.latent]
	l := web.Latent{
		Number: s.latent, Word: n.Word, Score: float64(n.Score), Margin: float64(n.Margin),
		Confidence: float64(n.Confidence()), Reason: n.Reason(),
		Count: s.count, Density: float64(s.count) / float64(g.rows.Len()), Max: float64(s.max),
	}
	for _, r := range n.RunnersUp[:min(4, len(n.RunnersUp))] {
		l.Runners = append(l.Runners, web.Candidate{Word: r.Word, Score: float64(r.Score)})
	}
	for _, f := range s.top {
		p, err := g.face(ctx, g.rows.ids[f.row], small)
		if err != nil {
			return l, err
		}
		p.Value = fmt.Sprintf("%.2f", f.act)
		l.Pictures = append(l.Pictures, p)
	}
	return l, nil
}

// latentPlaces is where the atlas shows a latent.
type latentPlaces map[uint32]template.URL

// link makes the bars of a page lead to the atlas.
func (g *gallery) link(r *web.Report) {
	g.linkPictures(r.Explained)
	g.linkPictures(r.Pictures)
	for _, c := range r.Concepts {
		g.linkPictures(c.Pictures)
	}
}

func (g *gallery) linkPictures(pictures []web.Picture) {
	for _, p := range pictures {
		for _, bars := range [][]web.Bar{p.Bars, p.More} {
			for i := range bars {
				bars[i].Href = g.where[bars[i].Latent]
			}
		}
	}
}

// anchorURL is the address of an anchor on a page; "" is the page it stands on.
func anchorURL(page, anchor string) template.URL {
	return template.URL(page + "#" + anchor) //nolint:gosec // names and anchors made here
}
