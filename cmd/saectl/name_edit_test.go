package main

import (
	"encoding/json"
	"testing"

	"github.com/saedb/saedb/sae/concept"
)

// TestEdits takes decisions one after the other; later ones win over those that
// they contradict.
func TestEdits(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*concept.Edits)
		want string
	}{
		{"set", func(e *concept.Edits) { setName(e, 7, "dog") }, `{"set":{"7":"dog"}}`},
		{"set a hidden latent", func(e *concept.Edits) { hideLatent(e, 7); setName(e, 7, "dog") }, `{"set":{"7":"dog"}}`},
		{"hide a set latent", func(e *concept.Edits) { setName(e, 7, "dog"); hideLatent(e, 7) }, `{"hide_latents":[7]}`},
		{"hide twice, in order", func(e *concept.Edits) { hideLatent(e, 9); hideLatent(e, 7); hideLatent(e, 9) }, `{"hide_latents":[7,9]}`},
		{"set to a hidden word", func(e *concept.Edits) { hideWord(e, "dog"); setName(e, 7, "dog") }, `{"set":{"7":"dog"}}`},
		{"merge", func(e *concept.Edits) { mergeWords(e, "puppy", "dog") }, `{"merge":{"puppy":"dog"}}`},
		{"merge the target on", func(e *concept.Edits) { mergeWords(e, "puppy", "dog"); mergeWords(e, "dog", "animal") }, `{"merge":{"dog":"animal","puppy":"animal"}}`},
		{"merge back", func(e *concept.Edits) { mergeWords(e, "puppy", "dog"); mergeWords(e, "dog", "puppy") }, `{"merge":{"dog":"puppy"}}`},
		{"hide the target", func(e *concept.Edits) { mergeWords(e, "puppy", "dog"); hideWord(e, "dog") }, `{"hide_words":["dog"]}`},
		{"merge into a hidden word", func(e *concept.Edits) { hideWord(e, "dog"); mergeWords(e, "puppy", "dog") }, `{"merge":{"puppy":"dog"}}`},
	} {
		var e concept.Edits
		c.do(&e)
		got, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		names := &concept.Names{Latents: make([]concept.Name, 10)}
		if _, err := e.Apply(names); err != nil {
			t.Errorf("%s: the edits cannot be applied: %v", c.name, err)
		}
	}
}

func TestParseLatent(t *testing.T) {
	for text, ok := range map[string]bool{"0": true, "9": true, "10": false, "-1": false, "dog": false, "": false} {
		if _, err := parseLatent(text, 10); (err == nil) != ok {
			t.Errorf("%q of 10 latents: %v", text, err)
		}
	}
}
