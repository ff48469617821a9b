package folder_test

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/saedb/saedb/cmd/saectl/internal/folder"
)

// tree makes files under a new folder; a name that ends in / is a folder.
func tree(t *testing.T, names ...string) string {
	root := t.TempDir()
	for _, name := range names {
		path := filepath.Join(root, filepath.FromSlash(name))
		dir := filepath.Dir(path)
		if strings.HasSuffix(name, "/") {
			dir = path
		}
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if dir == path {
			continue
		}
		if err := os.WriteFile(path, []byte(name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func walk(t *testing.T, avoid string, roots ...string) (ids, faults []string, others int) {
	found, err := folder.Walk(t.Context(), roots, avoid)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found.Files {
		ids = append(ids, f.ID)
	}
	for _, f := range found.Faults {
		faults = append(faults, filepath.Base(f.Path)+": "+f.Err.Error())
	}
	return ids, faults, found.Others
}

func TestWalkFindsPicturesInOrder(t *testing.T) {
	root := tree(t, "b.JPG", "a/z.png", "a/notes.txt", "a.webp", ".hidden/c.png", "a/.d.png", "folder.jpg/e.tiff", "old.heic", "empty/", "db/thumb.png")
	ids, faults, others := walk(t, filepath.Join(root, "db"), root)
	if want := []string{"a.webp", "a/z.png", "b.JPG", "folder.jpg/e.tiff", "old.heic"}; !slices.Equal(ids, want) {
		t.Errorf("got %q, want %q", ids, want)
	}
	if len(faults) != 0 || others != 1 {
		t.Errorf("faults %q, %d other files; want none and 1", faults, others)
	}
}

func TestWalkTakesANamedFileWhateverItsName(t *testing.T) {
	root := tree(t, "scan", "a/b.png")
	ids, _, _ := walk(t, "", filepath.Join(root, "scan"), filepath.Join(root, "a"), filepath.Join(root, "a", "b.png"))
	if want := []string{"b.png", "scan"}; !slices.Equal(ids, want) {
		t.Errorf("got %q, want %q", ids, want)
	}
}

func TestWalkPassesOverWhatCannotBeAnItem(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("names and links of Unix")
	}
	root := tree(t, "a/b.png")
	deep := filepath.Join(root, strings.Repeat("d", 250), strings.Repeat("e", 250))
	for _, err := range []error{
		os.Symlink(root, filepath.Join(root, "a", "loop")),
		os.Symlink(filepath.Join(root, "nowhere"), filepath.Join(root, "broken.png")),
		os.Symlink(os.DevNull, filepath.Join(root, "device.png")),
		os.Symlink(os.DevNull, filepath.Join(root, "device.txt")),
		os.Symlink(filepath.Join(root, "a", "b.png"), filepath.Join(root, "link.png")),
		os.WriteFile(filepath.Join(root, "bad\xff.png"), nil, 0o666),
		os.MkdirAll(deep, 0o777),
		os.WriteFile(filepath.Join(deep, "a long name.png"), nil, 0o666),
		os.WriteFile(filepath.Join(root, "two\nlines.png"), nil, 0o666),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	ids, faults, others := walk(t, "", root)
	if want := []string{"a/b.png", "link.png", "two\nlines.png"}; !slices.Equal(ids, want) {
		t.Errorf("got %q, want %q", ids, want)
	}
	for _, want := range []string{"loop: a link to a folder that is read already", "broken.png: no such file", "device.png: neither a file nor a folder", "bad\xff.png: its name is not UTF-8", "a long name.png: its path is 5"} {
		if !slices.ContainsFunc(faults, func(f string) bool { return strings.HasPrefix(f, want) }) {
			t.Errorf("%q is not among the faults %q", want, faults)
		}
	}
	if len(faults) != 5 || others != 1 {
		t.Errorf("%d faults: %q; %d others", len(faults), faults, others)
	}
	if _, err := folder.Walk(t.Context(), []string{os.DevNull}, ""); err == nil || !strings.Contains(err.Error(), "neither a file nor a folder") {
		t.Errorf("a device: %v", err)
	}
}

func TestTwoRootsMustNotShareAnID(t *testing.T) {
	root := tree(t, "a/x.png", "b/x.png")
	_, err := folder.Walk(t.Context(), []string{filepath.Join(root, "a"), filepath.Join(root, "b")}, "")
	if err == nil || !strings.Contains(err.Error(), `would both be "x.png": index the folder above both`) {
		t.Errorf("got %v", err)
	}
	if _, err := folder.Walk(t.Context(), []string{filepath.Join(root, "c")}, ""); err == nil {
		t.Error("a missing root passed")
	}
}
