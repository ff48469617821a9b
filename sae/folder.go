package sae

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"

	"github.com/saedb/saedb/internal/safetensors"
)

// ErrPickle marks a model that lies in a pickle. A pickle is a program: reading one runs it, so this package does not.
var ErrPickle = errors.New("a Python pickle, which is not read because reading one runs it")

// ReadFolder reads a model from a folder that SAELens or sparsify wrote, whichever it is: they tell themselves apart by the
// name of the file with the weights. Errors: ErrModel, ErrPickle where weights are there in a pickle alone.
func ReadFolder(dir fs.FS) (*Model, error) {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return nil, fmt.Errorf("sae: read folder: %w", err)
	}
	has := func(name string) bool {
		return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == name })
	}
	switch {
	case has(saelensWeights):
		return ReadSAELens(dir)
	case has(sparsifyWeights):
		return ReadSparsify(dir)
	}
	for _, e := range entries {
		if e.Type().IsRegular() && isPickle(dir, e.Name()) {
			return nil, fmt.Errorf("sae: read folder: %s: %w", e.Name(), ErrPickle)
		}
	}
	return nil, fmt.Errorf("sae: read folder: %w: there is neither %s (SAELens) nor %s (sparsify) in it", ErrModel, saelensWeights, sparsifyWeights)
}

// ReadFile reads a file of this package's own format that ends with the model. Errors: ErrModel, ErrPickle.
func ReadFile(r io.Reader) (*Model, error) {
	b := bufio.NewReaderSize(r, 1<<16) // Read uses a buffer of this size as it is
	if start, _ := b.Peek(len(zipMagic)); looksPickled(start) {
		return nil, fmt.Errorf("sae: read model: %w", ErrPickle)
	}
	m, err := Read(b)
	if err != nil {
		return nil, err
	}
	if _, err := b.ReadByte(); err == nil {
		return nil, fmt.Errorf("sae: read model: %w: bytes follow the checksum", ErrModel)
	} else if err != io.EOF {
		return nil, fmt.Errorf("sae: read model: %w", err)
	}
	return m, nil
}

// What pickles begin with: torch.save writes a zip archive that holds one, older versions and pickle itself the protocol.
const (
	zipMagic      = "PK\x03\x04"
	pickleOpcode  = 0x80
	latestPickles = 5
)

// looksPickled judges a file by its first bytes, whatever its name is.
func looksPickled(start []byte) bool {
	return bytes.HasPrefix(start, []byte(zipMagic)) ||
		len(start) >= 2 && start[0] == pickleOpcode && start[1] >= 2 && start[1] <= latestPickles
}

// isPickle judges a file in dir by its first bytes, or by its name if it has one that pickles have.
func isPickle(dir fs.FS, name string) bool {
	if slices.Contains([]string{".pt", ".pth", ".bin", ".pkl"}, path.Ext(name)) {
		return true
	}
	f, err := dir.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	start := make([]byte, len(zipMagic))
	n, _ := io.ReadFull(f, start)
	return looksPickled(start[:n])
}

// readConfig reads a JSON file of dir into cfg.
func readConfig(dir fs.FS, name string, cfg any) error {
	text, err := fs.ReadFile(dir, name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, cfg); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrModel, name, err)
	}
	return nil
}

// readWeights reads a safetensors file of dir.
func readWeights(dir fs.FS, name string) (*safetensors.File, error) {
	raw, err := fs.ReadFile(dir, name)
	if err != nil {
		return nil, err
	}
	if looksPickled(raw) {
		return nil, fmt.Errorf("%s: %w", name, ErrPickle)
	}
	t, err := safetensors.Read(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrModel, name, err)
	}
	return t, nil
}

// writeFolder writes a configuration and tensors, each into what create returns for its name.
func writeFolder(create func(string) (io.WriteCloser, error), config string, cfg []byte, weights string, t *safetensors.File) error {
	parts := []struct {
		name  string
		write func(io.Writer) error
	}{
		{config, func(w io.Writer) error { _, err := w.Write(append(cfg, '\n')); return err }},
		{weights, func(w io.Writer) error { return safetensors.Write(w, t) }},
	}
	for _, p := range parts {
		if err := writePart(p.name, create, p.write); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

func writePart(name string, create func(string) (io.WriteCloser, error), write func(io.Writer) error) error {
	w, err := create(name)
	if err != nil {
		return err
	}
	if err := write(w); err != nil {
		w.Close() // the first error is the one to tell
		return err
	}
	return w.Close()
}
