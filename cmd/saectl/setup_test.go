package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/saedb/saedb/clip"
	"github.com/saedb/saedb/clip/setup"
	"github.com/saedb/saedb/clip/setup/setuptest"
)

// alone runs the test that calls it in a process of its own and returns true there: ONNX Runtime is loaded once in a process.
func alone(t *testing.T) bool {
	t.Helper()
	const mark = "SAEDB_TEST_ALONE"
	if os.Getenv(mark) != "" {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), mark+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if before, _, skipped := strings.Cut(string(out), "--- SKIP"); skipped {
		t.Skip(strings.TrimSpace(before[strings.LastIndex(strings.TrimSpace(before), "\n")+1:]))
	}
	return false
}

// newcomer is somebody on a machine without ONNX Runtime and models, and with a stand-in for the hub and for pip.
type newcomer struct {
	t     *testing.T
	hub   *setuptest.Hub
	env   map[string]string
	runs  bool // the ONNX Runtime that pip brings can be loaded
	wheel string
	app   app
}

func newNewcomer(t *testing.T) *newcomer {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("no shell for the stand-in of pip")
	}
	n := &newcomer{t: t, wheel: filepath.Join(t.TempDir(), "onnxruntime-1.27.0-py3-none-any.whl")}
	n.hub = setuptest.New(t, map[string][]byte{})
	n.env = map[string]string{"SAEDB_DATA": filepath.Join(t.TempDir(), "data"), "HF_HOME": filepath.Join(t.TempDir(), "hub"), "HF_ENDPOINT": n.hub.Address}
	n.app.sources = []setup.Source{n.source()}

	library := setuptest.Library(t, runtime.GOOS, runtime.GOARCH)
	if found, err := clip.FindRuntime("", os.Getenv); err == nil && clip.CanEncode {
		data, err := os.ReadFile(found)
		must(t, err)
		library, n.runs = data, true
	}
	n.writeWheel(library)
	bin := t.TempDir()
	must(t, os.WriteFile(filepath.Join(bin, "python3"), []byte("#!/bin/sh\ncase \"$3\" in\n--version) echo pip 99.1 from nowhere;;\n*) cp '"+n.wheel+"' .;;\nesac\n"), 0o777))
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+"/bin"+string(filepath.ListSeparator)+"/usr/bin")
	return n
}

// writeWheel makes the wheel that pip brings.
func (n *newcomer) writeWheel(library []byte) {
	n.t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateHeader(&zip.FileHeader{Name: "onnxruntime/capi/" + filepath.Base(setupLibraryName()), Method: zip.Store})
	must(n.t, err)
	_, err = w.Write(library)
	must(n.t, errors.Join(err, z.Close(), os.WriteFile(n.wheel, b.Bytes(), 0o666)))
}

func setupLibraryName() string {
	if runtime.GOOS == "darwin" {
		return "libonnxruntime.dylib"
	}
	return "libonnxruntime.so"
}

// source puts clip's tiny model on the hub and returns it as one that setup knows.
func (n *newcomer) source() setup.Source {
	n.t.Helper()
	const dir, repo = "../../clip/testdata/tiny", "maker/tiny"
	d, err := clip.ReadDescription(dir)
	must(n.t, err)
	file := func(name string) setup.File {
		data, err := os.ReadFile(filepath.Join(dir, name))
		must(n.t, err)
		n.hub.Files[repo+"/"+name] = data
		sum := sha256.Sum256(data)
		return setup.File{Repo: repo, Revision: setuptest.Commit, Path: name, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(data))}
	}
	d.Name = clip.DefaultModel
	return setup.Source{About: "A tiny CLIP", Repo: repo, Model: *d, Tokenizer: file("vocab.txt"), Text: file("text.onnx"), Vision: file("vision.onnx")}
}

// call runs saectl with the newcomer's environment.
func (n *newcomer) call(args ...string) (stdout, stderr string, status int) {
	n.t.Helper()
	var out, errs bytes.Buffer
	a := n.app
	a.stdout, a.stderr, a.now = &out, &errs, time.Now
	if a.stdin == nil {
		a.stdin = strings.NewReader("")
	}
	a.getenv = func(name string) string { return n.env[name] }
	status = run(n.t.Context(), &a, args)
	return out.String(), errs.String(), status
}

// expect calls saectl and looks for texts in what it says.
func (n *newcomer) expect(want int, texts []string, args ...string) (stdout, stderr string) {
	n.t.Helper()
	stdout, stderr, status := n.call(args...)
	if status != want {
		n.t.Errorf("saectl %v: exit status %d, want %d\n%s%s", args, status, want, stdout, stderr)
	}
	for _, text := range texts {
		if !strings.Contains(stdout+stderr, text) {
			n.t.Errorf("saectl %v does not say %q:\n%s%s", args, text, stdout, stderr)
		}
	}
	return stdout, stderr
}

