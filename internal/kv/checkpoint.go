package kv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// checkpointDir holds the checkpoint that is being read, inside the store's folder, so that its files can be hard links.
const checkpointDir = "backup.tmp"

// A Checkpoint is the files of a store as they were at one moment. They stay while the store is written on.
type Checkpoint struct {
	fs  vfs.FS
	dir string
}

// Checkpoint makes one, everything acknowledged in it. The caller closes it. One at a time: a second is an error that is
// fs.ErrExist.
func (s *Store) Checkpoint() (*Checkpoint, error) {
	c := &Checkpoint{fs: s.fence.FS, dir: s.fence.PathJoin(s.dir, checkpointDir)}
	if err := s.checkpoint(c.dir); err != nil {
		return nil, err
	}
	return c, nil
}

// CheckpointTo makes a checkpoint in a folder that must not exist and may lie on another disk. It stays there: Close removes it.
func (s *Store) CheckpointTo(dir string) (*Checkpoint, error) {
	return &Checkpoint{fs: s.fence.FS, dir: dir}, s.checkpoint(dir)
}

func (s *Store) checkpoint(dir string) error {
	err := s.use(func() error { return s.db.Checkpoint(dir, pebble.WithFlushedWAL()) })
	if err != nil {
		return fmt.Errorf("checkpoint in %s: %w", dir, classify(err))
	}
	return nil
}

// removeStale removes the checkpoint of a process that ended in the middle of one.
func (s *Store) removeStale() error {
	return s.fence.FS.RemoveAll(s.fence.PathJoin(s.dir, checkpointDir))
}

// Files returns the names of the files in order.
func (c *Checkpoint) Files() ([]string, error) {
	names, err := c.fs.List(c.dir)
	slices.Sort(names)
	return names, err
}

// Open opens one of the files and returns its size.
func (c *Checkpoint) Open(name string) (io.ReadCloser, int64, error) {
	f, err := c.fs.Open(c.fs.PathJoin(c.dir, name))
	if err != nil {
		return nil, 0, err
	}
	st, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, st.Size(), nil
}

// Add adds a file of another kind, and returns when it is on disk.
func (c *Checkpoint) Add(name string, data []byte) error {
	f, err := c.fs.Create(c.fs.PathJoin(c.dir, name), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	d, err := c.fs.OpenDir(c.dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Close removes the checkpoint.
func (c *Checkpoint) Close() error { return c.fs.RemoveAll(c.dir) }

// IsFile reports whether a store may hold a file of that name: what a backup brings must be nothing else.
func IsFile(name string) bool {
	return fs.ValidPath(name) && !strings.ContainsAny(name, `/\:`) && ours(name) && !slices.Contains([]string{"LOCK", holderFile, sideDir}, name)
}

// Compact rewrites everything that was replaced or deleted, and returns the bytes of the tables after: files that are no longer needed are
// removed a little later.
func (s *Store) Compact(ctx context.Context) (after uint64, err error) {
	if s.readOnly {
		return 0, ErrReadOnly
	}
	if err := s.use(func() error { return s.db.Compact(ctx, []byte{0}, []byte{0xff, 0xff}, true) }); err != nil {
		return 0, err
	}
	return s.TableSize()
}

// TableSize returns the bytes of the tables, after what is in memory was written to them.
func (s *Store) TableSize() (uint64, error) {
	if s.readOnly {
		return 0, ErrReadOnly
	}
	var n uint64
	err := s.use(func() error {
		if err := s.db.Flush(); err != nil {
			return err
		}
		total := s.db.Metrics().Total()
		n = uint64(total.TablesSize)
		return nil
	})
	if err != nil {
		return 0, err // the function may run still
	}
	return n, nil
}
