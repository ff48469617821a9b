// Package folder finds the picture files below a folder.
package folder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// File is a file that may be a picture.
type File struct {
	ID    string // slash path relative to the root it was found under
	Path  string // absolute
	Size  int64
	MTime time.Time // UTC
}

// Fault is a path that was passed over, and why.
type Fault struct {
	Path string
	Err  error
}

// Found is what lies under the roots.
type Found struct {
	Files  []File // sorted by ID, no two the same
	Faults []Fault
	Others int // files of other kinds: texts, videos
}

// extensions are those of picture files, of which some formats cannot be read: these are not passed over in silence.
var extensions = []string{".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".jxl", ".jp2"}

// maxID is the length of the longest id that a database takes, in bytes.
const maxID = 512

// errLoop says that a link leads back into a folder that is being read.
var errLoop = errors.New("a link to a folder that is read already")

// errNoFile says that something is a pipe, a socket or a device: reading it might never end.
var errNoFile = errors.New("neither a file nor a folder")

// Walk lists the files under the roots in the order of their ids. A root that is a file is taken whatever its name; below a
// folder, names that begin with a dot and the folder avoid are left out, and links are followed, into each folder once. What
// cannot be read becomes a fault; the error is ctx's, or that of a root, or two files with one id.
func Walk(ctx context.Context, roots []string, avoid string) (*Found, error) {
	w := walker{ctx: ctx, avoid: unlinked(avoid), seen: map[string]bool{}}
	for _, root := range roots {
		abs, err := filepath.Abs(root)
		if err != nil {
			return nil, err
		}
		st, err := os.Stat(abs)
		if err != nil {
			return nil, err
		}
		if st.Mode().IsRegular() {
			w.take(abs, filepath.Base(abs), st)
			continue
		}
		if !st.IsDir() {
			return nil, fmt.Errorf("%s: %w", root, errNoFile)
		}
		if err := w.folder(abs, ""); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(w.found.Files, func(a, b File) int { return strings.Compare(a.ID, b.ID) })
	for i := 1; i < len(w.found.Files); i++ {
		if before, f := w.found.Files[i-1], w.found.Files[i]; before.ID == f.ID && before.Path != f.Path {
			return nil, fmt.Errorf("%s and %s would both be %q: index the folder above both", before.Path, f.Path, f.ID)
		}
	}
	w.found.Files = slices.CompactFunc(w.found.Files, func(a, b File) bool { return a.ID == b.ID })
	return &w.found, nil
}

type walker struct {
	ctx   context.Context
	avoid string
	seen  map[string]bool // folders, by their real path
	found Found
}

// folder reads one folder; id is its slash path below the root.
func (w *walker) folder(dir, id string) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	at := unlinked(dir)
	switch {
	case at == w.avoid:
		return nil
	case w.seen[at]:
		w.fault(dir, errLoop)
		return nil
	}
	w.seen[at] = true
	entries, err := os.ReadDir(dir)
	if err != nil {
		w.fault(dir, err) // what was read before the error is used
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") {
			continue
		}
		full := filepath.Join(dir, name)
		st, err := os.Stat(full)
		switch {
		case err != nil:
			w.fault(full, err)
		case st.IsDir():
			if err := w.folder(full, path.Join(id, name)); err != nil {
				return err
			}
		case !isPicture(name):
			w.found.Others++
		case !st.Mode().IsRegular():
			w.fault(full, errNoFile)
		default:
			w.take(full, path.Join(id, name), st)
		}
	}
	return nil
}

// take adds a file if its id can be stored.
func (w *walker) take(full, id string, st fs.FileInfo) {
	switch {
	case !utf8.ValidString(id):
		w.fault(full, errors.New("its name is not UTF-8; rename it"))
	case len(id) > maxID:
		w.fault(full, fmt.Errorf("its path is %d bytes long, more than %d", len(id), maxID))
	default:
		w.found.Files = append(w.found.Files, File{ID: id, Path: full, Size: st.Size(), MTime: st.ModTime().UTC()})
	}
}

func (w *walker) fault(path string, err error) {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err // the path is said once
	}
	w.found.Faults = append(w.found.Faults, Fault{Path: path, Err: err})
}

func isPicture(name string) bool {
	return slices.Contains(extensions, strings.ToLower(filepath.Ext(name)))
}

// unlinked is the path without links, or the path itself where that cannot be found out.
func unlinked(path string) string {
	if path == "" {
		return ""
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if r, err := filepath.EvalSymlinks(path); err == nil {
		return r
	}
	return path
}
