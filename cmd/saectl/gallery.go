package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/web"
)

// defaultMaxSize is how many megabytes one file may take: browsers open it at
// once, and it can still be sent by mail.
const defaultMaxSize = 16

// galleryOptions is what was asked of gallery.
type galleryOptions struct {
	out, title, lead, note string
	concepts               []string
	count, per             int
	latents                int // in the atlas; 0: all that fit
	maxSize                int // megabytes of one file; 0: any
	force                  bool
}

func newGalleryCmd(a *app) *cobra.Command {
	var o galleryOptions
	cmd := &cobra.Command{
		Use:   "gallery [CONCEPT…]",
		Short: "Write a page, or a folder of pages, that shows concepts, pictures and latents",
		Long: `Write a report as one HTML file that needs nothing else: the quality of the
autoencoder, a few pictures taken apart, for each concept the pictures it finds
with their concepts, pictures similar by latents and by vectors, clusters where
there are any, and an atlas of every named latent with the pictures that excite
it most. Without concepts named, those with the best names are shown. An item
without a thumbnail gets a tile drawn from its id.

A file of more than --max-size megabytes is cut: its atlas then shows the latents
with the best names, and says so. A folder (--out ends in / or has no .html, or
is a folder) holds everything: index.html, the atlas and all pictures on sheets,
and the thumbnails as files. A gallery that is there already is replaced;
anything else is left alone.`,
		Example: "  saectl gallery --out report.html dog 'sea shore' bicycle\n  saectl gallery --out gallery/",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.concepts = args
			if o.latents < 0 || o.maxSize < 0 || o.count < 0 || o.per < 1 {
				return hint(errors.New("a gallery needs one picture of a concept or more, and no number below zero"), "0 means no limit for --latents and --max-size")
			}
			return a.withDB(cmd.Context(), db.Options{ReadOnly: true}, func(d *db.DB) error {
				path, err := writeGallery(cmd.Context(), a, d, o)
				if err != nil {
					return err
				}
				return a.printOutcome(map[string]string{"gallery": path}, "wrote "+path)
			})
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.out, "out", "o", "gallery.html", "the .html file or the folder to write")
	f.StringVar(&o.title, "title", "", "title of the page")
	f.IntVar(&o.count, "concepts", 12, "how many concepts to show where none is named")
	f.IntVar(&o.per, "pictures", 12, "pictures of a concept")
	f.IntVar(&o.latents, "latents", 0, "latents in the atlas, those with the best names (default all)")
	f.IntVar(&o.maxSize, "max-size", defaultMaxSize, "about how many megabytes one file may take; 0: any")
	f.BoolVar(&o.force, "force", false, "replace a file that is not a gallery")
	return cmd
}

// writeGallery writes the gallery and returns the absolute path of its first page.
func writeGallery(ctx context.Context, a *app, d *db.DB, o galleryOptions) (string, error) {
	path, err := filepath.Abs(o.out)
	if err != nil {
		return "", err
	}
	if namesFolder(o.out) {
		return writeFolder(ctx, a, d, o, path)
	}
	if err := checkPage(path, o.force); err != nil {
		return "", err
	}
	pages, err := web.New()
	if err != nil {
		return "", err
	}
	g, err := newGallery(ctx, d, o, &albumFaces{})
	if err != nil {
		return "", err
	}
	r, err := g.report(ctx)
	if err != nil {
		return "", err
	}
	if r.Atlas.Note != "" {
		a.note("%s", r.Atlas.Note)
	}
	return path, writeWhole(path, func(w io.Writer) error { return pages.Report(w, r) })
}

// namesFolder reports whether the gallery is to be a folder: one that is there, or
// a name that is not that of a page.
func namesFolder(out string) bool {
	if st, err := os.Stat(out); err == nil && st.IsDir() {
		return true
	}
	ext := strings.ToLower(filepath.Ext(out))
	return os.IsPathSeparator(out[max(0, len(out)-1):][0]) || ext != ".html" && ext != ".htm"
}

// pageMark is what the head of each of our pages holds.
const pageMark = `<meta name="generator" content="saedb">`

// checkPage returns an error if path is there and neither one of our pages nor to
// be replaced by force.
func checkPage(path string, force bool) error {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	defer f.Close()
	var head [4096]byte
	n, err := io.ReadFull(f, head[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if n == 0 || bytes.Contains(head[:n], []byte(pageMark)) {
		return nil
	}
	if err := checkFree(path, force); err != nil {
		return hint(fmt.Errorf("%s is there and is not a gallery", path), "give another name with --out, or --force replaces it")
	}
	return nil
}
