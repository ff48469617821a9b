package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/saedb/saedb/internal/web"
	"github.com/saedb/saedb/sae"
)

// cardBars is how many concepts a card tells of a picture.
const cardBars = 10

// face shows an item without its concepts.
func (g *gallery) face(ctx context.Context, id string, s faceSize) (web.Picture, error) {
	it, err := g.d.Get(ctx, id)
	if err != nil {
		return web.Picture{}, err
	}
	p := web.Picture{ID: id, Caption: caption(it.Meta)}
	if row, ok := g.rows.ids.find(id); ok {
		p.Href = g.faces.place(row)
	}
	err = g.faces.show(&p, it.Thumb, s)
	return p, err
}

// card shows an item with its top concepts, the first so many of them at once and
// the others on demand.
func (g *gallery) card(ctx context.Context, id, asked string, first int) (web.Picture, error) {
	p, err := g.face(ctx, id, large)
	if err != nil {
		return p, err
	}
	parts, err := g.parts(id)
	if err != nil {
		return p, err
	}
	var bars []web.Bar
	for _, part := range parts[:min(cardBars, len(parts))] {
		bars = append(bars, web.Bar{
			Label: part.name, Latent: part.latents[0], Value: fmt.Sprintf("%.2f", part.act), Share: percent(part.share),
			Title: part.title(), Percent: math.Round(1000*part.share/parts[0].share) / 10, Asked: part.name == asked,
		})
	}
	first = min(first, len(bars))
	p.Bars, p.More = bars[:first], bars[first:]
	return p, nil
}

// part is what one name holds of a picture's code.
type part struct {
	name       string
	act, share float64
	latents    []uint32 // strongest first
}

// title names the latents behind a part.
func (p part) title() string {
	words := make([]string, len(p.latents))
	for i, l := range p.latents {
		words[i] = strconv.Itoa(int(l))
	}
	if len(words) == 1 {
		return "latent " + words[0]
	}
	return "latents " + strings.Join(words, ", ")
}

// parts explains a picture by names, the largest share first: what `explain image`
// answers, latents of one name taken together.
func (g *gallery) parts(id string) ([]part, error) {
	row, ok := g.rows.ids.find(id)
	if !ok {
		return nil, hint(fmt.Errorf("%s was stored while the gallery was made", id), "run saectl gallery again")
	}
	g.code = g.m.Encode(sae.Code{Latents: g.code.Latents[:0], Acts: g.code.Acts[:0]}, g.rows.Row(row))
	order := make([]int, len(g.code.Latents))
	total := 0.0
	for i, act := range g.code.Acts {
		order[i], total = i, total+float64(act)
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(g.code.Acts[j], g.code.Acts[i]) })
	var parts []part
	at := map[string]int{}
	for _, j := range order {
		latent, act := g.code.Latents[j], float64(g.code.Acts[j])
		name := g.names.Latents[latent].Word
		if name == "" {
			name = fmt.Sprintf("latent %d", latent)
		}
		i, seen := at[name]
		if !seen {
			i = len(parts)
			at[name], parts = i, append(parts, part{name: name})
		}
		parts[i].act += act
		parts[i].share += act / total
		parts[i].latents = append(parts[i].latents, latent)
	}
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(b.share, a.share) })
	return parts, nil
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
