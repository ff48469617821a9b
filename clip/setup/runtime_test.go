package setup

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/saedb/saedb/clip/setup/setuptest"
)

// here is a library that fits this machine, elsewhere one that does not.
func here(t testing.TB) []byte      { return setuptest.Library(t, runtime.GOOS, runtime.GOARCH) }
func elsewhere(t testing.TB) []byte { return setuptest.Library(t, runtime.GOOS, otherArch()) }

// entry is a file in an archive.
type entry struct {
	name string
	data []byte
}

func zipOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		w, err := z.Create(e.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tgzOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, e := range entries {
		if err := w.WriteHeader(&tar.Header{Name: e.name, Mode: 0o644, Size: int64(len(e.data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// lockedHome is an empty data folder that the test has to itself.
func lockedHome(t testing.TB) Home {
	t.Helper()
	h := Home{Dir: filepath.Join(t.TempDir(), "data")}
	unlock, err := h.Lock()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(unlock)
	return h
}

func TestInstallLibraryFromWhateverHoldsOne(t *testing.T) {
	name := libraryName(runtime.GOOS)
	versioned := name
	if runtime.GOOS == "linux" { // there the name is all that tells the version
		versioned += ".1.27.0"
	}
	for what, from := range map[string]string{
		"the library": writeTemp(t, versioned, here(t)),
		"a wheel":     writeTemp(t, "onnxruntime-1.27.0-cp312.whl", zipOf(t, entry{"onnxruntime/__init__.py", nil}, entry{"onnxruntime/capi/" + name, here(t)})),
		"a release":   writeTemp(t, "onnxruntime-linux-x64-1.27.0.tgz", tgzOf(t, entry{"onnxruntime-linux-x64-1.27.0/lib/" + name, here(t)})),
		"a package for several machines": writeTemp(t, "onnxruntime-node-1.27.0.tgz",
			tgzOf(t, entry{"package/bin/a/" + name, elsewhere(t)}, entry{"package/bin/b/" + name, here(t)})),
		"a folder with a wheel": filepath.Dir(writeTemp(t, "onnxruntime-1.27.0.whl", zipOf(t, entry{"onnxruntime/capi/" + name, here(t)}))),
		"an unpacked release":   path.Dir(path.Dir(filepath.ToSlash(writeTemp(t, "onnxruntime/lib/"+versioned, here(t))))),
		"out of the archive":    writeTemp(t, "onnxruntime-1.27.0.zip", zipOf(t, entry{"../../" + name, here(t)})),
	} {
		h := lockedHome(t)
		library, l, change, err := h.InstallLibrary(from)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if !strings.HasPrefix(l.Version, "1.27") || library != filepath.Join(h.Dir, "onnxruntime", l.Version, name) {
			t.Errorf("%s: %s installed as %s", what, l, library)
		}
		if err := change.Keep(); err != nil {
			t.Error(err)
		}
		if _, err := CheckLibrary(library); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if o, ok := ReadOrigin(library); !ok || o.From != from || o.SHA256 != sha256Of(here(t)) {
			t.Errorf("%s: its origin is %+v, %v", what, o, ok)
		}
	}
}

func TestInstallLibraryRefuses(t *testing.T) {
	name := libraryName(runtime.GOOS)
	whole := tgzOf(t, entry{"lib/" + name, here(t)})
	foreign := "onnxruntime.dll"
	if runtime.GOOS == "windows" {
		foreign = "libonnxruntime.so.1.27.0"
	}
	for what, c := range map[string]struct {
		from string
		want error
		says string
	}{
		"a text":                {writeTemp(t, "onnxruntime.tgz", []byte("not found")), ErrLibrary, "it is no library"},
		"an empty file":         {writeTemp(t, "onnxruntime.tgz", nil), ErrLibrary, "not even 4 bytes"},
		"half of an archive":    {writeTemp(t, "onnxruntime-1.27.0.tgz", whole[:len(whole)/2]), ErrLibrary, "damaged or cut short"},
		"half of a wheel":       {writeTemp(t, "o.whl", zipOf(t, entry{name, here(t)})[:200]), ErrLibrary, "damaged or cut short"},
		"another machine's":     {writeTemp(t, "onnxruntime-1.27.0.tgz", tgzOf(t, entry{"lib/" + name, elsewhere(t)})), ErrLibrary, "this machine is " + runtime.GOOS + "/" + runtime.GOARCH},
		"another system's":      {writeTemp(t, "o.zip", zipOf(t, entry{foreign, here(t)})), ErrLibrary, "for other systems than " + runtime.GOOS},
		"an archive of texts":   {writeTemp(t, "o.zip", zipOf(t, entry{"README", []byte("hello")})), ErrLibrary, "holds no " + name},
		"an empty folder":       {t.TempDir(), ErrFolder, "no archive of ONNX Runtime"},
		"nothing of that name":  {filepath.Join(t.TempDir(), "gone.whl"), os.ErrNotExist, "gone.whl"},
		"one that has no entry": {writeTemp(t, "o.zip", zipOf(t, entry{name, bytes.ReplaceAll(here(t), []byte(entryPoint), []byte("SomeOtherName"))})), ErrLibrary, "not ONNX Runtime"},
	} {
		h := lockedHome(t)
		_, _, _, err := h.InstallLibrary(c.from)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v\nwant %v, with %q", what, err, c.want, c.says)
		}
		if _, err := os.Stat(filepath.Join(h.Dir, "onnxruntime")); err == nil {
			t.Errorf("%s: something was installed", what)
		}
	}
}

// TestTakenBack: an installation that turns out bad leaves what was there before.
func TestTakenBack(t *testing.T) {
	h := lockedHome(t)
	good := writeTemp(t, "onnxruntime-1.27.0.zip", zipOf(t, entry{libraryName(runtime.GOOS), here(t)}))
	library, _, change, err := h.InstallLibrary(good)
	if err := errors.Join(err, change.Keep()); err != nil {
		t.Fatal(err)
	}
	other := append(here(t), "another build"...)
	_, _, change, err = h.InstallLibrary(writeTemp(t, "onnxruntime-1.27.0.zip", zipOf(t, entry{libraryName(runtime.GOOS), other})))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(library); err != nil || !bytes.Equal(got, other) {
		t.Fatalf("the second is not there: %v", err)
	}
	if err := change.Undo(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(library); err != nil || !bytes.Equal(got, here(t)) {
		t.Fatalf("the first is not back: %v", err)
	}
}

func TestChangedLibraryIsNoticed(t *testing.T) {
	h := lockedHome(t)
	library, _, change, err := h.InstallLibrary(writeTemp(t, "onnxruntime-1.27.0.zip", zipOf(t, entry{libraryName(runtime.GOOS), here(t)})))
	if err := errors.Join(err, change.Keep(), os.WriteFile(library, append(here(t), 0), 0o666)); err != nil {
		t.Fatal(err)
	}
	if _, err := CheckLibrary(library); !errors.Is(err, ErrDigest) {
		t.Errorf("a library with a byte more: %v, want ErrDigest", err)
	}
}

func TestLockKeepsOthersOut(t *testing.T) {
	h := Home{Dir: t.TempDir()}
	unlock, err := h.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Lock(); !errors.Is(err, ErrBusy) {
		t.Errorf("a second setup: %v, want ErrBusy", err)
	}
	left, err := h.stage() // as if killed now
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	unlock, err = h.Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if _, err := os.Stat(left); err == nil {
		t.Error("what a killed setup left is still there")
	}
}

// shellClient is a package client made of a few lines of shell, which run in the folder that the package is to come to.
func shellClient(t *testing.T, script string) Client {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("no shell for the stand-in of a package client")
	}
	return Client{Name: "pip", Package: "onnxruntime", command: []string{"sh", "-c", script, "client"}, fetch: []string{"download"}, pattern: "*.whl"}
}

func TestFetchLibrary(t *testing.T) {
	wheel := writeTemp(t, "onnxruntime-1.27.0-any.whl", zipOf(t, entry{"onnxruntime/capi/" + libraryName(runtime.GOOS), here(t)}))
	client := shellClient(t, "cp "+wheel+" .")
	h := lockedHome(t)
	library, _, change, err := h.FetchLibrary(t.Context(), client)
	if err := errors.Join(err, change.Keep()); err != nil {
		t.Fatal(err)
	}
	if o, _ := ReadOrigin(library); o.From != "pip package onnxruntime-1.27.0-any.whl" {
		t.Errorf("its origin is %+v", o)
	}
	client.pins = map[string]string{runtime.GOOS + "/" + runtime.GOARCH: strings.Repeat("0", 64)}
	if _, _, _, err := h.FetchLibrary(t.Context(), client); !errors.Is(err, ErrDigest) {
		t.Errorf("a package with another library: %v, want ErrDigest", err)
	}
}

func TestClientFailures(t *testing.T) {
	for script, says := range map[string]string{
		"echo 'npm warn old'; echo 'ERROR: no matching distribution' >&2; echo bye >&2; exit 1": "ERROR: no matching distribution",
		"echo 'it went wrong' >&2; exit 7": "it went wrong",
		"true":                             "fetched 0 archives",
	} {
		_, _, _, err := lockedHome(t).FetchLibrary(t.Context(), shellClient(t, script))
		if !errors.Is(err, ErrClient) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", script, err, says)
		}
	}
	if _, err := (Client{Name: "npm", command: []string{"no-such-client"}}).Version(t.Context()); !errors.Is(err, ErrClient) {
		t.Errorf("a client that is not there: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := shellClient(t, "sleep 60").Fetch(ctx, t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