// TestSetupFromNothing is the whole way: doctor misses things, setup brings them, they work, doctor is content.
func TestSetupFromNothing(t *testing.T) {
	if !alone(t) {
		return
	}
	n := newNewcomer(t)
	if clip.CanEncode && !n.runs {
		t.Skip("no ONNX Runtime to be brought: TestSetupTakesBackWhatDoesNotWork covers the rest")
	}
	missing := 1
	n.expect(missing, []string{`"part":"ONNX Runtime","state":"missing"`, "saectl setup brings it", `"part":"model","state":"missing"`, "pip 99.1", n.hub.Address}, "doctor")
	n.expect(statusDone, []string{
		"to fetch from onnxruntime>=" + clip.MinRuntime + " with pip 99.1", "licence MIT", n.env["SAEDB_DATA"],
		"A tiny CLIP: to fetch from " + n.hub.Address + "/maker/tiny at 01234567", "1 MB", "Apache-2.0",
	}, "setup", "--yes")
	if clip.CanEncode {
		missing = 0
		stdout, _ := n.expect(statusDone, nil, "encode", "--text", "white")
		if stdout != "0 0 0 2 0.05 0.05\n" {
			t.Errorf("encoded: %q", stdout)
		}
	}
	n.expect(missing, []string{"pip package onnxruntime-1.27.0-py3-none-any.whl", n.hub.Address + "/maker/tiny at " + setuptest.Commit}, "doctor")

	n.hub.Log()
	n.expect(statusDone, []string{`"state":"there"`}, "setup", "--format", "jsonl")
	if log := n.hub.Log(); len(log) > 0 {
		t.Errorf("the second setup asked the hub for %q", log)
	}
	n.env["HF_HUB_OFFLINE"] = "1" // the cache has everything
	n.expect(statusDone, []string{"to fetch"}, "setup", "--yes", "--reinstall")
}

// TestSetupTakesBackWhatDoesNotWork has pip bring a library that looks right and cannot be loaded.
func TestSetupTakesBackWhatDoesNotWork(t *testing.T) {
	if !alone(t) {
		return
	}
	n := newNewcomer(t)
	if !clip.CanEncode {
		t.Skip("built without cgo: nothing is tried")
	}
	n.writeWheel(setuptest.Library(t, runtime.GOOS, runtime.GOARCH))
	n.expect(statusError, []string{"ONNX Runtime does not work", "--from FILE"}, "setup", "--yes")
	if left, _ := filepath.Glob(filepath.Join(n.env["SAEDB_DATA"], "onnxruntime", "*", "*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestSetupWithoutANetwork installs from what was brought along.
func TestSetupWithoutANetwork(t *testing.T) {
	if !alone(t) {
		return
	}
	n := newNewcomer(t)
	if clip.CanEncode && !n.runs {
		t.Skip("no ONNX Runtime to bring along")
	}
	n.env["HF_HUB_OFFLINE"] = "1"
	t.Setenv("PATH", t.TempDir())
	n.expect(statusError, []string{"nothing to fetch it with", "--from FILE"}, "setup", "--yes")
	n.expect(statusError, []string{"HF_HUB_OFFLINE is set", "--from DIR"}, "setup", "--yes", "--from", n.wheel)
	n.expect(statusDone, []string{"to copy from " + n.wheel, "to copy from ../../clip/testdata/tiny"}, "setup", "--from", n.wheel, "--from", "../../clip/testdata/tiny")
	n.expect(statusDone, []string{"models"}, "setup", "--model", "tiny") // it is there
	n.expect(statusError, []string{"are for the same part"}, "setup", "--from", n.wheel, "--from", n.wheel)
}

func TestSetupAsks(t *testing.T) {
	n := newNewcomer(t)
	n.expect(statusError, []string{"nobody is there to be asked", "--yes"}, "setup")
	n.app.inTerminal, n.app.stdin = true, strings.NewReader("no\n")
	n.expect(statusNothing, []string{"Fetch this? [y/N]"}, "setup")
	if log := n.hub.Log(); len(log) > 0 {
		t.Errorf("it was told not to, and asked the hub for %q", log)
	}
}

func TestSetupRefuses(t *testing.T) {
	n := newNewcomer(t)
	for _, c := range []struct {
		says string
		args []string
	}{
		{`setup can fetch ` + clip.DefaultModel, []string{"--model", "siglip"}},
		{"pip and npm carry ONNX Runtime", []string{"--client", "cargo"}},
		{"gone.whl", []string{"--from", "gone.whl"}},
		{"it is no library", []string{"--from", "setup_test.go", "--yes"}},
	} {
		n.expect(statusError, []string{c.says}, append([]string{"setup"}, c.args...)...)
	}
	n.env["SAEDB_ORT_LIB"] = "setup_test.go"
	n.expect(statusError, []string{"it is no library", "name another library"}, "setup", "--yes")
}

// TestSetupSaysWhatIsWrongWithADownload serves other bytes than promised.
func TestSetupSaysWhatIsWrongWithADownload(t *testing.T) {
	if !alone(t) {
		return
	}
	n := newNewcomer(t)
	if clip.CanEncode && !n.runs {
		t.Skip("no ONNX Runtime to be brought before the model")
	}
	n.hub.Corrupt = true
	n.expect(statusError, []string{"wrong checksum", "run saectl setup again"}, "setup", "--yes")
	n.hub.Corrupt = false
	n.expect(statusDone, []string{"A tiny CLIP: " + n.env["SAEDB_DATA"]}, "setup", "--yes")
}
