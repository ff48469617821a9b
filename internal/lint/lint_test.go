package lint

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/saedb/saedb/"

// mayImport says which rooms of ours each room may know. A room that is not listed here fails the test: give it a line, and think where it
// stands. "x/..." stands for x and everything below it.
var mayImport = map[string][]string{
	"internal/vec":         {"internal/vec/peak"}, // in benchmarks
	"internal/vec/peak":    {},
	"internal/npy":         {"internal/vec"},
	"internal/safetensors": {"internal/vec"},
	"internal/lint":        {},
	"internal/bench":       {"internal/vec"},
	"internal/huge":        {},

	"sae":         {"internal/vec", "internal/safetensors"},
	"sae/train":   {"sae", "internal/vec", "internal/safetensors"},
	"sae/measure": {"sae", "index/kmeans", "internal/vec"},
	"sae/concept": {"sae", "internal/vec", "internal/npy"},
	"sae/cuda":    {"sae", "sae/train", "sae/cuda/kernel", "internal/cudadrv", "internal/safetensors", "internal/vec"},

	"sae/cuda/kernel":       {},
	"sae/cuda/verify":       {"sae", "sae/train", "sae/cuda", "sae/cuda/kernel", "internal/safetensors"},
	"internal/cudadrv":      {},
	"internal/cudadrv/fake": {},

	"index":           {"sae", "internal/vec"},
	"index/flat":      {"index", "internal/vec", "internal/huge"},
	"index/hnsw":      {"index", "internal/vec", "internal/huge"},
	"index/kmeans":    {"internal/vec"},
	"index/sparse":    {"index", "sae", "internal/vec"},
	"index/indextest": {"index/...", "sae", "internal/vec"},

	"query/syntax":    {},
	"query":           {"query/syntax", "index/...", "sae", "internal/vec"},
	"query/build":     {"query/syntax"},
	"query/querytest": {"query/...", "index/...", "sae", "internal/vec"},

	"query/querytest/naive": {"query/syntax"},

	"clip/picture": {},
	"clip/token":   {},
	"clip":         {"clip/picture", "clip/token"},
	"clip/setup":   {"clip"},

	"clip/setup/setuptest": {},

	"internal/kv":     {"internal/vec"},
	"internal/dbtest": {"db", "sae/...", "query/...", "internal/..."},
	"internal/web":    {},
	"internal/plot":   {},
	"db":              {"query", "query/syntax", "index/...", "sae", "sae/concept", "internal/kv", "internal/vec"},

	"db/remote": {"db", "query", "query/syntax", "index"},

	"cmd/saedb":                  {"db", "db/remote", "internal/npy", "internal/vec", "query", "query/syntax"},
	"cmd/saectl":                 {"db/...", "query/...", "index/...", "sae/...", "clip/...", "internal/...", "cmd/saectl/internal/..."},
	"cmd/saectl/internal/demo":   {"internal/npy"},
	"cmd/saectl/internal/folder": {},
	"cmd/saectl/internal/runs":   {},
}

// speaksPebble lists the rooms that may name the storage engine: internal/kv, and db for its one hatch, Options.Tune.
var speaksPebble = []string{"internal/kv", "db", "internal/dbtest"}

// speaksDriver lists the rooms that may load shared libraries by purego, which makes a program a dynamic one.
var speaksDriver = []string{"internal/cudadrv", "internal/cudadrv/fake"}

// trainsOnGPU lists the rooms that may know of the GPU at all: a program that only reads must not carry it.
var trainsOnGPU = []string{"cmd/saectl", "sae/cuda/verify"}

func TestRoomsImportDownwards(t *testing.T) {
	for room, imports := range roomImports(t) {
		allowed, known := mayImport[room]
		if !known {
			t.Errorf("room %s is not in the map of import directions: add it to mayImport", room)
			continue
		}
		for _, imp := range imports {
			ours, isOurs := strings.CutPrefix(imp, module)
			if isOurs && ours != room && !slices.ContainsFunc(allowed, func(a string) bool { return covers(a, ours) }) {
				t.Errorf("%s imports %s; it may know only %v", room, ours, allowed)
			}
			if strings.HasPrefix(imp, "github.com/cockroachdb/pebble") && !slices.Contains(speaksPebble, room) {
				t.Errorf("%s imports %s; only %v may", room, imp, speaksPebble)
			}
			if strings.HasPrefix(imp, "github.com/ebitengine/purego") && !slices.Contains(speaksDriver, room) {
				t.Errorf("%s imports %s; only %v may", room, imp, speaksDriver)
			}
			if ours == "sae/cuda" && room != ours && !slices.Contains(trainsOnGPU, room) {
				t.Errorf("%s imports %s; only %v may", room, imp, trainsOnGPU)
			}
		}
	}
}

// TestLibrariesNeitherPrintNorExit finds calls that only a command may make.
func TestLibrariesNeitherPrintNorExit(t *testing.T) {
	forbidden := []string{"fmt.Print", "fmt.Printf", "fmt.Println", "os.Exit", "log.Fatal", "log.Fatalf", "log.Print", "log.Printf", "log.Println"}
	for file, tree := range sources(t) {
		if strings.HasPrefix(file, "cmd/") || strings.HasPrefix(file, "sae/cuda/verify/") {
			continue
		}
		ast.Inspect(tree.node, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if pkg, ok := sel.X.(*ast.Ident); ok && slices.Contains(forbidden, pkg.Name+"."+sel.Sel.Name) {
				t.Errorf("%s: %s.%s belongs to a command, not to a library", tree.set.Position(call.Pos()), pkg.Name, sel.Sel.Name)
			}
			return true
		})
	}
}

func covers(pattern, room string) bool {
	if tree, ok := strings.CutSuffix(pattern, "/..."); ok {
		return room == tree || strings.HasPrefix(room, tree+"/")
	}
	return pattern == room
}

// roomImports gives, for every folder with Go code outside tests, what that code imports.
func roomImports(t *testing.T) map[string][]string {
	rooms := map[string][]string{}
	for file, tree := range sources(t) {
		room := path.Dir(file)
		rooms[room] = append(rooms[room], "")
		for _, spec := range tree.node.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			rooms[room] = append(rooms[room], imp)
		}
	}
	if len(rooms) < 5 {
		t.Fatalf("found only the rooms %v: is the test looking in the right folder?", slices.Sorted(maps.Keys(rooms)))
	}
	return rooms
}

type source struct {
	set  *token.FileSet
	node *ast.File
}

// sources parses every Go file of the module that is not a test, keyed by its slash path from the root.
func sources(t *testing.T) map[string]source {
	t.Helper()
	root := filepath.Join("..", "..")
	found := map[string]source{}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		if entry.IsDir() && name != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata") {
			return fs.SkipDir
		}
		if entry.IsDir() && name != "." {
			if _, err := os.Stat(filepath.Join(root, name, "go.mod")); err == nil {
				return fs.SkipDir // a module of its own
			}
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		set := token.NewFileSet()
		node, err := parser.ParseFile(set, filepath.Join(root, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		found[name] = source{set, node}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
