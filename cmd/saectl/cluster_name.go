package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/index/kmeans"
	"github.com/saedb/saedb/sae"
)

const (
	clusterConcepts = 5 // kept of each cluster
	clusterWords    = 2 // in a name, unless more are needed to tell two clusters apart
)

// describe names the clusters. Larger ones choose first.
func (j *clusterJob) describe(r *kmeans.Result) []db.Cluster {
	list := make([]db.Cluster, r.K)
	concepts := j.overrepresented(r)
	taken := map[string]bool{}
	for c := range list {
		list[c] = db.Cluster{ID: c, Size: r.Sizes[c], Within: r.Within[c]}
		if concepts == nil {
			continue
		}
		list[c].Name = clusterName(concepts[c], taken)
		for _, s := range concepts[c][:min(clusterConcepts, len(concepts[c]))] {
			list[c].Concepts = append(list[c].Concepts, db.ConceptShare{Word: s.word, Share: s.share})
		}
	}
	return list
}

// conceptShare is what a concept takes of a cluster's pictures, and how much more that is than of all pictures.
type conceptShare struct {
	word          string
	share, excess float64
}

// overrepresented lists, for each cluster, the concepts that take a larger share of its pictures' activation than of all
// pictures', the largest difference first. Every picture counts alike: a concept's share of it is the activation of the
// latents of that name over that of all its latents. nil without names.
func (j *clusterJob) overrepresented(r *kmeans.Result) [][]conceptShare {
	if j.names == nil {
		return nil
	}
	number, words := map[string]int{}, []string{}
	wordOf := make([]int, j.model.M) // of a latent; -1: it has no name
	for l, n := range j.names.Latents {
		wordOf[l] = -1
		if n.Word == "" {
			continue
		}
		if _, seen := number[n.Word]; !seen {
			number[n.Word] = len(words)
			words = append(words, n.Word)
		}
		wordOf[l] = number[n.Word]
	}
	overall := make([]float64, len(words))
	within := make([][]float64, r.K)
	for c := range within {
		within[c] = make([]float64, len(words))
	}
	for i, row := range j.rows {
		addShares(within[r.Labels[i]], j.codes[row], wordOf)
	}
	for c := range within {
		for w, s := range within[c] {
			overall[w] += s / float64(len(j.rows))
			within[c][w] = s / float64(r.Sizes[c])
		}
	}
	lists := make([][]conceptShare, r.K)
	for c := range lists {
		for w, s := range within[c] {
			if s > overall[w] {
				lists[c] = append(lists[c], conceptShare{words[w], s, s - overall[w]})
			}
		}
		slices.SortFunc(lists[c], func(a, b conceptShare) int {
			return cmp.Or(cmp.Compare(b.excess, a.excess), strings.Compare(a.word, b.word))
		})
	}
	return lists
}

// addShares adds to each word the share of a code that bears it.
func addShares(sum []float64, c sae.Code, wordOf []int) {
	total := 0.0
	for _, a := range c.Acts {
		total += float64(a)
	}
	for i, l := range c.Latents {
		if w := wordOf[l]; w >= 0 {
			sum[w] += float64(c.Acts[i]) / total
		}
	}
}

// clusterName joins the first concepts, those at least half as strong as the first, and more where clusters have taken these
// words, in whatever order. It takes the words.
func clusterName(list []conceptShare, taken map[string]bool) string {
	var name []string
	key := func() string { return strings.Join(slices.Sorted(slices.Values(name)), ", ") }
	for i, s := range list {
		enough := i > 0 && (i >= clusterWords || s.excess < list[0].excess/2)
		if enough && !taken[key()] {
			break
		}
		name = append(name, s.word)
	}
	text := strings.Join(name, ", ")
	if text != "" && taken[key()] { // every word is used up
		n := 2
		for taken[fmt.Sprintf("%s (%d)", key(), n)] {
			n++
		}
		taken[fmt.Sprintf("%s (%d)", key(), n)] = true
		return fmt.Sprintf("%s (%d)", text, n)
	}
	taken[key()] = true
	return text
}

// text is the outcome for people.
func (o *clusterOutcome) text() string {
	var b bytes.Buffer
	over := o.Over
	if o.Over == "codes" {
		over = "codes by " + o.SAE
	}
	fmt.Fprintf(&b, "%s pictures in %d clusters over %s; mean cosine to the centre %.3f, silhouette %.3f\n\n", thousands(o.Pictures), o.K, over, o.Mean, o.Silhouette)
	t := newTable([]column{{Name: db.ClusterField, Right: true}, {Name: "size", Right: true}, {Name: "name"}, {Name: "concepts"}, {Name: "mean cosine", Right: true}}, 0)
	for _, c := range o.List {
		t.add(&b, []string{strconv.Itoa(c.ID), thousands(c.Size), cmp.Or(c.Name, "-"), sharesText(c.Concepts), strconv.FormatFloat(c.Within, 'f', 3, 64)})
	}
	t.flush(&b)
	if l := o.Labels; l != nil {
		fmt.Fprintf(&b, "\nbeside %s (%s labels): NMI %.3f, adjusted Rand index %.3f, purity %.3f\n", o.label, thousands(l.Rows), l.NMI, l.ARI, l.Purity)
	}
	if o.Left > 0 {
		fmt.Fprintf(&b, "\n%s pictures are in no cluster\n", thousands(o.Left))
	}
	b.WriteString("\nsaectl query 'cluster = 0 top 20'    saectl query clusters\n")
	return b.String()
}

// sharesText is "dog 31%, snow 12%".
func sharesText(list []db.ConceptShare) string {
	words := make([]string, len(list))
	for i, s := range list {
		words[i] = s.Word + " " + percent(s.Share)
	}
	return strings.Join(words, ", ")
}
