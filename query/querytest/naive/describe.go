package naive

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/saedb/saedb/query/syntax"
)

// describe gives everything about a concept or a latent; of an image its metadata, its latents and the nearest images.
func (n *Twin) describe(d *syntax.Describe) []Row {
	if d.What == "image" {
		return []Row{n.describeImage(d.Name.Text)}
	}
	var rows []Row
	for _, row := range n.all(&syntax.List{What: syntax.Listing(d.What + "s")}) {
		if d.What == "latent" && fmt.Sprint(row.Latent) == d.Name.Text || d.What == "concept" && row.Concept == d.Name.Text {
			rows = append(rows, row)
		}
	}
	group := n.group(d.What == "latent", d.Name.Text)
	if d.What == "concept" {
		latents := n.all(&syntax.List{What: syntax.ListLatents})
		for _, w := range group {
			rows = append(rows, latents[w.Latent])
		}
	}
	n.around(&rows[0], group)
	for i := range rows {
		rows[i].Rank = i + 1
	}
	return rows
}

func (n *Twin) around(row *Row, group []Weight) {
	own := func(latent uint32) bool {
		return slices.ContainsFunc(group, func(w Weight) bool { return w.Latent == latent })
	}
	to := make([]float64, n.d.Latents)
	for _, w := range group {
		add(to, n.direction(w.Latent), float64(w.W))
	}
	for latent := range uint32(n.d.Latents) {
		if cos := n.cosOf(latent, narrow(to)); !own(latent) && cos > 0 {
			row.Neighbours = append(row.Neighbours, Neighbour{Latent: latent, Concept: n.d.Names[latent].Word, Cosine: cos})
		}
	}
	slices.SortStableFunc(row.Neighbours, func(a, b Neighbour) int { return cmp.Compare(b.Cosine, a.Cosine) })
	var fire []Item
	for _, item := range n.d.Items {
		if n.Activation(group, item.ID) > 0 {
			fire = append(fire, item)
			row.Pictures = append(row.Pictures, Picture{ID: item.ID, Score: float64(n.Activation(group, item.ID))})
		}
	}
	row.Pictures = firstPictures(row.Pictures)
	for latent := range uint32(n.d.Latents) {
		count, all := 0, 0
		for _, item := range n.d.Items {
			if n.dense(n.codes[item.ID])[latent] > 0 {
				all++
				if n.Activation(group, item.ID) > 0 {
					count++
				}
			}
		}
		share := float64(count) / float64(len(fire))
		if excess := share - float64(all)/float64(len(n.d.Items)); excess > 0 && !own(latent) {
			row.Together = append(row.Together, Together{Latent: latent, Concept: n.d.Names[latent].Word, Count: count, Share: share, Excess: excess})
		}
	}
	slices.SortStableFunc(row.Together, func(a, b Together) int { return cmp.Compare(b.Excess, a.Excess) })
	row.Neighbours, row.Together = row.Neighbours[:min(5, len(row.Neighbours))], row.Together[:min(5, len(row.Together))]
}

func firstPictures(list []Picture) []Picture {
	slices.SortFunc(list, func(a, b Picture) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID)) })
	return list[:min(5, len(list))]
}

func (n *Twin) describeImage(id string) Row {
	item := n.item(id)
	row := Row{Kind: "image", Rank: 1, ID: id, Path: item.Meta["path"].(string), Meta: maps.Clone(item.Meta)}
	delete(row.Meta, "path")
	self := &syntax.Operand{Kind: syntax.OperandImage, Arg: syntax.Name{Text: id}}
	for _, e := range n.explain(&syntax.Explain{What: self, Tails: []syntax.Tail{{Kind: syntax.TailWith, Parts: []string{"common"}}}}) {
		row.Why = append(row.Why, Why{Latent: e.Latent, Concept: e.Concept, Activation: e.Activation, Share: e.Share})
	}
	for _, other := range n.d.Items {
		if other.ID != id {
			score := float64(float32(dotOf(n.vecs[other.ID], n.vecs[id])))
			row.Pictures = append(row.Pictures, Picture{ID: other.ID, Score: score})
		}
	}
	row.Pictures = firstPictures(row.Pictures)
	return row
}
