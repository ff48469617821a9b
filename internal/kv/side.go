package kv

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// sideDir holds the derived files: what can be made again from the keys. Nothing in it is ever part of a backup.
const sideDir = "derived"

// unfinished ends the name of a side file that is being written.
const unfinished = ".tmp"

// SideFiles returns the names of the derived files in order. None is no error.
func (s *Store) SideFiles() ([]string, error) {
	names, err := s.fence.FS.List(s.fence.PathJoin(s.dir, sideDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	slices.Sort(names)
	return names, err
}

// SideSize returns the bytes of the derived files.
func (s *Store) SideSize() (n uint64, err error) {
	names, err := s.SideFiles()
	for _, name := range names {
		st, err := s.fence.FS.Stat(s.sidePath(name))
		if err != nil {
			return n, err
		}
		n += uint64(st.Size())
	}
	return n, err
}

// WriteSide writes a derived file: whole and on disk under its name, or not at all. A failure is no failure of the store.
func (s *Store) WriteSide(name string, write func(io.Writer) error) error {
	if s.readOnly {
		return ErrReadOnly
	}
	if err := s.writeSide(name, write); err != nil {
		return fmt.Errorf("write %s: %w", s.sidePath(name), classify(err))
	}
	return nil
}

func (s *Store) writeSide(name string, write func(io.Writer) error) error {
	fsys := s.fence.FS
	dir, temp := fsys.PathJoin(s.dir, sideDir), s.sidePath(name+unfinished)
	if err := fsys.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := fsys.Create(temp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	if err = write(w); err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = fsys.Rename(temp, s.sidePath(name))
	}
	if err != nil {
		_ = fsys.Remove(temp) // the next Open does it
		return err
	}
	d, err := fsys.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// RemoveSide removes a derived file.
func (s *Store) RemoveSide(name string) error {
	if s.readOnly {
		return ErrReadOnly
	}
	return s.fence.FS.Remove(s.sidePath(name))
}

func (s *Store) sidePath(name string) string {
	return s.fence.PathJoin(s.dir, sideDir, name)
}

// Side is an open derived file. Its bytes are mapped where the system can, so that they take no memory of the process's
// own; Data must not be touched after Close, nor written to ever.
type Side struct {
	Name string
	Data []byte
	free func() error
}

// OpenSide opens a derived file.
func (s *Store) OpenSide(name string) (*Side, error) {
	return openSide(s.fence.FS, s.sidePath(name), name)
}

// OpenFile opens a file of the operating system as if it were a derived one.
func OpenFile(path string) (*Side, error) { return openSide(vfs.Default, path, path) }

func openSide(fsys vfs.FS, path, name string) (*Side, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	side := &Side{Name: name, free: func() error { return nil }}
	if fd := f.Fd(); fd != vfs.InvalidFd && st.Size() > 0 {
		if side.Data, side.free, err = mapFile(fd, st.Size()); err == nil {
			return side, nil
		}
	}
	side.Data = make([]byte, st.Size())
	if _, err := io.ReadFull(f, side.Data); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return side, nil
}

// Close gives the bytes back.
func (s *Side) Close() error {
	s.Data = nil
	free := s.free
	s.free = func() error { return nil }
	return free()
}
