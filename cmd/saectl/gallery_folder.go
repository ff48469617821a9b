package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/web"
)

// sheetSize is how many latents or pictures a page of a folder shows: rows of
// two, three and four come out even.
const sheetSize = 96

// folderMark is the file by which a gallery's folder is known again.
const folderMark = "gallery.json"

// folderWriter is the writer that a folderMark names.
const folderWriter = "saectl gallery"

// folderFile matches what a gallery's folder holds, and what file managers leave.
var folderFile = regexp.MustCompile(`^(gallery\.json|index\.html|atlas(-\d+)?\.html|pictures-\d+\.html|thumbs|thumbs/[0-9a-f]{32}\.(jpg|png|gif|webp|svg)|(thumbs/)?(\.DS_Store|Thumbs\.db|desktop\.ini))$`)

// writeFolder writes the gallery as a folder and returns the path of its index.
// The folder appears under its name only when it is complete; one that is there
// must be empty or a gallery.
func writeFolder(ctx context.Context, a *app, d *db.DB, o galleryOptions, path string) (index string, err error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if err := checkFolder(path); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(path), ".gallery.*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := fillFolder(ctx, a, d, o, tmp); err != nil {
		return "", err
	}
	return filepath.Join(path, "index.html"), replaceFolder(path, tmp)
}

// fillFolder writes all pages and pictures into dir.
func fillFolder(ctx context.Context, a *app, d *db.DB, o galleryOptions, dir string) error {
	if err := os.Chmod(dir, 0o755); err != nil { // a temporary folder is its owner's alone
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, "thumbs"), 0o777); err != nil {
		return err
	}
	pages, err := web.New()
	if err != nil {
		return err
	}
	g, err := newGallery(ctx, d, o, &fileFaces{dir: dir})
	if err != nil {
		return err
	}
	s := &sheets{gallery: g, pages: pages, dir: dir}
	for _, write := range []func(context.Context, *app) error{s.atlas, s.pictures, s.index} {
		if err := write(ctx, a); err != nil {
			return err
		}
	}
	return s.mark()
}

// checkFolder returns an error unless path is free, an empty folder, or a gallery
// and nothing else.
func checkFolder(path string) error {
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !st.IsDir() {
		return hint(fmt.Errorf("%s is a file", path), "a page needs a name that ends in .html, a gallery of many pages another folder")
	}
	list, err := os.ReadDir(path)
	if err != nil || len(list) == 0 {
		return err
	}
	cure := "give an empty or a new folder with --out"
	var mark struct{ Writer string }
	b, err := os.ReadFile(filepath.Join(path, folderMark))
	if err != nil || json.Unmarshal(b, &mark) != nil || mark.Writer != folderWriter {
		return hint(fmt.Errorf("%s is not empty and is not a gallery", path), "%s", cure)
	}
	return fs.WalkDir(os.DirFS(path), ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && name != "." && (!folderFile.MatchString(name) || e.IsDir() != (name == "thumbs")) {
			err = hint(fmt.Errorf("%s holds %s, which gallery did not write", path, name), "move it away, or %s", cure)
		}
		return err
	})
}

// replaceFolder puts the folder tmp where path is: what was there, checked once
// more, goes only when the new one stands.
func replaceFolder(path, tmp string) error {
	if err := checkFolder(path); err != nil {
		return err
	}
	old := tmp + ".old"
	if err := os.Rename(path, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return hint(fmt.Errorf("replace the gallery: %w", err), "give another folder with --out")
	}
	if err := os.Rename(tmp, path); err != nil {
		return errors.Join(fmt.Errorf("put the gallery in its place: %w", err), restore(old, path))
	}
	return os.RemoveAll(old)
}

