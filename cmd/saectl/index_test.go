package main

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/saedb/saedb/clip"
	"github.com/saedb/saedb/clip/picture"
)

// meanEncoder is an encoder that anybody can check: a picture's vector is its mean red, green and blue plus one.
type meanEncoder struct{ encoded *int }

func (meanEncoder) Identity() clip.Identity {
	return clip.Identity{Name: "mean", WeightsSHA256: "none", Preprocess: "none", Dim: 3, Side: 1}
}

func (meanEncoder) Tensor(dst []float32, p *picture.Picture) []float32 {
	small := picture.Resize(p, 1, 1)
	return append(dst, 1+float32(small.Pix[0]), 1+float32(small.Pix[1]), 1+float32(small.Pix[2]))
}

func (e meanEncoder) Pictures(_ context.Context, tensors []float32) ([]float32, error) {
	*e.encoded += len(tensors) / 3
	return tensors, nil
}

func (meanEncoder) Texts(_ context.Context, texts []string) (out []float32, err error) {
	for range texts {
		out = append(out, 255, 1, 1) // all words are red
	}
	return out, nil
}

func (meanEncoder) Close() error { return nil }

// indexer runs index on a folder with that encoder.
type indexer struct {
	t        *testing.T
	root, db string
	encoded  int
}

func newIndexer(t *testing.T) *indexer {
	return &indexer{t: t, root: t.TempDir(), db: filepath.Join(t.TempDir(), "db")}
}

// call runs a command line with --db and the encoder.
func (x *indexer) call(args ...string) (stdout, stderr string, status int) {
	var out, log bytes.Buffer
	a := testApp(&out)
	a.stderr = &log
	a.encoder = func(encoderFlags) (clip.Encoder, error) { return meanEncoder{&x.encoded}, nil }
	status = run(x.t.Context(), a, append(args, "--db", x.db))
	return out.String(), log.String(), status
}

// index runs index and returns what it did and how many pictures went through the encoder.
func (x *indexer) index(args ...string) (o indexOutcome, encoded int, stderr string) {
	x.t.Helper()
	before := x.encoded
	stdout, stderr, status := x.call(append([]string{"index", x.root, "--json"}, args...)...)
	if status != statusDone {
		x.t.Fatalf("index %q: status %d: %s", args, status, stderr)
	}
	must(x.t, json.Unmarshal([]byte(stdout), &o))
	return o, x.encoded - before, stderr
}

// paint writes a picture of one colour.
func (x *indexer) paint(name string, c color.Color) {
	x.t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 4, 3))
	for i := range 12 {
		img.Set(i%4, i/4, c)
	}
	var b bytes.Buffer
	must(x.t, png.Encode(&b, img))
	x.write(name, b.String())
}

func (x *indexer) write(name, content string) {
	x.t.Helper()
	path := filepath.Join(x.root, filepath.FromSlash(name))
	must(x.t, os.MkdirAll(filepath.Dir(path), 0o777))
	must(x.t, os.WriteFile(path, []byte(content), 0o666))
}

var (
	red  = color.RGBA{255, 0, 0, 255}
	blue = color.RGBA{0, 0, 255, 255}
)

func TestIndexReadsOnlyWhatHasChanged(t *testing.T) {
	x := newIndexer(t)
	x.paint("red.png", red)
	x.paint("sub/blue.png", blue)
	if o, n, _ := x.index(); o.Added != 2 || n != 2 {
		t.Errorf("the first run: %s, %d encoded", o, n)
	}
	if o, n, _ := x.index(); o.Unchanged != 2 || n != 0 {
		t.Errorf("again: %s, %d encoded", o, n)
	}
	later := time.Now().Add(time.Hour)
	must(t, os.Chtimes(filepath.Join(x.root, "red.png"), later, later))
	if o, n, _ := x.index(); o.Replaced != 1 || o.Unchanged != 1 || n != 0 {
		t.Errorf("touched: %s, %d encoded", o, n)
	}
	x.paint("red.png", blue)
	must(t, os.Chtimes(filepath.Join(x.root, "red.png"), later.Add(time.Hour), later.Add(time.Hour)))
	if o, n, _ := x.index(); o.Replaced != 1 || n != 1 {
		t.Errorf("painted over: %s, %d encoded", o, n)
	}
	x.write("metadata.jsonl", `{"file":"sub/blue.png","year":2020}`)
	if o, n, _ := x.index(); o.Replaced != 1 || n != 0 {
		t.Errorf("described: %s, %d encoded", o, n)
	}
	stdout, _, _ := x.call("query", "images where meta.year = 2020 and width = 4 and height = 3 with meta")
	if !strings.Contains(stdout, `"id":"sub/blue.png"`) {
		t.Errorf("the description does not answer: %s", stdout)
	}

	must(t, os.Remove(filepath.Join(x.root, "red.png")))
	if o, _, _ := x.index(); o.Gone != 1 || o.Removed != 0 {
		t.Errorf("removed file: %+v", o)
	}
	if o, _, _ := x.index("--prune"); o.Removed != 1 {
		t.Errorf("pruned: %+v", o)
	}
	if o, _, _ := x.index("--prune"); o.Gone != 0 || o.Unchanged != 1 {
		t.Errorf("pruned again: %+v", o)
	}
}

