package fake

import (
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed src
var sources embed.FS

// ErrNoCompiler says that there is no C++ compiler to build the driver with.
var ErrNoCompiler = errors.New("no C++ compiler (g++, clang++ or c++)")

// flags make every operation on floats what the source says, as in the PTX of the kernels.
var flags = []string{"-std=c++20", "-O1", "-Wall", "-Werror", "-ffp-contract=off", "-fno-strict-aliasing", "-fvisibility=hidden", "-fPIC", "-x", "c++"}

// Build makes a fake driver with the kernels of a folder, its .cu and .h files, and returns the library's path. What it compiles stays in dir, and is
// not compiled again for another Build there unless it changed.
func Build(dir string, kernels fs.FS) (string, error) {
	compiler, err := findCompiler()
	if err != nil {
		return "", err
	}
	files := map[string][]byte{}
	if err := errors.Join(collect(files, sources, "src"), collect(files, kernels, ".")); err != nil {
		return "", err
	}
	heads, err := writeHeads(dir, files)
	if err != nil {
		return "", err
	}
	var objects []string
	for name, text := range files {
		if filepath.Ext(name) == ".h" {
			continue
		}
		object, err := compile(compiler, dir, heads, name, text)
		if err != nil {
			return "", err
		}
		objects = append(objects, object)
	}
	out, err := os.CreateTemp(dir, "libcuda-*.so")
	if err != nil {
		return "", err
	}
	out.Close()
	return out.Name(), run(compiler, append([]string{"-shared", "-o", out.Name()}, objects...)...)
}

func findCompiler() (string, error) {
	for _, name := range []string{"g++", "clang++", "c++"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNoCompiler
}

// collect adds the C++ files of a folder.
func collect(files map[string][]byte, from fs.FS, dir string) error {
	entries, err := fs.ReadDir(from, dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch filepath.Ext(e.Name()) {
		case ".cu", ".cpp", ".h":
			if files[e.Name()], err = fs.ReadFile(from, path.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// sortedHeads are the names of the headers.
func sortedHeads(files map[string][]byte) []string {
	var names []string
	for name := range files {
		if filepath.Ext(name) == ".h" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// writeHeads writes the headers into a folder whose name is their sum.
func writeHeads(dir string, files map[string][]byte) (string, error) {
	sum := sha256.New()
	for _, name := range sortedHeads(files) {
		fmt.Fprintf(sum, "%s %d\n%s", name, len(files[name]), files[name])
	}
	heads := filepath.Join(dir, fmt.Sprintf("%.8x", sum.Sum(nil)))
	if err := os.MkdirAll(heads, 0o777); err != nil {
		return "", err
	}
	for _, name := range sortedHeads(files) {
		if err := os.WriteFile(filepath.Join(heads, name), files[name], 0o666); err != nil {
			return "", err
		}
	}
	return heads, nil
}

// compile compiles one file against the headers, unless it was compiled before.
func compile(compiler, dir, heads, name string, text []byte) (string, error) {
	object := filepath.Join(heads, fmt.Sprintf("%s-%.8x.o", name, sha256.Sum256(text)))
	if _, err := os.Stat(object); err == nil {
		return object, nil
	}
	source := filepath.Join(heads, name)
	if err := os.WriteFile(source, text, 0o666); err != nil {
		return "", err
	}
	return object, run(compiler, append(append([]string{"-I", heads}, flags...), "-c", "-o", object, source)...)
}

func run(program string, args ...string) error {
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(append([]string{program}, args...), " "), err, out)
	}
	return nil
}