// restore moves old back to path, if there is one.
func restore(old, path string) error {
	if err := os.Rename(old, path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// sheets writes a gallery as many pages.
type sheets struct {
	*gallery
	pages *web.Pages
	dir   string
}

// count is how many sheets n things need.
func (s *sheets) count(n int) int { return (n + sheetSize - 1) / sheetSize }

// page writes one page of the folder; which says where the reader is.
func (s *sheets) page(name, which string, r *web.Report) error {
	for _, l := range []web.Link{{Text: "Overview", Href: "index.html"}, {Text: "Atlas", Href: "atlas.html"}, {Text: "Pictures", Href: "pictures-1.html"}} {
		l.Current = l.Text == which
		r.Nav = append(r.Nav, l)
	}
	r.Foot = fmt.Sprintf("Written by saectl gallery from the autoencoder %s. These pages load nothing from anywhere else.", s.name)
	s.link(r)
	return writeWhole(filepath.Join(s.dir, name), func(w io.Writer) error { return s.pages.Report(w, r) })
}

// atlas writes the latents on sheets, and the index of all.
func (s *sheets) atlas(ctx context.Context, a *app) error {
	all := s.atlasLatents()
	fit := all[:s.asked(len(all))]
	note := s.cutNote(len(fit), len(fit), len(all))
	if note != "" {
		a.note("%s", note)
	}
	latents := make([]web.Latent, len(fit))
	for i, st := range fit {
		var err error
		if latents[i], err = s.latent(ctx, st); err != nil {
			return err
		}
	}
	s.arrange(latents, func(i int) string { return sheetName("atlas", i/sheetSize+1) })
	var pager []web.Link
	for of := range slices.Chunk(latents, sheetSize) {
		text := of[0].Word
		if text == "" {
			text = fmt.Sprintf("from latent %d", of[0].Number)
		}
		pager = append(pager, web.Link{Text: text, Href: sheetURL("atlas", len(pager)+1)})
	}
	n := 0
	for of := range slices.Chunk(latents, sheetSize) {
		n++
		r := &web.Report{Title: rangeTitle(of[0].Word, of[len(of)-1].Word), Lead: fmt.Sprintf("Sheet %d of %d of the atlas.", n, s.count(len(latents))), Atlas: web.Atlas{Latents: of}, Pager: near(pager, n-1)}
		if err := s.page(sheetName("atlas", n), "Atlas", r); err != nil {
			return err
		}
	}
	r := &web.Report{Title: "Concept atlas", Lead: fmt.Sprintf("%s latents on %d sheets.", thousands(len(latents)), n), Note: note, Pager: near(pager, -1)}
	for _, l := range latents {
		r.Index = append(r.Index, web.IndexRow{Latent: l, Href: s.where[l.Number]})
	}
	return s.page("atlas.html", "Atlas", r)
}

// rangeTitle says which part of the atlas a sheet holds.
func rangeTitle(first, last string) string {
	if first == "" || last == "" {
		return "Latents"
	}
	return first + " – " + last
}

// pictures writes every picture with its concepts, in the order of their ids.
func (s *sheets) pictures(ctx context.Context, a *app) error {
	bar := a.progress("pictures", s.rows.Len())
	defer bar.end()
	var pager []web.Link
	for n := range s.count(s.rows.Len()) {
		pager = append(pager, web.Link{Text: thousands(n + 1), Href: sheetURL("pictures", n+1)})
	}
	done := 0
	for n := range pager {
		ids := s.rows.ids[n*sheetSize : min((n+1)*sheetSize, s.rows.Len())]
		r := &web.Report{Title: "Pictures", Lead: fmt.Sprintf("%s to %s of %s, each with its strongest concepts.", thousands(done+1), thousands(done+len(ids)), thousands(s.rows.Len())), Pager: near(pager, n)}
		for _, id := range ids {
			p, err := s.card(ctx, id, "", 4)
			if err != nil {
				return err
			}
			p.Anchor, p.Href = pictureAnchor(done), ""
			r.Pictures = append(r.Pictures, p)
			done++
			bar.update(done, "")
		}
		if err := s.page(sheetName("pictures", n+1), "Pictures", r); err != nil {
			return err
		}
	}
	return nil
}

// index writes the first page.
func (s *sheets) index(ctx context.Context, _ *app) error {
	r, err := s.overview(ctx)
	if err != nil {
		return err
	}
	return s.page("index.html", "Overview", r)
}

// mark writes the file by which the folder is known again.
func (s *sheets) mark() error {
	return writeWhole(filepath.Join(s.dir, folderMark), func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(map[string]any{"writer": folderWriter, "version": 1, "pictures": s.rows.Len(), "latents": len(s.where), "model": s.name})
	})
}

// near leaves of many sheets the first, the last and those about the current one,
// which it marks; -1 is none of them.
func near(all []web.Link, current int) []web.Link {
	const window = 6
	if len(all) < 2 && current >= 0 {
		return nil
	}
	var some []web.Link
	for i, l := range all {
		l.Current = i == current
		if len(all) <= 24 || current < 0 || i == 0 || i == len(all)-1 || i >= current-window && i <= current+window {
			some = append(some, l)
		}
	}
	return some
}

func sheetName(kind string, n int) string { return fmt.Sprintf("%s-%d.html", kind, n) }

func sheetURL(kind string, n int) template.URL {
	return template.URL(sheetName(kind, n)) //nolint:gosec // a name made here
}

// pictureAnchor is the place of a row on its sheet.
func pictureAnchor(row int) string { return fmt.Sprintf("picture-%d", row) }
