package clip

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// DefaultModel is the model that nobody needs to name.
const DefaultModel = "clip-vit-base-patch32"

// DataDir returns the folder where models and ONNX Runtime are installed: $SAEDB_DATA, else the operating system's
// place for a user's data, with saedb below it. It need not exist.
func DataDir(getenv func(string) string) (string, error) {
	if dir := getenv("SAEDB_DATA"); dir != "" {
		return dir, nil
	}
	if runtime.GOOS == "windows" {
		if dir := getenv("LOCALAPPDATA"); dir != "" {
			return filepath.Join(dir, "saedb"), nil
		}
	}
	if dir := getenv("XDG_DATA_HOME"); dir != "" && runtime.GOOS != "darwin" {
		return filepath.Join(dir, "saedb"), nil
	}
	home := getenv("HOME")
	if runtime.GOOS == "windows" {
		home = getenv("USERPROFILE")
	}
	if home == "" {
		return "", errors.New("no folder for models and ONNX Runtime is known: set SAEDB_DATA to one")
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support", "saedb"), nil
	}
	return filepath.Join(home, ".local", "share", "saedb"), nil
}

// FindModel returns the folder of a model: of the folder or the installed name given, else of $SAEDB_MODEL, else of DefaultModel, else the only
// one that is installed.
func FindModel(nameOrDir string, getenv func(string) string) (string, error) {
	if nameOrDir == "" {
		nameOrDir = getenv("SAEDB_MODEL")
	}
	named := nameOrDir != ""
	if !named {
		nameOrDir = DefaultModel
	}
	if named && isModel(nameOrDir) {
		return nameOrDir, nil
	}
	data, err := DataDir(getenv)
	if err != nil {
		return "", fmt.Errorf("%w: %q is no folder with a %s: %w", ErrNoModel, nameOrDir, DescriptionFile, err)
	}
	models := filepath.Join(data, "models")
	if dir := filepath.Join(models, nameOrDir); !strings.ContainsAny(nameOrDir, `/\`) && isModel(dir) {
		return dir, nil
	}
	have, names := "none is installed", installed(models)
	if len(names) == 1 && !named {
		return filepath.Join(models, names[0]), nil
	}
	if len(names) > 0 {
		have = "installed: " + strings.Join(names, ", ")
	}
	return "", fmt.Errorf("%w: %q is neither a folder with a %s nor installed in %s (%s)", ErrNoModel, nameOrDir, DescriptionFile, models, have)
}

func isModel(dir string) bool {
	st, err := os.Stat(filepath.Join(dir, DescriptionFile))
	return err == nil && st.Mode().IsRegular()
}

// installed lists the names of the models in a folder, sorted.
func installed(models string) (names []string) {
	entries, _ := os.ReadDir(models) // a folder that is not there holds none
	for _, e := range entries {
		if isModel(filepath.Join(models, e.Name())) {
			names = append(names, e.Name())
		}
	}
	return names
}

// FindRuntime returns the file of ONNX Runtime's library: the explicit one, else $SAEDB_ORT_LIB, else $ORT_DYLIB_PATH, else
// the newest in the data folder, else one in $LD_LIBRARY_PATH or where the system keeps libraries. The error satisfies errors.Is(err, ErrNoRuntime).
func FindRuntime(explicit string, getenv func(string) string) (string, error) {
	for _, named := range [][2]string{{"--ort-lib", explicit}, {"SAEDB_ORT_LIB", getenv("SAEDB_ORT_LIB")}, {"ORT_DYLIB_PATH", getenv("ORT_DYLIB_PATH")}} {
		if named[1] == "" {
			continue
		}
		st, err := os.Stat(named[1])
		if err == nil && st.IsDir() {
			err = errors.New("it is a folder, want the library's file")
		}
		if err != nil {
			return "", fmt.Errorf("%w: %s names %s: %w", ErrNoRuntime, named[0], named[1], err)
		}
		return named[1], nil
	}
	places := append(filepath.SplitList(getenv("LD_LIBRARY_PATH")), systemPlaces()...)
	if data, err := DataDir(getenv); err == nil {
		versions, _ := filepath.Glob(filepath.Join(data, "onnxruntime", "*"))
		slices.SortFunc(versions, func(a, b string) int { return -compareVersions(filepath.Base(a), filepath.Base(b)) })
		places = append(versions, places...)
	}
	for _, dir := range places {
		for _, pattern := range libraryNames() {
			found, _ := filepath.Glob(filepath.Join(dir, pattern))
			slices.SortFunc(found, func(a, b string) int { return -compareVersions(a, b) })
			if len(found) > 0 {
				return found[0], nil
			}
		}
	}
	return "", fmt.Errorf("%w: no %s in %s", ErrNoRuntime, libraryNames()[0], strings.Join(places, ", "))
}

// libraryNames are the names ONNX Runtime's library has on this system, as patterns, the usual first.
func libraryNames() []string {
	switch runtime.GOOS {
	case "windows":
		return []string{"onnxruntime.dll"}
	case "darwin":
		return []string{"libonnxruntime.dylib", "libonnxruntime.*.dylib"}
	}
	return []string{"libonnxruntime.so", "libonnxruntime.so.*"}
}

func systemPlaces() []string {
	switch runtime.GOOS {
	case "windows":
		return nil // System32 may hold an old one of Windows itself
	case "darwin":
		return []string{"/opt/homebrew/lib", "/usr/local/lib"}
	}
	return []string{"/usr/local/lib", "/usr/lib", "/usr/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"}
}

// compareVersions orders names so that 1.30.0 comes after 1.4.0: runs of digits by their value, all else by bytes.
func compareVersions(a, b string) int {
	for a != "" && b != "" {
		na, nb := digits(a), digits(b)
		switch {
		case na > 0 && nb > 0:
			x, y := strings.TrimLeft(a[:na], "0"), strings.TrimLeft(b[:nb], "0")
			if len(x) != len(y) {
				return len(x) - len(y)
			}
			if c := strings.Compare(x, y); c != 0 {
				return c
			}
			a, b = a[na:], b[nb:]
		case a[0] != b[0]:
			return int(a[0]) - int(b[0])
		default:
			a, b = a[1:], b[1:]
		}
	}
	return len(a) - len(b)
}

func digits(s string) int {
	return len(s) - len(strings.TrimLeft(s, "0123456789"))
}
