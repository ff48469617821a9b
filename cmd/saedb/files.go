package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/saedb/saedb/internal/npy"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/query/syntax"
)

// maxFile is how many bytes a vector file may have: 65,536 numbers of eight bytes, and a head.
const maxFile = 1 << 20

// files reads the vector files that queries name in one folder, and nothing outside it.
type files struct{ root *os.Root }

// load is a query.Loader. There is no encoder for pictures, and nothing is opened over the network.
func (f files) load(_ context.Context, kind syntax.OperandKind, name string) ([]float32, error) {
	if kind != syntax.OperandVector {
		return nil, fmt.Errorf("%w: this server makes no vector of %s %s", query.ErrNoEncoder, kind, syntax.Quote(name))
	}
	if !filepath.IsLocal(name) {
		return nil, fmt.Errorf("vector %s lies outside the folder whose files this server reads", syntax.Quote(name))
	}
	m, err := f.read(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("vector %s: there is no such file in the folder whose files this server reads", syntax.Quote(name))
	case err != nil:
		return nil, fmt.Errorf("vector %s: %w", syntax.Quote(name), err)
	case m.Rows != 1:
		return nil, fmt.Errorf("vector %s has %d rows, want one vector: shape (d,) or (1, d)", syntax.Quote(name), m.Rows)
	}
	return m.Data, nil
}

// read reads a file, which is a regular one: opening another kind might wait for ever. The root follows no link that leads out of it.
func (f files) read(name string) (*npy.Matrix, error) {
	st, err := f.root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > maxFile {
		return nil, fmt.Errorf("want a regular file of at most %d bytes", maxFile)
	}
	file, err := f.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return npy.Read(bufio.NewReader(file), st.Size())
}