// What was said of a picture by others, its cluster here, stays while its content stays, and goes with it.
func TestIndexKeepsTheClusterOfTheSameContent(t *testing.T) {
	x := newIndexer(t)
	for _, name := range []string{"painted.png", "still.png", "touched.png", "described.png"} {
		x.paint(name, red)
	}
	x.index()
	if _, stderr, status := x.call("cluster", "--k", "1"); status != statusDone {
		t.Fatalf("cluster: status %d: %s", status, stderr)
	}
	x.paint("painted.png", blue)
	later := time.Now().Add(time.Hour)
	for _, name := range []string{"painted.png", "touched.png"} {
		must(t, os.Chtimes(filepath.Join(x.root, name), later, later))
	}
	x.write("metadata.jsonl", `{"file":"described.png","year":2020}`)
	if o, n, _ := x.index(); o.Replaced != 3 || o.Unchanged != 1 || n != 1 {
		t.Errorf("%s, %d encoded", o, n)
	}
	stdout, _, _ := x.call("query", "cluster = 0", "--format", "csv")
	for name, is := range map[string]bool{"described.png": true, "painted.png": false, "still.png": true, "touched.png": true} {
		if strings.Contains(stdout, ","+name+",") != is {
			t.Errorf("that %s is in the cluster is to be %v: %s", name, is, stdout)
		}
	}
	if stdout, _, _ := x.call("query", "clusters"); !strings.Contains(stdout, `"count":3`) {
		t.Errorf("the cluster is listed as %s", stdout)
	}
}

func TestAFolderWithoutPicturesIsNothingFound(t *testing.T) {
	x := newIndexer(t)
	x.write("notes.txt", "")
	if _, stderr, status := x.call("index", x.root); status != statusNothing || !strings.Contains(stderr, "no pictures in") || !strings.Contains(stderr, "1 other") {
		t.Errorf("status %d: %s", status, stderr)
	}
	if _, err := os.Stat(x.db); err == nil {
		t.Error("a database was made of nothing")
	}
	if _, stderr, status := x.call("index", filepath.Join(x.root, "missing")); status != statusError {
		t.Errorf("a missing folder: status %d: %s", status, stderr)
	}
}

// TestAnotherPictureDoesNotTakeAnID indexes two folders one after the other that hold a file of the same name.
func TestAnotherPictureDoesNotTakeAnID(t *testing.T) {
	x := newIndexer(t)
	x.paint("a/x.png", red)
	x.paint("b/x.png", blue)
	for i, dir := range []string{"a", "b"} {
		stdout, stderr, _ := x.call("index", filepath.Join(x.root, dir), "--json")
		var o indexOutcome
		must(t, json.Unmarshal([]byte(stdout), &o))
		if o.Added != 1-i || len(o.Bad) != i {
			t.Errorf("%s: %+v %s", dir, o, stderr)
		}
	}
}

func TestQueriesByPictureAndText(t *testing.T) {
	x := newIndexer(t)
	x.paint("red.png", red)
	x.paint("blue.png", blue)
	x.index()
	x.paint("elsewhere/bluish.png", color.RGBA{20, 20, 200, 255})
	for query, want := range map[string]string{
		`near text "fire" top 1`: "red.png",
		`near file "` + filepath.ToSlash(filepath.Join(x.root, "elsewhere", "bluish.png")) + `" top 1`: "blue.png",
	} {
		stdout, stderr, status := x.call("query", query)
		if status != statusDone || !strings.Contains(stdout, `"id":"`+want+`"`) {
			t.Errorf("%s: status %d: %s%s; want %s", query, status, stdout, stderr, want)
		}
	}
	if _, stderr, status := x.call("query", `near file "nowhere.png"`); status != statusError || !strings.Contains(stderr, "nowhere.png") {
		t.Errorf("a missing file: status %d: %s", status, stderr)
	}
}
