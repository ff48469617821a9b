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
	"slices"
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

	item db.Item // to be stored
	err  error   // what is wrong with the file
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

// processAhead makes the vectors of files, a batch in each of several goroutines, and yields the batches in their order, each as
// a channel that delivers it once. It stops early when ctx ends. What is decoded at any moment stays within the budget.
func processAhead(ctx context.Context, e clip.Encoder, work []indexWork, threads int, budget *pixelBudget) <-chan chan indexBatch {
	slots := make(chan chan indexBatch, threads)
	turns := make(chan struct{}, threads)
	go func() {
		defer close(slots)
		for part := range slices.Chunk(work, pictureBatch) {
			slot := make(chan indexBatch, 1)
			select {
			case slots <- slot:
			case <-ctx.Done():
				return
			}
			turns <- struct{}{}
			go func() {
				slot <- process(ctx, e, part, budget)
				<-turns
			}()
		}
	}()
	return slots
}

// indexBatch is a batch of works that are done; err is the encoder's, and then they are not.
type indexBatch struct {
	works []indexWork
	err   error
}

// process prepares a batch of files and gives their pictures to the encoder at once.
func process(ctx context.Context, e clip.Encoder, works []indexWork, budget *pixelBudget) indexBatch {
	id := e.Identity()
	tensors := make([]float32, 0, len(works)*3*id.Side*id.Side)
	var waiting []*indexWork
	for i := range works {
		w := &works[i]
		before := len(tensors)
		var err error
		if tensors, err = w.prepare(ctx, e, tensors, budget); err != nil {
			return indexBatch{err: err}
		}
		if len(tensors) > before {
			waiting = append(waiting, w)
		}
	}
	vectors, err := e.Pictures(ctx, tensors)
	if err != nil {
		return indexBatch{err: err}
	}
	for i, w := range waiting {
		w.item.Vec = vectors[i*id.Dim:][:id.Dim]
		if err := db.CheckVector(w.item.Vec); err != nil {
			return indexBatch{err: fmt.Errorf("%s: the encoder's vector: %w", w.file.Path, err)}
		}
	}
	return indexBatch{works: works}
}

// prepare reads the file, makes everything that is stored but the vector, and appends the picture as the encoder takes it. A
// content that is stored already keeps its vector, and all that was said of it since, such as its cluster: then there is nothing
// to encode. Another content starts afresh. What is wrong with the file is w.err; the error is ctx's.
func (w *indexWork) prepare(ctx context.Context, e clip.Encoder, tensors []float32, budget *pixelBudget) ([]float32, error) {
	if err := ctx.Err(); err != nil {
		return tensors, err
	}
	data, err := w.read()
	if err != nil {
		w.err = err
		return tensors, nil
	}
	sum := sha256.Sum256(data)
	hash := "sha256:" + hex.EncodeToString(sum[:])
	w.item = db.Item{ID: w.file.ID, Meta: map[string]any{}}
	if w.old != nil && w.old.Meta["hash"] == hash {
		w.item.Vec, w.item.Norm, w.item.Thumb = w.old.Vec, w.old.Norm, w.old.Thumb
		maps.Copy(w.item.Meta, w.old.Meta)
	} else if tensors, err = w.tensor(ctx, e, tensors, data, budget); err != nil || w.err != nil {
		return tensors, err
	}
	maps.Copy(w.item.Meta, w.said)
	w.item.Meta["path"] = w.path()
	w.item.Meta["bytes"] = int64(len(data))
	w.item.Meta["mtime"] = w.mtime()
	w.item.Meta["hash"] = hash
	return tensors, nil
}

// maxFile is the size of the largest file that is read, in bytes: more than the largest picture takes without any compression.
const maxFile = 2_000_000_000

// read returns the file's content.
func (w *indexWork) read() ([]byte, error) {
	if w.file.Size > maxFile {
		return nil, fmt.Errorf("%w: a file of %s bytes, and the limit is %s", picture.ErrTooLarge, thousands(int(w.file.Size)), thousands(maxFile))
	}
	data, err := os.ReadFile(w.file.Path)
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err // the path is said once
	}
	return data, err
}

// tensor decodes the file's content, when its turn comes, and appends it as the encoder takes it.
func (w *indexWork) tensor(ctx context.Context, e clip.Encoder, tensors []float32, data []byte, budget *pixelBudget) ([]float32, error) {
	pixels, err := picture.Pixels(data, nil)
	if err != nil {
		w.err = err
		return tensors, nil
	}
	give, err := budget.take(ctx, pixels)
	if err != nil {
		return tensors, err
	}
	defer give()
	p, err := w.decode(data)
	if err != nil {
		w.err = err
		return tensors, nil
	}
	return e.Tensor(tensors, p), nil
}

// decode makes the picture, its thumbnail, and what it says of itself.
func (w *indexWork) decode(data []byte) (*picture.Picture, error) {
	p, err := picture.Decode(data, nil)
	if err != nil {
		return nil, err
	}
	if w.item.Thumb, err = picture.Thumbnail(p, thumbSide, thumbQuality); err != nil {
		return nil, fmt.Errorf("its thumbnail: %w", err)
	}
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
	return p, nil
}
