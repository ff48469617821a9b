package main

import (
	"fmt"
	"testing"

	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/concept"
	"github.com/saedb/saedb/sae/train"
)

// Four rows along two axes, a model whose latents are the axes, and labels: the
// concept finds the rows on its axis and no others, text search ranks all rows.
func TestCompareByLabels(t *testing.T) {
	s := labelSearch{
		m: &sae.Model{D: 2, M: 2, K: 1, Scale: 1, Wenc: []float32{1, 0, 0, 1}, Wdec: []float32{1, 0, 0, 1}, Benc: make([]float32, 2), Bdec: make([]float32, 2)},
		names: &concept.Names{Concepts: []concept.Concept{
			{Word: "cat", Group: []concept.Weight{{Latent: 1, W: 1}}},
			{Word: "dog", Group: []concept.Weight{{Latent: 0, W: 1}}},
		}},
		vocab:  &concept.Vocab{Words: []string{"dog", "cat"}, Vectors: []float32{1, 0, 0, 1}, D: 2},
		rows:   &rowSet{Rows: train.Rows{D: 2, X: []float32{1, 0, 0.8, 0.6, 0.6, 0.8, 0, 1}}, ids: []string{"a", "b", "c", "d"}},
		labels: [][]string{{"dog"}, {"dog", "bird"}, {"dog", "cat", "bird"}, {"cat"}},
	}
	r, err := compareByLabels(s, 2)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%d rows, unknown %q", r.Rows, r.Unknown)
	for _, l := range r.PerWord {
		got += fmt.Sprintf("\n%s in %d rows: concept %.1f %.3f %.3f, text %.1f %.3f", l.Label, l.Rows, l.Concept.P10, l.Concept.AP, l.Concept.Recall, l.Text.P10, l.Text.AP)
	}
	want := `4 rows, unknown ["bird"]
cat in 2 rows: concept 0.2 1.000 1.000, text 0.2 1.000
dog in 3 rows: concept 0.2 0.667 0.667, text 0.3 1.000`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if r.Concept.AP < 0.83 || r.Concept.AP > 0.84 {
		t.Errorf("mean AP %g", r.Concept.AP)
	}
}

func TestLabelsOf(t *testing.T) {
	meta := map[string]any{"labels": []string{"a", "b"}, "kind": "c", "year": int64(2020)}
	if got := fmt.Sprint(labelsOf(meta, "labels"), labelsOf(meta, "kind"), labelsOf(meta, "year"), labelsOf(meta, "none")); got != "[a b] [c] [] []" {
		t.Error(got)
	}
}
