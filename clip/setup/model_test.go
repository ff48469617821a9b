package setup

import (
	"context"
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/saedb/saedb/clip"
	"github.com/saedb/saedb/clip/setup/setuptest"
)

// tinyFiles are the files of clip's tiny model by the names that the stand-in hub has for them.
func tinyFiles(t testing.TB) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for onHub, name := range map[string]string{"tokenizer.txt": "vocab.txt", "onnx/text.onnx": "text.onnx", "onnx/vision.onnx": "vision.onnx"} {
		data, err := os.ReadFile(filepath.Join("..", "testdata", "tiny", name))
		if err != nil {
			t.Fatal(err)
		}
		files[repo+"/"+onHub] = data
	}
	return files
}

// tinySource is the tiny model as a source, with digests.
func tinySource(t testing.TB) Source {
	t.Helper()
	described, err := clip.ReadDescription(filepath.Join("..", "testdata", "tiny"))
	if err != nil {
		t.Fatal(err)
	}
	files := tinyFiles(t)
	file := func(name string) File {
		data := files[repo+"/"+name]
		return File{Repo: repo, Revision: setuptest.Commit, Path: name, SHA256: sha256Of(data), Size: int64(len(data))}
	}
	return Source{About: "a tiny model", Repo: repo, Model: *described, Tokenizer: file("tokenizer.txt"), Text: file("onnx/text.onnx"), Vision: file("onnx/vision.onnx")}
}

