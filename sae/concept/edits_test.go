package concept

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// pets is a small set of names to edit.
func pets() *Names {
	return &Names{
		Latents: []Name{
			{Word: "dog", Score: 0.5, Margin: 0.25, Z: 3, RunnersUp: []Candidate{{"puppy", 0.25}, {"cat", 0.125}}},
			{Word: "puppy", Score: 0.5, Margin: 0.5, Z: 2},
			{Word: "dock", Score: 0.25, Margin: 0.125, Z: 2, RunnersUp: []Candidate{{"boat", 0.125}}},
			{Dead: true},
		},
		Concepts: []Concept{
			{"boat", []Weight{{2, 1}}},
			{"dock", []Weight{{2, 0.75}, {0, 0.25}}},
			{"dog", []Weight{{0, 0.75}, {1, 0.25}}},
			{"puppy", []Weight{{0, 0.5}, {1, 0.5}}},
		},
	}
}

// TestEditsOfWhatIsKnown: a check goes with the word it was made for, a person is believed, and twins part where one of them
// is hidden or has a name of its own.
func TestEditsOfWhatIsKnown(t *testing.T) {
	n := pets()
	for j := range n.Latents {
		n.Latents[j].AUC, n.Latents[j].Fired, n.Latents[j].Common = 0.9, 15, true
	}
	n.Twins = [][]uint32{{0, 1}, {2, 3}}
	e := Edits{HideWords: []string{"dock"}, Set: map[uint32]string{1: "wolf"}, HideLatents: []uint32{3}}
	got, err := e.Apply(n)
	if err != nil {
		t.Fatal(err)
	}
	for j, want := range []string{
		"15 pictures fire it and agree with the word (AUC 0.90)", "named by hand", "not checked on pictures", "it fires for no picture",
	} {
		if l := got.Latents[j]; l.Reason() != want || !l.Common {
			t.Errorf("latent %d, common %v: %s, want %s", j, l.Common, l.Reason(), want)
		}
	}
	if c := got.Latents[1].Confidence(); c != 1 {
		t.Errorf("a name by hand has confidence %g", c)
	}
	if len(got.Twins) != 0 || len(n.Twins) != 2 {
		t.Errorf("twins %v, and %v before", got.Twins, n.Twins)
	}
	if got, err = (Edits{}).Apply(n); err != nil || !reflect.DeepEqual(got.Twins, n.Twins) {
		t.Errorf("without edits twins are %v, %v", got.Twins, err)
	}
}

func TestEdits(t *testing.T) {
	for _, c := range []struct{ edits, want string }{
		{`{}`, show(pets())},
		{`{"hide_words":["dock"]}`, `latent 0 dog 0.50 margin 0.25 z 3.0, puppy 0.25, cat 0.12
latent 1 puppy 0.50 margin 0.50 z 2.0
latent 2 boat 0.12 margin 0.12 z 0.0
latent 3 dead
boat 2×1.00
dog 0×0.75 1×0.25
puppy 0×0.50 1×0.50
`},
		{`{"hide_latents":[0]}`, `latent 0 without a name
latent 1 puppy 0.50 margin 0.50 z 2.0
latent 2 dock 0.25 margin 0.12 z 2.0, boat 0.12
latent 3 dead
boat 2×1.00
dock 2×1.00
dog 1×1.00
puppy 1×1.00
`},
		{`{"merge":{"puppy":"dog", "unknown":"dog"}}`, `latent 0 dog 0.50 margin 0.25 z 3.0, puppy 0.25, cat 0.12
latent 1 dog 0.50 margin 0.50 z 2.0
latent 2 dock 0.25 margin 0.12 z 2.0, boat 0.12
latent 3 dead
boat 2×1.00
dock 2×0.75 0×0.25
dog 0×0.62 1×0.38
`},
		{`{"set":{"2":"harbour", "1":"dog"}}`, `latent 0 dog 0.50 margin 0.25 z 3.0, puppy 0.25, cat 0.12
latent 1 dog 0.00 margin 0.00 z 0.0
latent 2 harbour 0.00 margin 0.00 z 0.0
latent 3 dead
boat 2×1.00
dock 0×1.00
dog 0×0.50 1×0.50
harbour 2×1.00
puppy 0×1.00
`},
	} {
		var e Edits
		if err := json.Unmarshal([]byte(c.edits), &e); err != nil {
			t.Fatal(err)
		}
		before := pets()
		after, err := e.Apply(before)
		if err != nil {
			t.Errorf("%s: %v", c.edits, err)
			continue
		}
		if got := show(after); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.edits, got, c.want)
		}
		if !reflect.DeepEqual(before, pets()) {
			t.Errorf("%s changed the names it was applied to", c.edits)
		}
	}
}

func TestEditsSurviveNamingAgain(t *testing.T) {
	e := Edits{Set: map[uint32]string{2: "lawn"}, HideWords: []string{"animal"}}
	for _, by := range []string{"decoder", "word"} {
		n, err := Assign(park(), parkWords(), Stats{}, Options{By: by})
		if err != nil {
			t.Fatal(err)
		}
		edited, err := e.Apply(n)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := edited.Concept("animal"); ok || edited.Latents[2].Word != "lawn" {
			t.Errorf("by %s: the edits did not hold:\n%s", by, show(edited))
		}
	}
}

func TestEditFaults(t *testing.T) {
	for want, e := range map[string]Edits{
		"latent 4; the model has 4":                   {HideLatents: []uint32{4}},
		"latent 9; the model has 4":                   {Set: map[uint32]string{9: "dog"}},
		"latent 1 is set to an empty word":            {Set: map[uint32]string{1: ""}},
		"latent 1 is both hidden and set":             {Set: map[uint32]string{1: "dog"}, HideLatents: []uint32{1}},
		"\"a\" is merged into \"\"":                   {Merge: map[string]string{"a": ""}},
		"\"a\" is merged into \"b\", which is merged": {Merge: map[string]string{"a": "b", "b": "c"}},
		"\"a\" is merged into \"a\", which is merged": {Merge: map[string]string{"a": "a"}},
		"\"a\" is merged into \"b\", which is hidden": {Merge: map[string]string{"a": "b"}, HideWords: []string{"b"}},
	} {
		if _, err := e.Apply(pets()); !errors.Is(err, ErrEdit) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v should say %q", e, err, want)
		}
	}
}
