package querytest

import (
	"slices"

	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/query/querytest/naive"
	"github.com/saedb/saedb/sae"
)

// twinOf returns the slow twin of a source that holds d.
func twinOf(d *Data) *naive.Twin {
	n := &naive.Data{
		Latents: d.Latents, K: d.K, Decoder: d.Decoder, Texts: d.Texts,
		Names: map[uint32]naive.Name{}, Concepts: map[string][]naive.Weight{},
	}
	for latent, name := range d.Names {
		n.Names[latent] = naive.Name{Word: name.Word, RunnersUp: name.RunnersUp, Common: name.Common}
	}
	for word, c := range d.Concepts {
		n.Concepts[word] = weightsOf(c.Group)
	}
	for _, c := range d.Clusters {
		n.Clusters = append(n.Clusters, naive.Cluster{ID: c.ID, Name: c.Name, Within: c.Within})
	}
	for _, item := range d.Items {
		n.Items = append(n.Items, naive.Item(item))
	}
	return naive.New(n)
}

func weightsOf(group []query.Weight) (out []naive.Weight) {
	for _, w := range group {
		out = append(out, naive.Weight(w))
	}
	return out
}

// rowsOf makes rows of the twin's rows.
func rowsOf(list []naive.Row) []query.Row {
	var rows []query.Row
	for _, r := range list {
		row := query.Row{
			Kind: query.Kind(r.Kind), Rank: r.Rank, ID: r.ID, Score: r.Score, Path: r.Path, Meta: r.Meta, Vector: r.Vector, Was: r.Was,
			Latent: r.Latent, Concept: r.Concept, Activation: r.Activation, Other: r.Other, Share: r.Share, RunnersUp: r.RunnersUp,
			Latents: r.Latents, Common: r.Common, Count: r.Count, Density: r.Density, Max: r.Max, Mean: r.Mean,
			Cluster: r.Cluster, Cosine: r.Cosine, By: r.By, Value: r.Value, Name: r.Name, Types: r.Types,
			Why:        convert(r.Why, func(w naive.Why) query.Why { return query.Why(w) }),
			Neighbours: convert(r.Neighbours, func(n naive.Neighbour) query.Neighbour { return query.Neighbour(n) }),
			Together:   convert(r.Together, func(t naive.Together) query.Together { return query.Together(t) }),
			Pictures:   convert(r.Pictures, func(p naive.Picture) query.Picture { return query.Picture(p) }),
		}
		if r.Code != nil {
			row.Code = &sae.Code{Latents: r.Code.Latents, Acts: r.Code.Acts}
		}
		if r.More {
			row.Cursor = "more"
		}
		rows = append(rows, row)
	}
	return rows
}

func convert[From, To any](list []From, f func(From) To) []To {
	if list == nil {
		return nil
	}
	out := make([]To, 0, len(list))
	for _, x := range list {
		out = append(out, f(x))
	}
	return out
}

// byLatent puts reasons in an order that no last bit of a share decides.
func byLatent(why []query.Why) []query.Why {
	why = slices.Clone(why)
	slices.SortFunc(why, func(a, b query.Why) int { return int(a.Latent) - int(b.Latent) })
	return why
}