// tinyFolder holds the tiny model's files at their places on the hub.
func tinyFolder(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range tinyFiles(t) {
		to := filepath.Join(dir, filepath.FromSlash(strings.TrimPrefix(name, repo+"/")))
		if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o777), os.WriteFile(to, data, 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// isTiny expects an installed model whose vectors would be the tiny model's.
func isTiny(t *testing.T, dir string) {
	t.Helper()
	d, err := clip.ReadDescription(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.Identity()
	if err != nil {
		t.Fatal(err)
	}
	original, err := clip.ReadDescription(filepath.Join("..", "testdata", "tiny"))
	if err != nil {
		t.Fatal(err)
	}
	if want, err := original.Identity(); err != nil || got != want {
		t.Errorf("installed is %+v, want %+v (%v)", got, want, err)
	}
}

func TestFetchModel(t *testing.T) {
	server := setuptest.New(t, tinyFiles(t))
	hub := &Hub{Endpoint: server.Address, Cache: t.TempDir()}
	h := lockedHome(t)
	dir, change, err := h.FetchModel(t.Context(), hub, tinySource(t))
	if err := errors.Join(err, change.Keep()); err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(h.Dir, "models", "tiny"); dir != want {
		t.Errorf("installed in %s, want %s", dir, want)
	}
	isTiny(t, dir)
	found, err := clip.FindModel("tiny", func(name string) string { return map[string]string{"SAEDB_DATA": h.Dir}[name] })
	if err != nil || found != dir {
		t.Errorf("an encoder would find %q, %v", found, err)
	}
}

func TestInstallModelWithoutANetwork(t *testing.T) {
	flat := t.TempDir() // the same files beside each other
	for name, data := range tinyFiles(t) {
		if err := os.WriteFile(filepath.Join(flat, path.Base(name)), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for what, from := range map[string]string{"a copy of the repository": tinyFolder(t), "its files side by side": flat, "a described model": filepath.Join("..", "testdata", "tiny")} {
		h := lockedHome(t)
		copied := int64(0)
		dir, change, err := h.InstallModel(from, tinySource(t), func(n int) { copied += int64(n) })
		if err := errors.Join(err, change.Keep()); err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		isTiny(t, dir)
		if copied == 0 {
			t.Errorf("%s: no progress", what)
		}
		name, size, ok, err := ModelIn(from, tinySource(t))
		if err != nil || !ok || name != "tiny" || size < 1000 {
			t.Errorf("%s: ModelIn says %q, %d bytes, %v, %v", what, name, size, ok, err)
		}
	}
	if _, _, ok, _ := ModelIn(t.TempDir(), tinySource(t)); ok {
		t.Error("an empty folder passes for a model")
	}
}

func TestInstallModelRefuses(t *testing.T) {
	change := func(name, text string) func(string) error {
		return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666) }
	}
	const described = `{"name": %q, "version": 1, "dim": 6, "vision": {"file": %q, "preprocess": {"size": 8, "std": [1,1,1]}},
		"text": {"file": "onnx/text.onnx", "max_length": 16}, "tokenizer": {"kind": "bert-wordpiece", "vocab": "tokenizer.txt"}}`
	fill := func(name, vision string) string {
		return strings.Replace(strings.Replace(described, "%q", `"`+name+`"`, 1), "%q", `"`+vision+`"`, 1)
	}
	for what, c := range map[string]struct {
		damage func(dir string) error
		want   error
		says   string
	}{
		"a missing file":            {func(dir string) error { return os.Remove(filepath.Join(dir, "onnx", "vision.onnx")) }, ErrFolder, "holds no onnx/vision.onnx"},
		"a damaged file":            {change("onnx/text.onnx", "cut"), ErrDigest, "want"},
		"a name that leads astray":  {change(clip.DescriptionFile, fill("../evil", "onnx/vision.onnx")), clip.ErrModel, "is no name for a folder"},
		"a file that leads astray":  {change(clip.DescriptionFile, fill("evil", "../vision.onnx")), clip.ErrModel, "outside of its folder"},
		"a description of nothing":  {change(clip.DescriptionFile, fill("other", "onnx/gone.onnx")), os.ErrNotExist, "gone.onnx"},
		"no description after all":  {change(clip.DescriptionFile, "{"), clip.ErrModel, clip.DescriptionFile},
		"a description of the next": {change(clip.DescriptionFile, `{"name": "x", "version": 2}`), clip.ErrModel, "version is 2"},
	} {
		from := tinyFolder(t)
		if err := c.damage(from); err != nil {
			t.Fatal(err)
		}
		h := lockedHome(t)
		_, _, err := h.InstallModel(from, tinySource(t), nil)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v\nwant %v, with %q", what, err, c.want, c.says)
		}
		if _, err := os.Stat(filepath.Join(h.Dir, "models")); err == nil {
			t.Errorf("%s: something was installed", what)
		}
	}
}

// TestFetchModelKeepsWhatCame: the second try fetches only what the first did not.
func TestFetchModelKeepsWhatCame(t *testing.T) {
	server := setuptest.New(t, tinyFiles(t))
	hub := &Hub{Endpoint: server.Address, Cache: t.TempDir(), pause: func(context.Context, time.Duration) {}}
	vision := server.Files[repo+"/onnx/vision.onnx"]
	delete(server.Files, repo+"/onnx/vision.onnx")
	h := lockedHome(t)
	if _, _, err := h.FetchModel(t.Context(), hub, tinySource(t)); !errors.Is(err, ErrNotThere) {
		t.Fatalf("a repository without the vision tower: %v", err)
	}
	server.Files[repo+"/onnx/vision.onnx"] = vision
	server.Log()
	dir, change, err := h.FetchModel(t.Context(), hub, tinySource(t))
	if err := errors.Join(err, change.Keep()); err != nil {
		t.Fatal(err)
	}
	isTiny(t, dir)
	if log := strings.Join(server.Log(), ", "); strings.Contains(log, "text.onnx") || !strings.Contains(log, "vision.onnx") {
		t.Errorf("the second try asked for %s", log)
	}
}

// TestSourcesAreWhole: what setup offers is described well enough to be installed.
func TestSourcesAreWhole(t *testing.T) {
	for _, s := range Sources() {
		for _, f := range s.Files() {
			if len(f.SHA256) != 64 || f.Size < 1e6 || !commitForm.MatchString(f.Revision) {
				t.Errorf("%s: %+v", s.Name(), f)
			}
		}
		if s.Name() == "" || s.About == "" || s.Model.Licence == "" || s.Model.Dim == 0 {
			t.Errorf("%+v", s)
		}
	}
}
