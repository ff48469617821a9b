package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Home is the data folder: onnxruntime/VERSION/ and models/NAME/ are what is installed, staging/ is where it is made.
type Home struct{ Dir string }

// Lock makes the folder and keeps other setups out of it until unlock, and clears away what a killed one left. It does not wait: ErrBusy.
func (h Home) Lock() (unlock func(), err error) {
	if err := os.MkdirAll(h.Dir, 0o777); err != nil {
		return nil, diskFull(err)
	}
	unlock, ok, err := tryLock(filepath.Join(h.Dir, "setup.lock"))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("%w in %s", ErrBusy, h.Dir)
	}
	if err := os.RemoveAll(h.staging()); err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

func (h Home) staging() string { return filepath.Join(h.Dir, "staging") }

// stage makes a new folder on the disk of the data folder.
func (h Home) stage() (string, error) {
	if err := os.MkdirAll(h.staging(), 0o777); err != nil {
		return "", diskFull(err)
	}
	dir, err := os.MkdirTemp(h.staging(), "")
	if err != nil {
		return "", diskFull(err)
	}
	return dir, os.Chmod(dir, 0o755) // a temporary folder is its owner's alone
}

// Change is something that was installed and can still be taken back.
type Change struct {
	final  string
	backup string // what stood there before; empty: nothing
}

// Keep makes the change final. Keep and Undo of a nil Change do nothing.
func (c *Change) Keep() error {
	if c == nil || c.backup == "" {
		return nil
	}
	return os.RemoveAll(c.backup)
}

// Undo puts back what was there before.
func (c *Change) Undo() error {
	if c == nil {
		return nil
	}
	if err := os.RemoveAll(c.final); err != nil {
		return err
	}
	if c.backup == "" {
		return nil
	}
	return os.Rename(c.backup, c.final)
}

// put renames a staged folder to its final name.
func (h Home) put(staged, final string) (*Change, error) {
	if err := os.MkdirAll(filepath.Dir(final), 0o777); err != nil {
		return nil, diskFull(err)
	}
	c := &Change{final: final}
	if _, err := os.Stat(final); err == nil {
		dir, err := h.stage()
		if err != nil {
			return nil, err
		}
		c.backup = filepath.Join(dir, "before")
		if err := os.Rename(final, c.backup); err != nil {
			return nil, err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := os.Rename(staged, final); err != nil {
		if c.backup != "" {
			err = errors.Join(err, os.Rename(c.backup, final))
		}
		return nil, err
	}
	return c, nil
}
