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
	"runtime"
	"slices"
	"strings"
	"sync"
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
	objects, err := compileAll(compiler, dir, heads, files)
	if err != nil {
		return "", err
	}
	out, err := os.CreateTemp(dir, "libcuda-*.so")
	if err != nil {
		return "", err
	}
	out.Close()
	return out.Name(), run(compiler, append([]string{"-shared", "-o", out.Name()}, objects...)...)
}

// compileAll compiles what is no header, as many files at a time as there are processors.
func compileAll(compiler, dir, heads string, files map[string][]byte) (objects []string, err error) {
	var group sync.WaitGroup
	var mutex sync.Mutex
	turn := make(chan struct{}, runtime.GOMAXPROCS(0))
	for name := range files {
		if filepath.Ext(name) == ".h" {
			continue
		}
		group.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			object, fault := compile(compiler, dir, heads, files, name)
			mutex.Lock()
			defer mutex.Unlock()
			objects, err = append(objects, object), errors.Join(err, fault)
		})
	}
	group.Wait()
	return objects, err
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

// compile compiles one file against the headers, unless it was compiled before, with the same ones of those that it includes.
func compile(compiler, dir, heads string, files map[string][]byte, name string) (string, error) {
	sum := sha256.New()
	for _, part := range includes(files, name, nil) {
		fmt.Fprintf(sum, "%s %d\n%s", part, len(files[part]), files[part])
	}
	object := filepath.Join(dir, fmt.Sprintf("%s-%.8x.o", name, sum.Sum(nil)))
	if _, err := os.Stat(object); err == nil {
		return object, nil
	}
	source := strings.TrimSuffix(object, ".o")
	if err := os.WriteFile(source, files[name], 0o666); err != nil {
		return "", err
	}
	section := "-DFAKE_SHARED=shared_" + strings.NewReplacer(".", "_", "-", "_").Replace(name)
	return object, run(compiler, append(append([]string{"-I", heads, section}, flags...), "-c", "-o", object, source)...)
}

// includes adds to a list, where they are missing, a file and those that it includes, and they.
func includes(files map[string][]byte, name string, list []string) []string {
	if _, ours := files[name]; !ours || slices.Contains(list, name) {
		return list
	}
	list = append(list, name)
	for line := range strings.Lines(string(files[name])) {
		if rest, ok := strings.CutPrefix(line, "#include \""); ok {
			if other, _, ok := strings.Cut(rest, "\""); ok {
				list = includes(files, other, list)
			}
		}
	}
	return list
}

func run(program string, args ...string) error {
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(append([]string{program}, args...), " "), err, out)
	}
	return nil
}
