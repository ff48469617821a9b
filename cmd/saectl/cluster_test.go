package main

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/saedb/saedb/index/kmeans"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/concept"
)

// Three clusters of a small town: every picture has people in it, so that nobody is named after them.
func TestClustersAreNamedByWhatSetsThemApart(t *testing.T) {
	j := &clusterJob{
		model: &sae.Model{M: 6},
		names: &concept.Names{Latents: []concept.Name{{Word: "people"}, {Word: "dog"}, {Word: "dog"}, {Word: "snow"}, {}, {Word: "boat"}}},
		codes: []sae.Code{
			{Latents: []uint32{0, 1, 2}, Acts: []float32{5, 2, 3}}, // half dog
			{Latents: []uint32{0, 1, 3}, Acts: []float32{5, 1, 4}}, // a tenth dog, snow
			{}, // not grouped
			{Latents: []uint32{0, 5}, Acts: []float32{50, 50}},   // half boat: how loud a picture is does not count
			{Latents: []uint32{0, 4}, Acts: []float32{0.5, 0.5}}, // half a latent without a name
		},
		rows: []int{0, 1, 3, 4},
	}
	r := &kmeans.Result{K: 3, Labels: []int{0, 0, 1, 2}, Sizes: []int{2, 1, 1}, Within: []float64{0.9, 1, 1}}
	var got []string
	for _, c := range j.describe(r) {
		got = append(got, fmt.Sprintf("%d %d %q %s", c.ID, c.Size, c.Name, sharesText(c.Concepts)))
	}
	want := []string{
		`0 2 "dog, snow" dog 30%, snow 20%`,
		`1 1 "boat" boat 50%`,
		`2 1 ""`,
	}
	for i := range want {
		if strings.TrimSpace(got[i]) != want[i] {
			t.Errorf("cluster %d is %s, want %s", i, got[i], want[i])
		}
	}
	j.names = nil
	if c := j.describe(r)[0]; c.Name != "" || c.Concepts != nil || c.Size != 2 {
		t.Errorf("without names: %+v", c)
	}
}

// No two clusters have the same words for a name.
func TestClusterNamesAreDistinct(t *testing.T) {
	list := func(text string) (list []conceptShare) { // words with their excess: "dog 5, snow 2"
		for _, part := range strings.Split(text, ", ") {
			var c conceptShare
			if _, err := fmt.Sscan(part, &c.word, &c.excess); err != nil {
				t.Fatal(err)
			}
			list = append(list, c)
		}
		return list
	}
	taken := map[string]bool{}
	for _, c := range []struct{ concepts, want string }{
		{"dog 8, snow 5, hat 5", "dog, snow"},
		{"dog 8, snow 1", "dog"},
		{"snow 8, dog 7, ice 1", "snow, dog, ice"},
		{"dog 8, cat 1", "dog, cat"},
		{"dog 8", "dog (2)"},
		{"dog 8", "dog (3)"},
	} {
		if got := clusterName(list(c.concepts), taken); got != c.want {
			t.Errorf("%s: %q, want %q", c.concepts, got, c.want)
		}
	}
	if got := clusterName(nil, taken); got != "" {
		t.Errorf("no concepts give the name %q", got)
	}
}

// The default number of clusters, from a handful of pictures to a large collection.
func TestClusterCount(t *testing.T) {
	for n, want := range map[int]int{1: 2, 8: 2, 200: 10, 1000: 22, 5000: 50, math.MaxInt32: 50} {
		if got := clusterCount(n); got != want {
			t.Errorf("%d pictures: %d clusters, want %d", n, got, want)
		}
	}
}
