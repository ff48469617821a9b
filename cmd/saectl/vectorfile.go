package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/saedb/saedb/internal/npy"
)

// vectorFile is a .npy file whose header has been checked against its size.
type vectorFile struct {
	path       string
	rows, cols int
	ids        []string // one for each row; nil: "NAME/row"
}

// checkVectors reads the header of a .npy file.
func checkVectors(path string) (*vectorFile, error) {
	v := &vectorFile{path: path}
	err := v.read(func(r *npy.Reader) error {
		v.rows, v.cols = r.Rows, r.Cols
		return nil
	})
	if err != nil {
		return nil, err
	}
	if v.cols == 0 {
		return nil, fmt.Errorf("%s: its rows are empty: want a matrix of one vector a row", path)
	}
	return v, nil
}

// read opens the file and hands f its rows.
func (v *vectorFile) read(f func(*npy.Reader) error) error {
	file, err := os.Open(v.path)
	if err != nil {
		return err
	}
	defer file.Close()
	st, err := file.Stat()
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		return hint(fmt.Errorf("%s: not a regular file", v.path), "it is read twice, so write it to disk first")
	}
	r, err := npy.NewReader(bufio.NewReaderSize(file, 1<<18), st.Size())
	if err == nil {
		err = f(r)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", v.path, err)
	}
	return nil
}

// vectors yields the rows in order. Each slice is valid until the next step.
// The error comes last, once.
func (v *vectorFile) vectors() iter.Seq2[[]float32, error] {
	return func(yield func([]float32, error) bool) {
		err := v.read(func(r *npy.Reader) error {
			row := make([]float32, r.Cols)
			for {
				err := r.Next(row)
				if errors.Is(err, io.EOF) {
					return nil
				}
				if err != nil {
					return err
				}
				if !yield(row, nil) {
					return errStopped
				}
			}
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(nil, err)
		}
	}
}

// errStopped says that the reader of an iteration has left.
var errStopped = errors.New("stopped")

// name is the file's name without its folder and ".npy".
func (v *vectorFile) name() string { return strings.TrimSuffix(filepath.Base(v.path), ".npy") }

// id returns the id of a row.
func (v *vectorFile) id(row int) string {
	if v.ids != nil {
		return v.ids[row]
	}
	return fmt.Sprintf("%s/%d", v.name(), row)
}
