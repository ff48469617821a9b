package setup

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
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
	d, err := s.describe(paths[0], paths[1], paths[2])
	if err != nil {
		return "", nil, err
	}
	d.Source = fmt.Sprintf("%s/%s at %s", hub.Endpoint, s.Repo, s.Vision.Revision)
	return h.installModel(s.Name, func(dir string) error { return writeJSON(filepath.Join(dir, clip.DescriptionFile), d) })
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
	return s.Name, size, ok, nil
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
			return "", nil, fmt.Errorf("%w: %s holds no %s, which %s needs", ErrFolder, from, f.Path, s.Name)
		}
		if err := checkDigest(p, remote{}, f); err != nil {
			return "", nil, fmt.Errorf("%s: %w", p, err)
		}
		found = append(found, p)
	}
	return h.installModel(s.Name, func(dir string) error {
		var copies []string
		for i, f := range s.Files() {
			to := filepath.Join(dir, path.Base(f.Path))
			if err := copyInto(to, found[i], tell); err != nil {
				return err
			}
			copies = append(copies, to)
		}
		d, err := s.describe(copies[0], copies[1], copies[2])
		if err != nil {
			return err
		}
		d.Tokenizer.File, d.Text.File, d.Vision.File = path.Base(s.Tokenizer.Path), path.Base(s.Text.Path), path.Base(s.Vision.Path)
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

// describe makes the description of a source's model out of what its files say of themselves: the names and kinds of inputs and outputs.
func (s Source) describe(tokenizer, text, vision string) (*clip.Description, error) {
	d := &clip.Description{Name: s.Name, Version: 1, Licence: s.Licence}
	d.Tokenizer = clip.Cutter{Kind: "clip-bpe", File: tokenizer, SHA256: s.Tokenizer.SHA256, PadID: clipPad}

	g, err := readGraph(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", clip.ErrModel, err)
	}
	out, err := g.embedding(text, "text_embeds")
	if err != nil {
		return nil, err
	}
	d.Text = clip.Text{File: text, SHA256: s.Text.SHA256, Output: out.Port, MaxLength: clipMaxLength}
	for _, in := range g.inputs {
		d.Text.Inputs = append(d.Text.Inputs, in.Port)
	}
	slices.SortStableFunc(d.Text.Inputs, func(a, b clip.Port) int { return cmp.Compare(rank(a.Name), rank(b.Name)) })

	if g, err = readGraph(vision); err != nil {
		return nil, fmt.Errorf("%w: %w", clip.ErrModel, err)
	}
	if out, err = g.embedding(vision, "image_embeds"); err != nil {
		return nil, err
	}
	if len(g.inputs) != 1 {
		return nil, fmt.Errorf("%w: %s has %d inputs, want one: the picture", clip.ErrModel, vision, len(g.inputs))
	}
	d.Vision = clip.Vision{File: vision, SHA256: s.Vision.SHA256, Input: g.inputs[0].Port, Output: out.Port}
	d.Vision.Preprocess.Size, d.Vision.Preprocess.Mean, d.Vision.Preprocess.Std = clipSide, clipMean(), clipStd()
	d.Dim = int(out.shape[1])
	return d, nil
}

// rank puts the ids before the mask.
func rank(input string) int {
	if strings.Contains(input, "ids") {
		return 0
	}
	return 1
}

// clipDim is the length of a vector where the file leaves it open.
const clipDim = 512

// embedding finds a tower's vector among its outputs.
func (g *graph) embedding(file, name string) (port, error) {
	var have []string
	for _, out := range g.outputs {
		if out.Name == name && out.DType == "float32" && len(out.shape) == 2 {
			out.shape[1] = cmp.Or(out.shape[1], clipDim)
			return out, nil
		}
		have = append(have, fmt.Sprintf("%s %s%v", out.Name, out.DType, out.shape))
	}
	return port{}, fmt.Errorf("%w: %s has no output %s float32[n d]; it has %s", clip.ErrModel, file, name, strings.Join(have, ", "))
}
