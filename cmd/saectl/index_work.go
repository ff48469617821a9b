package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/saedb/saedb/clip"
	"github.com/saedb/saedb/clip/picture"
	"github.com/saedb/saedb/cmd/saectl/internal/folder"
	"github.com/saedb/saedb/db"
)

// Thumbnails fit into a square of this many pixels, as JPEG of this quality.
const (
	thumbSide    = 256
	thumbQuality = 80
)

// indexWork is one file on its way into the database.
type indexWork struct {
	file folder.File
	said map[string]any // what the metadata files say of it
	old  *db.Item       // what is stored under its id, nil: nothing

	item   db.Item   // to be stored; without its vector while tensor is there
	tensor []float32 // for the encoder
	err    error     // what is wrong with the file
}

// path is the file's path as it is stored.
func (w *indexWork) path() string { return filepath.ToSlash(w.file.Path) }

// mtime is the time of change as it is stored: file systems and databases differ below a microsecond.
func (w *indexWork) mtime() time.Time { return w.file.MTime.Truncate(time.Microsecond) }

// isStored says whether the file has the size and time that are stored, and nothing new is said of it.
func (w *indexWork) isStored() bool {
	if w.old.Meta["hash"] == nil || w.old.Meta["bytes"] != w.file.Size || w.old.Meta["path"] != w.path() {
		return false
	}
	if at, is := w.old.Meta["mtime"].(time.Time); !is || !at.Equal(w.mtime()) {
		return false
	}
	for key, v := range w.said {
		if !reflect.DeepEqual(w.old.Meta[key], v) {
			return false
		}
	}
	return true
}

// prepareAhead prepares files in goroutines and yields them in their order, each as a channel that delivers it once. It stops
// early when ctx ends.
func prepareAhead(ctx context.Context, e clip.Encoder, work []indexWork, threads int) <-chan chan indexWork {
	slots := make(chan chan indexWork, pictureBatch+threads)
	turns := make(chan struct{}, threads)
	go func() {
		defer close(slots)
		for _, w := range work {
			slot := make(chan indexWork, 1)
			select {
			case slots <- slot:
			case <-ctx.Done():
				return
			}
			turns <- struct{}{}
			go func() {
				w.prepare(e)
				<-turns
				slot <- w
			}()
		}
	}()
	return slots
}

// prepare reads the file and makes everything that is stored but the vector. A content that is stored already keeps
// its vector and is not decoded.
func (w *indexWork) prepare(e clip.Encoder) {
	data, err := os.ReadFile(w.file.Path)
	if err != nil {
		var at *fs.PathError
		if errors.As(err, &at) {
			err = at.Err
		}
		w.err = err
		return
	}
	sum := sha256.Sum256(data)
	hash := "sha256:" + hex.EncodeToString(sum[:])
	w.item = db.Item{ID: w.file.ID, Meta: map[string]any{}}
	if w.old != nil && w.old.Meta["hash"] == hash {
		w.item.Vec, w.item.Norm, w.item.Thumb = w.old.Vec, w.old.Norm, w.old.Thumb
		maps.Copy(w.item.Meta, w.old.Meta)
	} else if w.err = w.decode(e, data); w.err != nil {
		return
	}
	maps.Copy(w.item.Meta, w.said)
	w.item.Meta["path"] = w.path()
	w.item.Meta["bytes"] = int64(len(data))
	w.item.Meta["mtime"] = w.mtime()
	w.item.Meta["hash"] = hash
}

// decode makes the tensor, the thumbnail, and what the picture says of itself.
func (w *indexWork) decode(e clip.Encoder, data []byte) error {
	p, err := picture.Decode(data, nil)
	if err != nil {
		return err
	}
	if w.item.Thumb, err = picture.Thumbnail(p, thumbSide, thumbQuality); err != nil {
		return fmt.Errorf("its thumbnail: %w", err)
	}
	side := e.Identity().Side
	w.tensor = e.Tensor(make([]float32, 0, 3*side*side), p)
	w.item.Meta["width"], w.item.Meta["height"] = int64(p.W), int64(p.H)
	x := p.Exif
	if !x.Taken.IsZero() {
		w.item.Meta["taken"] = x.Taken.UTC()
	}
	for key, text := range map[string]string{"camera": x.Camera, "lens": x.Lens} {
		if text != "" {
			w.item.Meta[key] = text
		}
	}
	if x.HasPlace {
		w.item.Meta["lat"], w.item.Meta["lon"] = x.Lat, x.Lon
	}
	return nil
}

// encodeBatch gives each of the works its vector. One that cannot be stored is an error of the encoder, not of the file.
func encodeBatch(ctx context.Context, e clip.Encoder, batch []indexWork) ([]indexWork, error) {
	if len(batch) == 0 {
		return nil, nil
	}
	var tensors []float32
	for _, w := range batch {
		tensors = append(tensors, w.tensor...)
	}
	vectors, err := e.Pictures(ctx, tensors)
	if err != nil {
		return nil, err
	}
	dim := e.Identity().Dim
	out := make([]indexWork, len(batch))
	for i, w := range batch {
		w.tensor, w.item.Vec = nil, vectors[i*dim:][:dim]
		if err := db.CheckVector(w.item.Vec); err != nil {
			return nil, fmt.Errorf("%s: the encoder's vector: %w", w.file.Path, err)
		}
		out[i] = w
	}
	return out, nil
}
