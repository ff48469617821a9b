package remote

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

// files reads what queries name in one folder, and nothing outside it.
type files struct {
	root *os.Root
	most int64 // bytes of a file
}

// load is the query.Loader of a server: of vector files. It has no encoder for pictures, and opens nothing over the network.
func (f files) load(_ context.Context, kind syntax.OperandKind, name string) ([]float32, error) {
	if kind != syntax.OperandVector {
		return nil, fmt.Errorf("%w: the server makes no vector of %s %s", query.ErrNoEncoder, kind, syntax.Quote(name))
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
	if !st.Mode().IsRegular() || st.Size() > f.most {
		return nil, fmt.Errorf("want a regular file of at most %d bytes", f.most)
	}
	file, err := f.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return npy.Read(bufio.NewReader(file), st.Size())
}
