package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestModelsAdd brings the stored autoencoder back in every form it can be exported in, and asks each the same question.
func TestModelsAdd(t *testing.T) {
	dir, out := tinyDB(t), t.TempDir()
	at := func(name string) string { return filepath.Join(out, name) }
	done(t, "export", "--db", dir, "--sae-file", at("m.sae"), "--saelens", at("lens"), "--sparsify", at("sparse"))
	for name, from := range map[string]string{"own": "m.sae", "lens": "lens", "sparse": "sparse"} {
		_, said := done(t, "models", "add", name, "--from", at(from), "--db", dir)
		if !strings.Contains(said, name+" is stored: 3 latents, k 2; saectl models use "+name) {
			t.Errorf("%s: %q", name, said)
		}
		done(t, "models", "use", name, "--db", dir)
		if answer, _ := done(t, "query", "--db", dir, "--format", "paths", "latent = 2 > 0.7"); answer != "blue.jpg\nteal.jpg\n" {
			t.Errorf("%s answers %q", name, answer)
		}
		if same, _ := done(t, "eval", "--db", dir, "--quick", "--against", "axes", "--format", "table"); !strings.Contains(same, "3 pairs of latents, cosine 1.000 on average") {
			t.Errorf("%s against the one it was: %s", name, same)
		}
	}
	if same, _ := done(t, "eval", "--db", dir, "--quick", "--against", at("lens"), "--format", "table"); !strings.Contains(same, "against "+at("lens")+": 3 pairs") {
		t.Errorf("against a folder: %s", same)
	}
}

func TestModelsAddRefuses(t *testing.T) {
	dir, out := tinyDB(t), t.TempDir()
	at := func(name string) string { return filepath.Join(out, name) }
	done(t, "export", "--db", dir, "--sae-file", at("m.sae"), "--saelens", at("lens"))
	whole, err := os.ReadFile(at("m.sae"))
	must(t, err)
	must(t, os.WriteFile(at("longer.sae"), append(whole, 1), 0o600))
	must(t, os.WriteFile(at("shorter.sae"), whole[:len(whole)-1], 0o600))
	must(t, os.WriteFile(at("ae.pt"), []byte("PK\x03\x04archive/data.pkl"), 0o600))
	must(t, os.Mkdir(at("torch"), 0o700))
	must(t, os.WriteFile(at("torch/weights"), []byte("\x80\x02}q\x00."), 0o600))
	must(t, os.Mkdir(at("empty"), 0o700))
	for _, c := range []struct{ name, from, says string }{
		{"new", "longer.sae", "bytes follow the checksum"},
		{"new", "shorter.sae", "damaged or cut short"},
		{"new", "ae.pt", "python docs/unpickle.py " + at("ae.pt") + " DIR"},
		{"new", "torch", "weights: a Python pickle"},
		{"new", "empty", "neither sae_weights.safetensors (SAELens) nor sae.safetensors (sparsify)"},
		{"new", "nothing", "nothing"},
		{"other", "m.sae", "another one has that name"},
		{"a/b", "m.sae", "cannot be the name of an autoencoder"},
	} {
		status, _, stderr := saectl("models", "add", c.name, "--from", at(c.from), "--db", dir)
		if status != statusError || !strings.Contains(stderr, c.says) {
			t.Errorf("%s as %s: status %d, %q; want %q", c.from, c.name, status, stderr, c.says)
		}
	}
	wide := filepath.Join(t.TempDir(), "wide")
	done(t, "import", "--db", wide, writeNPY(t, "wide.npy", 1, 4, []float32{1, 0, 0, 0}))
	if status, _, stderr := saectl("models", "add", "new", "--from", at("m.sae"), "--db", wide); status != statusError || !strings.Contains(stderr, "it encodes 3 numbers, the database's vectors have 4") {
		t.Errorf("another width: status %d, %q", status, stderr)
	}
	if status, _, stderr := saectl("export", "--db", dir, "--saelens", at("both"), "--sparsify", at("both")); status != statusError || !strings.Contains(stderr, "a folder of its own") {
		t.Errorf("both formats into one folder: status %d, %q", status, stderr)
	}
}

// TestModelsAddAtAnotherK: a stored autoencoder is stored again with more active latents, and answers with them.
func TestModelsAddAtAnotherK(t *testing.T) {
	dir := tinyDB(t)
	_, said := done(t, "models", "add", "wide", "--from", "axes", "--k", "3", "--db", dir)
	if !strings.Contains(said, "it was trained for k 2 alone") || !strings.Contains(said, "wide is stored: 3 latents, k 3") {
		t.Errorf("%q", said)
	}
	done(t, "models", "use", "wide", "--db", dir)
	if models, _ := done(t, "models", "--db", dir); !strings.Contains(models, `"name":"wide","active":true,"latents":3,"k":3`) {
		t.Errorf("the models are %s", models)
	}
	for k, says := range map[string]string{"0": "it must be from 1 to the 3 latents", "4": "it must be from 1 to the 3 latents"} {
		if _, said, status := call(t, "models", "add", "wider", "--from", "axes", "--k", k, "--db", dir); status == statusDone || !strings.Contains(said, says) {
			t.Errorf("k %s: %q", k, said)
		}
	}
	if _, said, status := call(t, "models", "add", "wider", "--from", "nobody", "--db", dir); status == statusDone || !strings.Contains(said, `"nobody" is no stored autoencoder, and no file or folder`) {
		t.Errorf("%q", said)
	}
}
