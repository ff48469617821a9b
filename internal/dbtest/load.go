package dbtest

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/query/querytest"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/concept"
)

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Load puts what a script of querytest describes into d, the identity as its autoencoder.
func Load(t testing.TB, d *db.DB, data *querytest.Data) {
	t.Helper()
	ctx := context.Background()
	for _, it := range data.Items {
		_, err := d.Put(ctx, db.Item{ID: it.ID, Vec: it.Vec, Meta: it.Meta})
		Must(t, err)
	}
	if len(data.Clusters) > 0 {
		c := &db.Clusters{Over: "codes", K: len(data.Clusters)}
		for _, one := range data.Clusters {
			c.List = append(c.List, db.Cluster{ID: one.ID, Name: one.Name, Concepts: one.Concepts, Within: one.Within})
		}
		Must(t, d.SetClusters(ctx, c, func(yield func(string, int) bool) {
			for _, it := range data.Items {
				if n, is := it.Meta[db.ClusterField].(int64); is && !yield(it.ID, int(n)) {
					return
				}
			}
		}))
	}
	if len(data.Texts) > 0 {
		v := &concept.Vocab{}
		for _, text := range sorted(data.Texts) {
			v.Words, v.Vectors, v.D = append(v.Words, text), append(v.Vectors, data.Texts[text]...), len(data.Texts[text])
		}
		Must(t, d.SetVocab(ctx, v))
	}
	if data.Latents == 0 {
		return
	}
	if len(data.Items) == 0 { // an autoencoder wants a database that had vectors
		_, err := d.Put(ctx, db.Item{ID: "gone", Vec: slices.Repeat([]float32{1}, data.Latents)})
		Must(t, err)
		_, err = d.Delete(ctx, "gone")
		Must(t, err)
	}
	st, err := d.Stats(ctx)
	Must(t, err)
	m := &sae.Model{D: st.Dim, M: data.Latents, K: data.K, Scale: 1}
	m.Wenc, m.Benc, m.Bdec = make([]float32, m.M*m.D), make([]float32, m.M), make([]float32, m.D)
	for i := range min(m.M, m.D) {
		m.Wenc[i*m.D+i] = 1
	}
	m.Wdec = slices.Clone(m.Wenc)
	for latent, row := range data.Decoder {
		copy(m.Wdec[int(latent)*m.D:], row)
	}
	Must(t, d.AddModel(ctx, "identity", m))
	Must(t, d.Activate(ctx, "identity"))
	n := &concept.Names{Latents: make([]concept.Name, m.M)}
	for l, name := range data.Names {
		n.Latents[l] = concept.Name{Word: name.Word, Score: name.Score, Margin: name.Margin, Common: name.Common}
		if name.Confidence > 0 { // (2·AUC-1)·15/(15+5)
			n.Latents[l].AUC, n.Latents[l].Fired = (name.Confidence/0.75+1)/2, 15
		}
		if len(name.Twins) > 0 && name.Twins[0] == l {
			n.Twins = append(n.Twins, name.Twins)
		}
		for _, w := range name.RunnersUp {
			n.Latents[l].RunnersUp = append(n.Latents[l].RunnersUp, concept.Candidate{Word: w})
		}
	}
	for _, word := range sorted(data.Concepts) {
		c := concept.Concept{Word: word}
		for _, w := range data.Concepts[word].Group {
			c.Group = append(c.Group, concept.Weight(w))
		}
		n.Concepts = append(n.Concepts, c)
	}
	Must(t, d.SetNames(ctx, "", n))
	edits := concept.Edits{Merge: map[string]string{}}
	for word, aliases := range data.Aliases {
		for _, alias := range aliases {
			edits.Merge[alias] = word
		}
	}
	if len(edits.Merge) > 0 {
		Must(t, d.SetEdits(ctx, "", edits))
	}
}
