//go:build cgo

package clip_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/saedb/saedb/clip"
)

// tiny is a model of a few kilobytes; make.py beside it says what it computes.
const tiny = "testdata/tiny"

// openTiny opens a model folder, or skips without ONNX Runtime.
func openTiny(t testing.TB, dir string) clip.Encoder {
	t.Helper()
	e, err := clip.Open(dir, &clip.Options{Library: findLibrary(t), Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func findLibrary(t testing.TB) string {
	t.Helper()
	library, err := clip.FindRuntime("", os.Getenv)
	if err != nil {
		t.Skip(err)
	}
	return library
}

// variant copies the tiny model with changes: pairs of old and new text in its model.json.
func variant(t *testing.T, changes ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	files, err := os.ReadDir(tiny)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(tiny, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if f.Name() == clip.DescriptionFile {
			for i := 0; i < len(changes); i += 2 {
				if !strings.Contains(string(data), changes[i]) {
					t.Fatalf("%s has no %s", f.Name(), changes[i])
				}
			}
			data = []byte(strings.NewReplacer(changes...).Replace(string(data)))
		}
		if err := os.WriteFile(filepath.Join(dir, f.Name()), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// ramp is n pictures of 3x8x8 numbers. The first is the one of the golden file.
func ramp(n int) []float32 {
	tensors := make([]float32, n*3*8*8)
	for i := range tensors {
		tensors[i] = float32(i%192%7-3)/4 + float32(i/192)
	}
	return tensors
}

func near(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Abs(float64(x-y)) < 1e-5 })
}

// tinyGolden is what NumPy made of the golden file's inputs.
func tinyGolden(t *testing.T) (picture []float32, texts []string, vectors []float32) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(tiny, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Picture []float32
		Texts   map[string][]float32
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	for text, v := range golden.Texts {
		texts, vectors = append(texts, text), append(vectors, v...)
	}
	return golden.Picture, texts, vectors
}

// fixedText describes the text tower whose input is int32 [1,8], without a mask and with another output before its vector.
var fixedText = []string{
	`"file": "text.onnx"`, `"file": "text_fixed.onnx"`,
	`"inputs": [{"name": "input_ids", "dtype": "int64"}, {"name": "attention_mask", "dtype": "int64"}],`, ``,
	`"output": {"name": "text_embeds"},`, ``,
}

func TestTinyModel(t *testing.T) {
	picture, texts, vectors := tinyGolden(t)
	for name, dir := range map[string]string{
		"as described":        tiny,
		"as the files say":    variant(t, `"input": {"name": "pixel_values", "dtype": "float32"},`, ``, `"output": {"name": "image_embeds"},`, ``, `"output": {"name": "text_embeds"},`, ``),
		"fixed text of int32": variant(t, fixedText...),
	} {
		e := openTiny(t, dir)
		if got, err := e.Pictures(t.Context(), ramp(1)); err != nil || !near(got, picture) {
			t.Errorf("%s: picture: %v, %v; want %v", name, got, err, picture)
		}
		if got, err := e.Texts(t.Context(), texts); err != nil || !near(got, vectors) {
			t.Errorf("%s: %q: %v, %v; want %v", name, texts, got, err, vectors)
		}
	}
}

// TestBatchesChangeNothing compares one call for many with one call for each.
func TestBatchesChangeNothing(t *testing.T) {
	const n = 35 // two full batches and a rest
	e := openTiny(t, tiny)
	tensors, texts := ramp(n), make([]string, n)
	for i := range texts {
		texts[i] = strings.Repeat("a red square, ", i) + "white"
	}
	pictures, err := e.Pictures(t.Context(), tensors)
	if err != nil {
		t.Fatal(err)
	}
	words, err := e.Texts(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	dim := e.Identity().Dim
	for i := range n {
		if one, err := e.Pictures(t.Context(), tensors[i*192:][:192]); err != nil || !near(one, pictures[i*dim:][:dim]) {
			t.Errorf("picture %d: %v alone, %v among others, %v", i, one, pictures[i*dim:][:dim], err)
		}
		if one, err := e.Texts(t.Context(), texts[i:i+1]); err != nil || !near(one, words[i*dim:][:dim]) {
			t.Errorf("%q: %v alone, %v among others, %v", texts[i], one, words[i*dim:][:dim], err)
		}
	}
	for name, call := range map[string]func() ([]float32, error){
		"pictures": func() ([]float32, error) { return e.Pictures(t.Context(), nil) },
		"texts":    func() ([]float32, error) { return e.Texts(t.Context(), nil) },
	} {
		if got, err := call(); err != nil || len(got) != 0 {
			t.Errorf("no %s: %v, %v", name, got, err)
		}
	}
	if _, err := e.Pictures(t.Context(), tensors[:191]); err == nil || err.Error() != "191 numbers are no whole pictures of 192" {
		t.Errorf("a part of a picture: %v", err)
	}
}

func TestManyGoroutinesShareAnEncoder(t *testing.T) {
	e := openTiny(t, tiny)
	picture, texts, vectors := tinyGolden(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if got, err := e.Pictures(t.Context(), ramp(1)); err != nil || !near(got, picture) {
					t.Errorf("picture: %v, %v", got, err)
				}
				if got, err := e.Texts(t.Context(), texts); err != nil || !near(got, vectors) {
					t.Errorf("texts: %v, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestCancelledAndClosed(t *testing.T) {
	e := openTiny(t, tiny)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Pictures(ctx, ramp(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := e.Texts(ctx, []string{"red"}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	for range 2 {
		if err := e.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	}
	if _, err := e.Pictures(t.Context(), ramp(1)); err == nil || err.Error() != "the encoder is closed" {
		t.Errorf("a picture after Close: %v", err)
	}
	if _, err := e.Texts(t.Context(), []string{"red"}); err == nil || err.Error() != "the encoder is closed" {
		t.Errorf("a text after Close: %v", err)
	}
}

// TestModelsThatDoNotFit opens models whose files are not what their description says.
func TestModelsThatDoNotFit(t *testing.T) {
	vision := func(e clip.Encoder) error { _, err := e.Pictures(t.Context(), ramp(1)); return err }
	text := func(e clip.Encoder) error { _, err := e.Texts(t.Context(), []string{"red"}); return err }
	for _, c := range []struct {
		use     func(clip.Encoder) error
		changes []string
		fault   string
	}{
		{vision, []string{`"dim": 6`, `"dim": 512`}, `vision.onnx: its output "image_embeds" is of float32 and shape [n 6]; model.json wants float32 and [n 512]`},
		{vision, []string{`image_embeds`, `embedding`}, `vision.onnx: it has no output "embedding"; it has "image_embeds"`},
		{vision, []string{`"pixel_values", "dtype": "float32"`, `"pixel_values", "dtype": "float16"`}, `vision.onnx: its input "pixel_values" is of float32; model.json says float16`},
		{vision, []string{`pixel_values`, `image`}, `vision.onnx: it has no input "image"; it has "pixel_values"`},
		{vision, []string{`"file": "vision.onnx"`, `"file": "text.onnx"`}, `text.onnx: it wants the inputs "input_ids", "attention_mask"; model.json names 1`},
		{vision, []string{`"file": "vision.onnx"`, `"file": "vocab.txt"`}, `vocab.txt: `},
		{text, []string{`, {"name": "attention_mask", "dtype": "int64"}`, ``}, `text.onnx: it wants the inputs "input_ids", "attention_mask"; model.json names 1`},
		{text, []string{`"input_ids", "dtype": "int64"`, `"input_ids", "dtype": "int32"`}, `text.onnx: its input "input_ids" is of int64; model.json says int32`},
		{text, append(slices.Clone(fixedText), `"max_length": 16`, `"output": {"name": "states"}, "max_length": 8`), `its output "states" is of float32 and shape [1 8 6]; model.json wants float32 and [n 6]`},
	} {
		e := openTiny(t, variant(t, c.changes...))
		for range 2 { // the second time it is remembered
			if err := c.use(e); !errors.Is(err, clip.ErrModel) || !strings.Contains(err.Error(), c.fault) {
				t.Errorf("%q:\n got %v\nwant %s", c.changes, err, c.fault)
			}
		}
	}
	dir := variant(t)
	os.Truncate(filepath.Join(dir, "text.onnx"), 300)
	if err := text(openTiny(t, dir)); !errors.Is(err, clip.ErrModel) || !strings.Contains(err.Error(), "text.onnx: ") {
		t.Errorf("a cut file: %v", err)
	}
	for _, missing := range []string{"vision.onnx", "text.onnx", "vocab.txt"} {
		dir := variant(t)
		os.Remove(filepath.Join(dir, missing))
		if _, err := clip.Open(dir, &clip.Options{Library: findLibrary(t)}); !errors.Is(err, clip.ErrModel) || !strings.Contains(err.Error(), missing) {
			t.Errorf("without %s: %v", missing, err)
		}
	}
}

func TestOneLibraryForAProcess(t *testing.T) {
	library := findLibrary(t)
	openTiny(t, tiny)
	if version, err := clip.CheckRuntime(library); err != nil || !strings.HasPrefix(version, "1.") {
		t.Errorf("once more: %q, %v", version, err)
	}
	other := filepath.Join(t.TempDir(), "other.so")
	if _, err := clip.Open(tiny, &clip.Options{Library: other}); !errors.Is(err, clip.ErrNoRuntime) || !strings.Contains(err.Error(), "this process already uses "+library) {
		t.Errorf("another library: %v", err)
	}
}

// oldRuntime is a library that knows no interface as new as ours, and says so as ONNX Runtime does.
const oldRuntime = `
struct base { const void *(*api)(unsigned); const char *(*version)(void); };
static const void *api(unsigned v) { return v <= 17 ? "" : 0; }
static const char *version(void) { return "1.17.3"; }
static const struct base b = {api, version};
const struct base *OrtGetApiBase(void) { return &b; }
`

// TestLibrariesThatCannotBeUsed loads each in a process of its own, as a library is there for good.
func TestLibrariesThatCannotBeUsed(t *testing.T) {
	if library := os.Getenv("SAEDB_TEST_LIBRARY"); library != "" {
		_, err := clip.CheckRuntime(library)
		fmt.Printf("%v: %v\n", errors.Is(err, clip.ErrNoRuntime), err)
		return
	}
	dir := t.TempDir()
	old, junk, empty := filepath.Join(dir, "old.so"), filepath.Join(dir, "junk.so"), filepath.Join(dir, "empty.so")
	write := func(path, content string) {
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write(junk, "not a library")
	write(old+".c", oldRuntime)
	write(empty+".c", "int nothing;\n")
	for _, library := range []string{old, empty} {
		if out, err := exec.Command("cc", "-shared", "-fPIC", "-o", library, library+".c").CombinedOutput(); err != nil {
			t.Skipf("no C compiler: %v: %s", err, out)
		}
	}
	for library, want := range map[string]string{
		old:                              "true: no ONNX Runtime: " + old + " is ONNX Runtime 1.17.3; saedb needs 1.24 or newer\n",
		empty:                            "OrtGetApiBase",
		junk:                             "junk.so",
		filepath.Join(dir, "nowhere.so"): "nowhere.so",
	} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestLibrariesThatCannotBeUsed$")
		cmd.Env = append(os.Environ(), "SAEDB_TEST_LIBRARY="+library)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), "true: ") || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v\n got %s\nwant %s", filepath.Base(library), err, out, want)
		}
	}
}

func TestSelfTest(t *testing.T) {
	if err := clip.SelfTest(t.Context(), findLibrary(t)); err != nil {
		t.Error(err)
	}
}
