package clip_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/saedb/saedb/clip"
)

const sound = `{"name": "m", "version": 1, "dim": 4,
	"vision": {"file": "v.onnx", "input": {"name": "p"}, "output": {"name": "e"}, "preprocess": {"size": 8, "mean": [0,0,0], "std": [1,1,1]}},
	"text": {"file": "t.onnx", "inputs": [{"name": "ids", "dtype": "int64"}], "output": {"name": "e"}, "max_length": 16},
	"tokenizer": {"kind": "clip-bpe", "file": "tokenizer.json"}}`

// folder makes a model's folder out of names and contents.
func folder(t *testing.T, files ...string) string {
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestADescriptionsFaultsAreNamed(t *testing.T) {
	for _, c := range []struct{ from, to, fault string }{
		{`"version": 1`, `"version": 2`, "version is 2; this saedb reads version 1"},
		{`"dim": 4`, `"dim": 0`, "dim is 0"},
		{`"size": 8`, `"size": -1`, "vision.preprocess.size is -1"},
		{`[1,1,1]`, `[1,0,1]`, "vision.preprocess.std[1] is 0"},
		{`"int64"`, `"float32"`, `text.inputs[0].dtype is "float32", want int64 or int32`},
		{`"clip-bpe"`, `"unigram"`, `tokenizer.kind is "unigram", want "clip-bpe" or "bert-wordpiece"`},
		{`"max_length": 16`, `"max_length": 1`, "text.max_length is 1"},
		{`"name": "m", `, ``, "name is missing"},
		{`"dim": 4,`, `"dim": "four",`, "cannot unmarshal string"},
		{`}}`, `}`, "unexpected end"},
	} {
		dir := folder(t, clip.DescriptionFile, strings.Replace(sound, c.from, c.to, 1))
		if c.from == `}}` {
			dir = folder(t, clip.DescriptionFile, sound[:len(sound)-1])
		}
		_, err := clip.ReadDescription(dir)
		if !errors.Is(err, clip.ErrModel) || !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%s for %s:\n got %v\nwant %s", c.to, c.from, err, c.fault)
		}
	}
	if _, err := clip.ReadDescription(t.TempDir()); !errors.Is(err, clip.ErrNoModel) {
		t.Errorf("an empty folder: %v", err)
	}
}

func TestIdentityFollowsTheWeights(t *testing.T) {
	identity := func(description, vision, text string) (clip.Identity, error) {
		d, err := clip.ReadDescription(folder(t, clip.DescriptionFile, description, "v.onnx", vision, "t.onnx", text))
		if err != nil {
			t.Fatal(err)
		}
		return d.Identity()
	}
	a, err := identity(sound, "vision", "text")
	if err != nil {
		t.Fatal(err)
	}
	if a.Name != "m" || a.Dim != 4 || a.Side != 8 || len(a.WeightsSHA256) != 64 {
		t.Errorf("got %+v", a)
	}
	if b, err := identity(sound, "vision", "other"); err != nil || b.WeightsSHA256 == a.WeightsSHA256 {
		t.Errorf("another text tower has the same identity: %+v, %v", b, err)
	}
	const digest = "c9ff4b9a92ee9a77c1fd0b4b3a93d5a3ad54a1d4ddd19dbb1a3e7b9d56ad1b0a" // of something else
	_, err = identity(strings.Replace(sound, `"file": "v.onnx"`, `"file": "v.onnx", "sha256": "`+digest+`"`, 1), "vision", "text")
	if !errors.Is(err, clip.ErrModel) || !strings.Contains(err.Error(), "v.onnx: its 6 bytes have sha256") {
		t.Errorf("a wrong digest: %v", err)
	}
}

func TestWhereModelsAndLibrariesAreLookedFor(t *testing.T) {
	data := t.TempDir()
	env := map[string]string{"SAEDB_DATA": data}
	getenv := func(key string) string { return env[key] }
	put := func(name string) string {
		path := filepath.Join(data, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if _, err := clip.FindModel("", getenv); !errors.Is(err, clip.ErrNoModel) || !strings.Contains(err.Error(), "none is installed") {
		t.Errorf("no model: %v", err)
	}
	small := filepath.Dir(put("models/small/model.json"))
	if _, err := clip.FindModel("large", getenv); err == nil || !strings.Contains(err.Error(), "installed: small") {
		t.Errorf("another model: %v", err)
	}
	if dir, err := clip.FindModel("", getenv); err != nil || dir != small {
		t.Errorf("the only model: %s, %v", dir, err)
	}
	usual := filepath.Dir(put("models/" + clip.DefaultModel + "/model.json"))
	if dir, err := clip.FindModel("", getenv); err != nil || dir != usual {
		t.Errorf("the usual model: %s, %v", dir, err)
	}
	env["SAEDB_MODEL"] = "small"
	for _, name := range []string{"", "small", small} {
		if dir, err := clip.FindModel(name, getenv); err != nil || dir != small {
			t.Errorf("%q: %s, %v", name, dir, err)
		}
	}

	put("onnxruntime/1.4.0/libonnxruntime.so.1.4.0")
	put("onnxruntime/1.4.0/libonnxruntime.1.4.0.dylib")
	put("onnxruntime/1.4.0/onnxruntime.dll")
	for _, name := range []string{"libonnxruntime.so.1.30.0", "libonnxruntime.1.30.0.dylib", "onnxruntime.dll"} {
		put("onnxruntime/1.30.0/" + name)
	}
	if lib, err := clip.FindRuntime("", getenv); err != nil || filepath.Base(filepath.Dir(lib)) != "1.30.0" {
		t.Errorf("the newest library: %s, %v", lib, err)
	}
	env["ORT_DYLIB_PATH"] = put("elsewhere.so")
	if lib, err := clip.FindRuntime("", getenv); err != nil || lib != env["ORT_DYLIB_PATH"] {
		t.Errorf("the environment's library: %s, %v", lib, err)
	}
	nowhere := func(string) string { return "" }
	if _, err := clip.FindModel("small", nowhere); !errors.Is(err, clip.ErrNoModel) || !strings.Contains(err.Error(), "set SAEDB_DATA") {
		t.Errorf("no data folder: %v", err)
	}
	if _, err := clip.FindRuntime(data, getenv); !errors.Is(err, clip.ErrNoRuntime) || !strings.Contains(err.Error(), "it is a folder") {
		t.Errorf("a folder as library: %v", err)
	}
	env["SAEDB_ORT_LIB"] = filepath.Join(data, "missing.so")
	if _, err := clip.FindRuntime("", getenv); !errors.Is(err, clip.ErrNoRuntime) || !strings.Contains(err.Error(), "SAEDB_ORT_LIB") {
		t.Errorf("a missing library: %v", err)
	}
}
