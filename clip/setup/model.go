package setup

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/saedb/saedb/clip"
)

// FetchModel installs a source's model: its files go to the hub's cache, its description to the data folder. The caller has the lock.
func (h Home) FetchModel(ctx context.Context, hub *Hub, s Source) (dir string, c *Change, err error) {
	var paths []string
	for _, f := range s.Files() {
		name, err := hub.Fetch(ctx, f)
		if err != nil {
			return "", nil, err
		}
		if name, err = filepath.Abs(name); err != nil {
			return "", nil, err
		}
		paths = append(paths, name)
	}
	d := s.describe(paths[0], paths[1], paths[2])
	d.Source = fmt.Sprintf("%s/%s at %s", hub.Endpoint, s.Repo, s.Vision.Revision)
	return h.installModel(s.Name(), func(dir string) error { return writeJSON(filepath.Join(dir, clip.DescriptionFile), d) })
}

// InstallModel installs the model in a folder, all of whose files are copied: one with a model.json as it is, under the name
// it states; else one with the files of a source, wherever in it they lie. tell is told of every piece copied; it may be nil. The caller has the lock.
func (h Home) InstallModel(from string, s Source, tell func(n int)) (dir string, c *Change, err error) {
	if isFile(filepath.Join(from, clip.DescriptionFile)) {
		return h.installDescribed(from, tell)
	}
	return h.installSource(from, s, tell)
}

// ModelIn reports what model a folder holds: the name it states, or that of the source whose files it has. Size is of its files, in bytes.
func ModelIn(from string, s Source) (name string, size int64, ok bool, err error) {
	if isFile(filepath.Join(from, clip.DescriptionFile)) {
		d, err := clip.ReadDescription(from)
		if err != nil {
			return "", 0, true, err
		}
		for _, file := range d.Files() {
			size += sizeOf(filepath.Join(from, filepath.FromSlash(file)))
		}
		return d.Name, size, true, nil
	}
	for _, f := range s.Files() {
		if p := fileIn(from, f.Path); p != "" {
			ok = true
			size += sizeOf(p)
		}
	}
	return s.Name(), size, ok, nil
}

func (h Home) installDescribed(from string, tell func(n int)) (string, *Change, error) {
	d, err := clip.ReadDescription(from)
	if err != nil {
		return "", nil, err
	}
	if strings.ContainsAny(d.Name, `/\:`) || !filepath.IsLocal(d.Name) || strings.HasPrefix(d.Name, ".") {
		return "", nil, fmt.Errorf("%w: %s: its name %q is no name for a folder", clip.ErrModel, filepath.Join(from, clip.DescriptionFile), d.Name)
	}
	return h.installModel(d.Name, func(dir string) error {
		for _, file := range append([]string{clip.DescriptionFile}, d.Files()...) {
			if filepath.IsAbs(file) {
				continue // it stays where it is
			}
			to, ok := localPath(dir, file)
			if !ok {
				return fmt.Errorf("%w: %s names %s, which is outside of its folder", clip.ErrModel, filepath.Join(from, clip.DescriptionFile), file)
			}
			if err := copyInto(to, filepath.Join(from, filepath.FromSlash(file)), tell); err != nil {
				return err
			}
		}
		return nil
	})
}

func (h Home) installSource(from string, s Source, tell func(n int)) (string, *Change, error) {
	var found []string
	for _, f := range s.Files() {
		p := fileIn(from, f.Path)
		if p == "" {
			return "", nil, fmt.Errorf("%w: %s holds no %s, which %s needs", ErrFolder, from, f.Path, s.Name())
		}
		if err := checkDigest(p, remote{}, f); err != nil {
			return "", nil, fmt.Errorf("%s: %w", p, err)
		}
		found = append(found, p)
	}
	return h.installModel(s.Name(), func(dir string) error {
		var names []string
		for i, f := range s.Files() {
			name := path.Base(f.Path)
			if err := copyInto(filepath.Join(dir, name), found[i], tell); err != nil {
				return err
			}
			names = append(names, name)
		}
		d := s.describe(names[0], names[1], names[2])
		d.Source = s.Repo + ", from " + from
		return writeJSON(filepath.Join(dir, clip.DescriptionFile), d)
	})
}

// installModel has a folder filled, checks what lies there then, and gives it its name.
func (h Home) installModel(name string, fill func(dir string) error) (string, *Change, error) {
	dir, err := h.stage()
	if err != nil {
		return "", nil, err
	}
	defer os.RemoveAll(dir)
	if err := fill(dir); err != nil {
		return "", nil, err
	}
	d, err := clip.ReadDescription(dir)
	if err == nil {
		_, err = d.Identity() // reads the towers, and compares their digests
	}
	if err != nil {
		return "", nil, err
	}
	final := filepath.Join(h.Dir, "models", name)
	c, err := h.put(dir, final)
	return final, c, err
}

// fileIn finds a file of a repository in a folder: at its path there, else by its last name.
func fileIn(dir, slash string) string {
	for _, p := range []string{filepath.FromSlash(slash), path.Base(slash)} {
		if p = filepath.Join(dir, p); isFile(p) {
			return p
		}
	}
	return ""
}

func copyInto(to, from string, tell func(n int)) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return diskFull(err)
	}
	return copyFile(to, from, tell)
}

// describe is the model's description with its files and their digests.
func (s Source) describe(tokenizer, text, vision string) *clip.Description {
	d := s.Model
	d.Vision.File, d.Vision.SHA256 = vision, s.Vision.SHA256
	d.Text.File, d.Text.SHA256 = text, s.Text.SHA256
	d.Tokenizer.SHA256 = s.Tokenizer.SHA256
	if d.Tokenizer.Kind == "bert-wordpiece" {
		d.Tokenizer.Vocab = tokenizer
	} else {
		d.Tokenizer.File = tokenizer
	}
	return &d
}
