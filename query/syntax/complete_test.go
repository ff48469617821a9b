package syntax

import (
	"slices"
	"strings"
	"testing"
)

func TestComplete(t *testing.T) {
	for _, c := range []struct {
		text string // the word to complete begins at |
		want string // some of the words, and the thing
	}{
		{"|", "near explain concept plan all; the name of a field"},
		{"|expl", "explain; the name of a field"},
		{"concept |", "= != in not ~;"},
		{"concept = |", "; the name of a concept"},
		{"concept = |se", "; the name of a concept"},
		{`concept = |"red b`, "; the name of a concept"},
		{`concept = |'red b`, "; the name of a concept"},
		{"concept in (a, |b", "; the name of a concept"},
		{"concept ~ |se", "; a pattern such as sea*"},
		{"latent = |", "; the number of a latent"},
		{"concept = sea |", "and or top offset order group with min score distinct after >=;"},
		{"concept = sea and |", "concept latent not exists; the name of a field"},
		{"concept = sea and |met", "not; the name of a field"},
		{"meta.year |", "= between in not ~ and top;"},
		{"meta.labels = |d", "; a value of meta.labels"},
		{"meta.year between 3 |", "and; "},
		{"near |", "image file url text vector mean concepts; "},
		{"near image |a", "; the id of an image"},
		{"near image a |", "in where top; "},
		{"near image a + |", "image latent concept; the name of a concept"},
		{"near concepts (|", "; the name of a concept"},
		{"explain image a |", "vs top with; "},
		{"explain image a with |", "why codes meta vector common; "},
		{"concepts |", "like where order top; "},
		{"concepts where |", "concept not; the name of a field of concepts"},
		{"latents order by |", "; the name of a field of latents"},
		{"images where |", "concept; the name of a field"},
		{"count by |", "; the name of a field"},
		{"describe |", "concept latent image; "},
		{"describe concept |", "; the name of a concept"},
		{"all order by mtime |", "desc asc top; "},
		{"concept = = |", "; "},
		{"near &|", "; "},
		{"concept = $|", "; "},
		{"all |\xff", "; "},
	} {
		before, rest, _ := strings.Cut(c.text, "|")
		want, thing, _ := strings.Cut(c.want, ";")
		from, got := Complete(before + rest)
		if from != len(before) && len(got.Words) > 0 {
			t.Errorf("%s: from %d, want %d", c.text, from, len(before))
		}
		for w := range strings.FieldsSeq(want) {
			if !slices.Contains(got.Words, w) {
				t.Errorf("%s: %q is not among %q", c.text, w, got.Words)
			}
		}
		said := string(got.Thing)
		if got.Field != "" {
			said += " of " + got.Field
		}
		if got.Listing != "" {
			said += " of " + string(got.Listing)
		}
		if want := strings.TrimSpace(thing); want != said {
			t.Errorf("%s: %q is wanted, want %q", c.text, said, want)
		}
	}
}
