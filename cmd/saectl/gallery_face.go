package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"html/template"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/saedb/saedb/clip/picture"
	"github.com/saedb/saedb/internal/web"
)

// faceSize says how large a page shows a picture.
type faceSize int

const (
	small faceSize = iota // in a strip of thumbnails
	large                 // on a card
)

// faces is where the pages have their pictures: in themselves or beside them.
type faces interface {
	// show makes p show the thumbnail of p.ID; no thumbnail is a tile.
	show(p *web.Picture, thumb []byte, s faceSize) error
	// place is where more is said of the picture of a row; empty: nowhere.
	place(row int) template.URL
	// size is how many bytes of a page the pictures take so far.
	size() int
}

// albumFaces puts each picture into the page once.
type albumFaces struct{ album web.Album }

func (f *albumFaces) show(p *web.Picture, thumb []byte, s faceSize) error {
	class, ok := f.album.Class(p.ID)
	if !ok {
		if s == small {
			thumb = shrunk(thumb)
		}
		class = f.album.Add(p.ID, thumb)
	}
	p.Class = class
	return nil
}

func (f *albumFaces) place(int) template.URL { return "" }

func (f *albumFaces) size() int { return f.album.Size() }

// A picture of a strip is about 90 pixels wide on the page; with this side it is
// still sharp where a pixel of the page is almost two of the screen.
const (
	smallSide    = 160
	smallQuality = 72
)

// shrunk makes a thumbnail smaller. One that cannot be read, or that would not
// become smaller, stays as it is.
func shrunk(thumb []byte) []byte {
	p, err := picture.Decode(thumb, nil)
	if err != nil {
		return thumb
	}
	less, err := picture.Thumbnail(p, smallSide, smallQuality)
	if err != nil || len(less) >= len(thumb) {
		return thumb
	}
	return less
}

// fileFaces writes each picture into dir/thumbs, under a name that comes from its
// content, so that no id can be an odd file name. All sizes are one file.
type fileFaces struct{ dir string }

func (f *fileFaces) show(p *web.Picture, thumb []byte, _ faceSize) error {
	ext, pic := web.Face(p.ID, thumb)
	sum := sha256.Sum256(pic)
	name := "thumbs/" + hex.EncodeToString(sum[:16]) + "." + ext
	p.Src = template.URL(name) //nolint:gosec // a name made here
	path := filepath.Join(f.dir, filepath.FromSlash(name))
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.WriteFile(path, pic, 0o666)
}

func (f *fileFaces) place(row int) template.URL {
	return anchorURL(sheetName("pictures", row/sheetSize+1), pictureAnchor(row))
}

func (f *fileFaces) size() int { return 0 }
