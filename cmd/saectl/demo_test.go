package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/saedb/saedb/clip"
)

// TestDemo is the tour from an empty folder, and once more over what it left.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("trains on all pictures of the demo: not in short mode")
	}
	out := filepath.Join(t.TempDir(), "tour")
	first, _ := done(t, "demo", "--out", out)
	for _, want := range []string{
		"pictures with thumbnails and metadata", "small stand-in encoder", "sae1: ", "training", "held out",
		"$ saectl query 'concept = insect top 5'", "$ saectl query 'near image ", "$ saectl query 'explain image ", "gallery.html", "Next:",
	} {
		if !strings.Contains(first, want) {
			t.Errorf("the tour does not say %q:\n%s", want, first)
		}
	}
	page, err := os.ReadFile(filepath.Join(out, "gallery.html"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"data:image/jpeg;base64,", ">insect</h3>", "How faithful the codes are"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q", want)
		}
	}

	// What it asks for it finds: of its first ten answers at least seven have the keyword.
	for _, word := range demoWords() {
		rows, _ := done(t, "query", "--db", filepath.Join(out, dbFolder), "concept = "+quoteWord(word)+" top 10 with meta")
		hits := 0
		for row := range strings.Lines(rows) {
			var r struct{ Meta struct{ Keywords []string } }
			if err := json.Unmarshal([]byte(row), &r); err != nil {
				t.Fatal(err)
			}
			if slices.Contains(r.Meta.Keywords, word) {
				hits++
			}
		}
		if hits < 7 {
			t.Errorf("%d of ten answers to %q have the keyword:\n%s", hits, word, rows)
		}
	}

	figures, _ := done(t, "eval", "--db", filepath.Join(out, dbFolder), "--format", "table")
	for _, want := range []string{"the same, untrained", "PCA, 64 components", "k-means, ", "CKNNA 0.", "32% to 100%", "dead latents"} {
		if !strings.Contains(figures, want) {
			t.Errorf("eval does not say %q:\n%s", want, figures)
		}
	}
	var judged struct {
		Depth   depth
		Against agreement
	}
	text, _ := done(t, "eval", "--db", filepath.Join(out, dbFolder), "--against", "sae1", "--json")
	if err := json.Unmarshal([]byte(text), &judged); err != nil {
		t.Fatal(err)
	}
	at := map[int]float64{}
	for _, p := range judged.Depth.Sweep {
		at[p.K] = p.FVUBatch
	}
	if untrained := judged.Depth.Baseline[0].FVUBatch; len(at) != 7 || at[8] < at[32] || at[32] > untrained/2 || judged.Depth.CKNNA[1].Codes < 0.3 {
		t.Errorf("sweep %v, untrained %v, neighbourhoods %+v", at, untrained, judged.Depth.CKNNA)
	}

	if g := judged.Against; g.Pairs != 512 || g.Mean < 0.9999 || g.Same != 1 {
		t.Errorf("the autoencoder against itself: %+v", g)
	}

	before := fingerprint(t, filepath.Join(out, dbFolder))
	second, said := done(t, "demo", "--out", out)
	if !strings.Contains(said, "it is used again") || !strings.Contains(second, "(0 new)") {
		t.Errorf("the second tour says %q", said)
	}
	if after := fingerprint(t, filepath.Join(out, dbFolder)); after != before {
		t.Errorf("the second tour changed the fingerprint from %s to %s", before, after)
	}
}

// TestDemoWithAnEncoder is the tour with vectors of its own: of the thumbnails and words, once.
func TestDemoWithAnEncoder(t *testing.T) {
	if testing.Short() {
		t.Skip("trains on all pictures of the demo: not in short mode")
	}
	out := filepath.Join(t.TempDir(), "tour")
	encoded := 0
	tour := func() (stdout string, fresh int) {
		var b, log bytes.Buffer
		a := testApp(&b)
		a.stderr = &log
		a.encoder = func(encoderFlags) (clip.Encoder, error) { return meanEncoder{&encoded}, nil }
		before := encoded
		if status := run(t.Context(), a, []string{"demo", "--clip", "--out", out}); status != statusDone {
			t.Fatalf("status %d: %s", status, &log)
		}
		return b.String(), encoded - before
	}
	said, fresh := tour()
	if !strings.Contains(said, "(1,560 new)") || !strings.Contains(said, "come from mean") || fresh != 1560 {
		t.Errorf("%d pictures encoded:\n%s", fresh, said)
	}
	if said, fresh = tour(); !strings.Contains(said, "(0 new)") || fresh != 0 {
		t.Errorf("the second tour encoded %d pictures:\n%s", fresh, said)
	}
	_, log, status := call(t, "demo", "--model", "x", "--out", out)
	if status != statusError || !strings.Contains(log, "say --clip") {
		t.Errorf("an encoder without --clip: status %d, %s", status, log)
	}
}
