package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/npy"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/concept"
)

// tinyDB makes a database whose three pictures lie along or between the axes red,
// green and blue, with an autoencoder whose latents are those axes, named so, and
// a second one that is not active. It returns the folder.
func tinyDB(t *testing.T) string {
	t.Helper()
	ctx := context.Background()
	dir := filepath.Join(t.TempDir(), "pics")
	d, err := db.Create(ctx, dir, nil)
	must(t, err)
	_, err = d.Put(ctx,
		db.Item{ID: "red.jpg", Vec: []float32{1, 0, 0}},
		db.Item{ID: "teal.jpg", Vec: []float32{0, 0.6, 0.8}},
		db.Item{ID: "blue.jpg", Vec: []float32{0, 0, 1}})
	must(t, err)
	axes := []float32{1, 0, 0, 0, 1, 0, 0, 0, 1}
	m := &sae.Model{D: 3, M: 3, K: 2, Wenc: axes, Wdec: axes, Benc: make([]float32, 3), Bdec: make([]float32, 3), Scale: 1}
	must(t, d.AddModel(ctx, "axes", m))
	must(t, d.EncodeAll(ctx, "axes", 1, nil))
	must(t, d.Activate(ctx, "axes"))
	var names concept.Names
	for latent, word := range []string{"red", "green", "blue"} {
		names.Latents = append(names.Latents, concept.Name{Word: word, Score: 1, Margin: 0.5, Z: 2, AUC: 1, Fired: 45, RunnersUp: []concept.Candidate{{Word: "grey"}}})
		names.Concepts = append(names.Concepts, concept.Concept{Word: word, Group: []concept.Weight{{Latent: uint32(latent), W: 1}}})
	}
	names.Concepts[0], names.Concepts[2] = names.Concepts[2], names.Concepts[0] // by word
	must(t, d.SetNames(ctx, "axes", &names))
	other := *m
	other.K = 1
	must(t, d.AddModel(ctx, "other", &other))
	must(t, d.Close())
	return dir
}

