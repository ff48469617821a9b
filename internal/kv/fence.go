package kv

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// errFenced answers every change that a failed store still tries to make to its folder.
var errFenced = errors.New("the store has failed: no more writes")

// fence is a vfs.FS whose changes stop at once and for good when it falls.
//
// Pebble's own goroutines may survive a failure of the store and go on writing; another Store may by then have
// opened the same folder. The fence makes that harmless: after fall, the old store can read its open files and
// change nothing, and the folder's lock is free.
type fence struct {
	vfs.FS
	fallen atomic.Bool

	mu    sync.Mutex
	locks []io.Closer // guarded by mu; released by fall's caller through release
}

func (f *fence) fall() { f.fallen.Store(true) }

// release gives back the folder locks that Pebble took and, having failed, will not give back.
func (f *fence) release() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var err error
	for _, l := range f.locks {
		err = errors.Join(err, l.Close())
	}
	f.locks = nil
	return err
}

func (f *fence) check() error {
	if f.fallen.Load() {
		return errFenced
	}
	return nil
}

// file wraps what an opening call returned.
func (f *fence) file(file vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &fencedFile{File: file, fence: f}, nil
}

func (f *fence) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	return f.file(f.FS.Create(name, c))
}

func (f *fence) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	return f.file(f.FS.OpenReadWrite(name, c, opts...))
}

func (f *fence) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	return f.file(f.FS.ReuseForWrite(oldname, newname, c))
}

func (f *fence) OpenDir(name string) (vfs.File, error) { return f.file(f.FS.OpenDir(name)) }

func (f *fence) Link(oldname, newname string) error {
	if err := f.check(); err != nil {
		return err
	}
	return f.FS.Link(oldname, newname)
}

func (f *fence) Rename(oldname, newname string) error {
	if err := f.check(); err != nil {
		return err
	}
	return f.FS.Rename(oldname, newname)
}

func (f *fence) Remove(name string) error {
	if err := f.check(); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

func (f *fence) RemoveAll(name string) error {
	if err := f.check(); err != nil {
		return err
	}
	return f.FS.RemoveAll(name)
}

func (f *fence) MkdirAll(dir string, perm os.FileMode) error {
	if err := f.check(); err != nil {
		return err
	}
	return f.FS.MkdirAll(dir, perm)
}

func (f *fence) Lock(name string) (io.Closer, error) {
	l, err := f.FS.Lock(name)
	if err != nil {
		return nil, err
	}
	once := &onceCloser{c: l}
	f.mu.Lock()
	f.locks = append(f.locks, once)
	f.mu.Unlock()
	return once, nil
}

func (f *fence) Unwrap() vfs.FS { return f.FS }

// onceCloser closes c at the first Close and does nothing at later ones: both Pebble and release may close a lock.
type onceCloser struct {
	once sync.Once
	c    io.Closer
	err  error
}

func (o *onceCloser) Close() error {
	o.once.Do(func() { o.err = o.c.Close() })
	return o.err
}

type fencedFile struct {
	vfs.File
	fence *fence
}

func (f *fencedFile) Write(p []byte) (int, error) {
	if err := f.fence.check(); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f *fencedFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.fence.check(); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

func (f *fencedFile) Preallocate(off, n int64) error {
	if err := f.fence.check(); err != nil {
		return err
	}
	return f.File.Preallocate(off, n)
}

func (f *fencedFile) Sync() error {
	if err := f.fence.check(); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *fencedFile) SyncTo(n int64) (bool, error) {
	if err := f.fence.check(); err != nil {
		return false, err
	}
	return f.File.SyncTo(n)
}

func (f *fencedFile) SyncData() error {
	if err := f.fence.check(); err != nil {
		return err
	}
	return f.File.SyncData()
}
