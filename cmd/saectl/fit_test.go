package main

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// kinds returns n rows of width 16 near one of eight axes: the first eight, or the last.
func kinds(seed uint64, n int, last bool) []float32 {
	r := rand.New(rand.NewPCG(seed, 1))
	x := make([]float32, 16*n)
	for i := range x {
		x[i] = float32(r.NormFloat64()) / 20
	}
	for i := range n {
		axis := r.IntN(8)
		if last {
			axis += 8
		}
		x[16*i+axis]++
	}
	return x
}

// TestNewRowsThatNoLongerFit trains on rows of one kind and adds more of that kind, of which nothing is said, and then rows
// of another kind, of which stats and eval say that a new training is worth it.
func TestNewRowsThatNoLongerFit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	add := func(name string, x []float32) { done(t, "import", "--db", dir, writeNPY(t, name, len(x)/16, 16, x)) }
	fit := func() (f struct{ Fit *fitView }) {
		t.Helper()
		text, _ := done(t, "stats", "--db", dir, "--json")
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			t.Fatal(err)
		}
		return f
	}
	add("first.npy", kinds(1, 400, false))
	done(t, "train", "--db", dir, "--latents", "16", "--k", "2", "--batch", "16", "--epochs", "30")
	if f := fit(); f.Fit != nil {
		t.Errorf("nothing was added, and stats says %+v", f.Fit)
	}
	add("same.npy", kinds(2, 100, false))
	if f := fit(); f.Fit == nil || f.Fit.Added != 100 || f.Fit.Rows != 100 || f.Fit.Worse {
		t.Errorf("100 rows of the same kind: %+v", f.Fit)
	}
	add("other.npy", kinds(3, 1500, true))
	if f := fit(); f.Fit == nil || f.Fit.Added != 1600 || f.Fit.Rows > fitRows || f.Fit.Rows < fitRows/2 || !f.Fit.Worse {
		t.Errorf("1,500 rows of another kind: %+v", f.Fit)
	}
	for _, command := range []string{"stats", "eval"} {
		if text, _ := done(t, command, "--db", dir, "--format", "table"); !strings.Contains(text, "1,600 rows were added since sae1 was trained") || !strings.Contains(text, "saectl train makes one") {
			t.Errorf("%s does not advise to train:\n%s", command, text)
		}
	}
	sets := func(args ...string) (training, held, added int) {
		t.Helper()
		text, _ := done(t, append([]string{"eval", "--quick", "--json", "--db", dir}, args...)...)
		var e evalOutcome
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Fatal(err)
		}
		return e.Training.Rows, e.Holdout.Rows, e.Added.Rows
	}
	if a, b, c := sets(); a != 360 || b != 40 || c != 1600 {
		t.Errorf("%d rows trained on, %d held out, %d added", a, b, c)
	}

	// Other rows held out: those of a list, without those that were trained on.
	list := filepath.Join(t.TempDir(), "held.txt")
	if err := os.WriteFile(list, []byte("same/0\nsame/1\nother/5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if a, b, c := sets("--holdout", list); a != 360 || b != 3 || c != 1597 {
		t.Errorf("three rows held out: %d trained on, %d held out, %d added", a, b, c)
	}
	if _, said := done(t, "eval", "--quick", "--db", dir, "--holdout", "0.5"); !strings.Contains(said, "of the rows of --holdout were trained on, and are left out") {
		t.Errorf("half of all rows held out: %q", said)
	}
	// An autoencoder from elsewhere has no run: its share is what training would keep back.
	file := filepath.Join(t.TempDir(), "m.sae")
	done(t, "export", "--db", dir, "--sae-file", file)
	done(t, "models", "add", "foreign", "--from", file, "--db", dir)
	if a, b, c := sets("--sae", "foreign", "--holdout", "0.1"); a != 1800 || b != 200 || c != 0 {
		t.Errorf("a foreign one: %d trained on, %d held out, %d added", a, b, c)
	}
	if a, b, c := sets("--sae", "foreign"); a != 0 || b != 0 || c != 0 {
		t.Errorf("nothing known: %d trained on, %d held out, %d added", a, b, c)
	}
}