// saectl runs one command line in this process and returns its exit status, what
// it wrote to stdout, and what it wrote to stderr.
func saectl(args ...string) (status int, stdout, stderr string) {
	var out, remarks bytes.Buffer
	a := testApp(&out)
	a.stderr = &remarks
	status = run(context.Background(), a, args)
	return status, out.String(), remarks.String()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestConceptCommands asks for concepts in every way there is.
func TestConceptCommands(t *testing.T) {
	dir := tinyDB(t)
	for _, test := range []struct {
		name   string
		args   []string
		status int
		stdout string
		stderr string // a part of it
	}{
		{"query", []string{"query", "--format", "table", "concept = blue with why"}, 0,
			"rank   score  id        path      why\n   1  1.0000  blue.jpg  blue.jpg  blue 100%\n   2  0.8000  teal.jpg  teal.jpg  blue 100%\n", ""},
		{"explain", []string{"explain", "--format", "tsv", "red.jpg"}, 0,
			"rank\tlatent\tconcept\tactivation\tshare\tconfidence\trunners_up\n1\t0\tred\t1\t1\t0.8999999761581421\tgrey\n", ""},
		{"near", []string{"near", "--format", "paths", "blue.jpg", "top", "1"}, 0, "teal.jpg\n", ""},
		{"concepts", []string{"concepts", "--format", "csv", "b*"}, 0, "rank,concept,count,density,max,mean,latents\n", ""},
		{"unknown concept", []string{"query", "concept = bleu"}, 2, "",
			"saectl: unknown concept \"bleu\"\n  concept = bleu\n            ^\n"},
		{"models", []string{"models", "--format", "csv"}, 0, "name,active,latents,k,encoded,named,added,digest\naxes,yes,3,2,yes,yes,", ""},
	} {
		status, stdout, stderr := saectl(append(test.args, "--db", dir)...)
		if status != test.status || !strings.HasPrefix(stdout, test.stdout) || !strings.Contains(stderr, test.stderr) {
			t.Errorf("%s: exit status %d, want %d\nstdout %q\nwant   %q\nstderr %q\nwant   %q", test.name, status, test.status, stdout, test.stdout, stderr, test.stderr)
		}
	}
}

// TestModelsUseAndDrop switches to the second autoencoder and drops the first.
func TestModelsUseAndDrop(t *testing.T) {
	dir := tinyDB(t)
	for _, step := range []struct {
		args   string
		status int
		stderr string
	}{
		{"models drop axes", 2, "in use"},
		{"models use other", 0, "other is active\n"},
		{"models drop axes", 0, "axes is dropped\n"},
		{"models use axes", 2, `autoencoder "axes": not found`},
		{"check", 0, "no faults\n"},
	} {
		status, _, stderr := saectl(append(strings.Fields(step.args), "--db", dir)...)
		if status != step.status || !strings.Contains(stderr, step.stderr) {
			t.Errorf("%s: exit status %d, stderr %q; want %d, %q", step.args, status, stderr, step.status, step.stderr)
		}
	}
}

// TestExportModel writes all that hangs on an autoencoder and reads it back.
func TestExportModel(t *testing.T) {
	dir, out := tinyDB(t), t.TempDir()
	at := func(name string) string { return filepath.Join(out, name) }
	status, _, stderr := saectl("export", "--db", dir, "--codes", at("c.npz"), "--names", at("n.csv"), "--sae-file", at("m.sae"), "--saelens", at("lens"), "--sparsify", at("sparsify"))
	if status != 0 {
		t.Fatalf("exit status %d: %s", status, stderr)
	}

	data, err := os.ReadFile(at("c.npz"))
	must(t, err)
	codes, err := npy.ReadCSR(bytes.NewReader(data), int64(len(data)))
	must(t, err)
	want := &npy.CSR{Rows: 3, Cols: 3, Indptr: []int64{0, 1, 3, 4}, Indices: []int32{0, 1, 2, 2}, Data: []float32{1, 0.6, 0.8, 1}}
	if !reflect.DeepEqual(codes, want) {
		t.Errorf("codes %+v, want %+v", codes, want)
	}

	data, err = os.ReadFile(at("n.csv"))
	must(t, err)
	names, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	must(t, err)
	if want := []string{"1", "green", "1", "0.5", "2", "false", "grey", "0.9", "false", ""}; len(names) != 4 || !reflect.DeepEqual(names[2], want) {
		t.Errorf("names %q, want latent 1 as %q", names, want)
	}

	f, err := os.Open(at("m.sae"))
	must(t, err)
	defer f.Close()
	own, err := sae.Read(f)
	must(t, err)
	lens, err := sae.ReadSAELens(os.DirFS(at("lens")))
	must(t, err)
	sparsify, err := sae.ReadSparsify(os.DirFS(at("sparsify")))
	must(t, err)
	for name, m := range map[string]*sae.Model{"own format": own, "SAELens": lens, "sparsify": sparsify} {
		if m.M != 3 || m.D != 3 || m.K != 2 || !reflect.DeepEqual(m.Wdec, []float32{1, 0, 0, 0, 1, 0, 0, 0, 1}) {
			t.Errorf("%s: the autoencoder came back as %+v", name, m)
		}
	}

	// Another export of the codes refuses the file, and --sae picks the other autoencoder, which has no codes yet.
	if status, _, stderr := saectl("export", "--db", dir, "--codes", at("c.npz")); status != 2 || !strings.Contains(stderr, "c.npz exists") {
		t.Errorf("second export: exit status %d, %q", status, stderr)
	}
	if status, _, stderr := saectl("export", "--db", dir, "--sae", "other", "--names", at("o.csv")); status != 2 || !strings.Contains(stderr, "no names") {
		t.Errorf("names of a nameless autoencoder: exit status %d, %q", status, stderr)
	}
	left, err := os.ReadDir(out)
	must(t, err)
	if len(left) != 5 {
		t.Errorf("%d entries in the folder, want the five that were asked for: %v", len(left), left)
	}
}
