package setup

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/saedb/saedb/clip"
)

// Origin is origin.json beside an installed library: where it came from.
type Origin struct {
	From    string `json:"from"`
	Version string `json:"version"`
	Licence string `json:"licence"`
	SHA256  string `json:"sha256"` // of the library
}

const originFile = "origin.json"

// ReadOrigin returns what was noted when the library at a path was installed, if setup installed it.
func ReadOrigin(library string) (o Origin, ok bool) {
	data, err := os.ReadFile(filepath.Join(filepath.Dir(library), originFile))
	return o, err == nil && json.Unmarshal(data, &o) == nil
}

// CheckLibrary reads an installed or found library and returns why it cannot be used, if so: ErrLibrary, or ErrDigest where it
// is not what setup installed.
func CheckLibrary(path string) (Library, error) {
	l, err := ReadLibrary(path)
	if err == nil {
		err = named(path, l.fits())
	}
	if o, ok := ReadOrigin(path); err == nil && ok {
		if !isDigest(path, o.SHA256) {
			return l, fmt.Errorf("%w: %s has changed since it was installed", ErrDigest, path)
		}
		l.Version = o.Version
	}
	return l, err
}

// InstallLibrary installs ONNX Runtime from a library file, a wheel, zip or tgz, or a folder that holds one of them. The caller has the lock.
func (h Home) InstallLibrary(from string) (library string, l Library, c *Change, err error) {
	return h.installLibrary(from, from, nil)
}

// FetchLibrary installs ONNX Runtime from the package that a client fetches. The caller has the lock.
func (h Home) FetchLibrary(ctx context.Context, client Client) (library string, l Library, c *Change, err error) {
	dir, err := h.stage()
	if err != nil {
		return "", l, nil, err
	}
	defer os.RemoveAll(dir)
	archive, err := client.Fetch(ctx, dir)
	if err != nil {
		return "", l, nil, err
	}
	return h.installLibrary(archive, client.Name+" package "+filepath.Base(archive), client.pins)
}

func (h Home) installLibrary(archive, from string, pins map[string]string) (library string, l Library, c *Change, err error) {
	dir, err := h.stage()
	if err != nil {
		return "", l, nil, err
	}
	defer os.RemoveAll(dir) // nothing is left there when all goes well
	if l, err = extractLibrary(archive, dir); err != nil {
		return "", l, nil, err
	}
	if l.Version == "" {
		return "", l, nil, fmt.Errorf("%w: %s does not say which version it is; give it a name such as %s.%s.0", ErrLibrary, archive, libraryName(runtime.GOOS), clip.MinRuntime)
	}
	sum, err := digest(filepath.Join(dir, libraryName(runtime.GOOS)), sha256.New())
	if err != nil {
		return "", l, nil, err
	}
	if want := pins[runtime.GOOS+"/"+runtime.GOARCH]; want != "" && sum != want {
		return "", l, nil, fmt.Errorf("%w: the library in %s has sha256 %s, want %s", ErrDigest, from, sum, want)
	}
	if err := writeJSON(filepath.Join(dir, originFile), Origin{From: from, Version: l.Version, Licence: Licence, SHA256: sum}); err != nil {
		return "", l, nil, err
	}
	final := filepath.Join(h.Dir, "onnxruntime", l.Version)
	if c, err = h.put(dir, final); err != nil {
		return "", l, nil, err
	}
	return filepath.Join(final, libraryName(runtime.GOOS)), l, c, nil
}

// writeJSON writes a small file for people and programs.
func writeJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return diskFull(os.WriteFile(path, append(data, '\n'), 0o666))
}

// FindLibrary is clip.FindRuntime, and checks what it finds; a library that cannot be used is an error as well.
func FindLibrary(explicit string, getenv func(string) string) (path string, l Library, err error) {
	path, err = clip.FindRuntime(explicit, getenv)
	if err != nil {
		return "", l, err
	}
	l, err = CheckLibrary(path)
	return path, l, err
}
