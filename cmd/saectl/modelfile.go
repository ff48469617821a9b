package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/sae"
)

// storedOrRead returns the autoencoder that is stored under that name, or else lies in that file or folder.
func storedOrRead(ctx context.Context, d *db.DB, name string) (*sae.Model, error) {
	_, m, err := chosenModel(ctx, d, name)
	if errors.Is(err, db.ErrNoModel) {
		if _, missing := os.Stat(name); missing == nil {
			return readModel(name)
		}
		return nil, hint(fmt.Errorf("%q is no stored autoencoder, and no file or folder", name), "saectl models lists those that are stored")
	}
	return m, err
}

// readModel reads an autoencoder from a file in saedb's own format, or from a folder that SAELens or sparsify wrote.
func readModel(path string) (*sae.Model, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	var m *sae.Model
	if st.IsDir() {
		m, err = sae.ReadFolder(os.DirFS(path))
	} else {
		m, err = readModelFile(path)
	}
	switch {
	case errors.Is(err, sae.ErrPickle):
		return nil, hint(fmt.Errorf("%s: %w", path, err), "where PyTorch is, `python docs/unpickle.py %s DIR` makes a folder of it that is read", path)
	case err != nil:
		return nil, hint(fmt.Errorf("%s: %w", path, err), "what is read: a file of saectl export --sae-file, and folders of SAELens 6 (topk, standard) and sparsify (topk)")
	}
	return m, nil
}

func readModelFile(path string) (*sae.Model, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return sae.ReadFile(f)
}
