package setup

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/saedb/saedb/clip/setup/setuptest"
)

func otherArch() string {
	if runtime.GOARCH == "arm64" {
		return "amd64"
	}
	return "arm64"
}

func writeTemp(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, data, 0o666)); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadLibraryOfEverySystem(t *testing.T) {
	for _, c := range []struct{ goos, goarch, name, want string }{
		{"linux", "amd64", "libonnxruntime.so.1.27.0", "ONNX Runtime 1.27.0 for linux/amd64"},
		{"linux", "arm64", "libonnxruntime.so", "ONNX Runtime of unknown version for linux/arm64"},
		{"darwin", "arm64", "libonnxruntime.dylib", "ONNX Runtime 1.27.0 for darwin/arm64"},
		{"darwin", "amd64", "libonnxruntime.dylib", "ONNX Runtime 1.27.0 for darwin/amd64"},
		{"windows", "amd64", "onnxruntime.dll", "ONNX Runtime 1.27 for windows/amd64"},
		{"windows", "arm64", "onnxruntime.dll", "ONNX Runtime 1.27 for windows/arm64"},
	} {
		l, err := ReadLibrary(writeTemp(t, c.name, setuptest.Library(t, c.goos, c.goarch)))
		if err != nil || l.String() != c.want {
			t.Errorf("%s for %s/%s: %v, %v; want %s", c.name, c.goos, c.goarch, l, err, c.want)
		}
	}
}

func TestReadLibraryRefuses(t *testing.T) {
	whole := setuptest.Library(t, "linux", "amd64")
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"a text":            {[]byte("<html>not found</html>"), "it is no library"},
		"nothing":           {nil, "it is no library"},
		"half of a library": {whole[:700], "cut short"},
		"its first bytes":   {whole[:20], "damaged or cut short"},
		"another library":   {bytes.ReplaceAll(whole, []byte(entryPoint), []byte("SomeOtherName")), "but not ONNX Runtime"},
	} {
		if _, err := ReadLibrary(writeTemp(t, "libonnxruntime.so", c.data)); !errors.Is(err, ErrLibrary) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

func TestLibraryMustFit(t *testing.T) {
	for name, c := range map[string]struct {
		l    Library
		says string
	}{
		"another machine": {Library{Version: "1.27.0", OS: runtime.GOOS, Archs: []string{otherArch()}}, "this machine is " + runtime.GOOS + "/" + runtime.GOARCH},
		"another system":  {Library{Version: "1.27.0", OS: "plan9", Archs: []string{runtime.GOARCH}}, "this machine is"},
		"too old":         {Library{Version: "1.9.3", OS: runtime.GOOS, Archs: []string{runtime.GOARCH}}, "it is ONNX Runtime 1.9.3, this program needs 1.24 or newer"},
	} {
		if err := c.l.fits(); !errors.Is(err, ErrLibrary) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	for _, version := range []string{"1.24.0", "1.100.1", "2.0.0", ""} {
		if err := (Library{Version: version, OS: runtime.GOOS, Archs: []string{otherArch(), runtime.GOARCH}}).fits(); err != nil {
			t.Errorf("%q: %v", version, err)
		}
	}
}
