package kv

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// fence is the vfs.FS that Pebble writes through. The first change that fails is the last: the store is marked failed,
// and that goroutine, like every other that tries to change something afterwards, stops for good inside the call.
//
// Returning the error would be no kindness. Pebble answers it with Logger.Fatalf in some places, with a panic in
// others (a folder that does not sync, a log that cannot be made), and unwinding either runs its deferred unlocks of
// mutexes that are not locked there, which ends the process and cannot be recovered. So no failed write ever returns
// to Pebble. Its other goroutines can no longer harm the folder either, which another Store may have opened by then.
// The goroutines stopped are few, and stay until the process ends.
type fence struct {
	vfs.FS
	fail   func(error)   // marks the store failed; set by newGuard
	failed chan struct{} // closed once it has; set by newGuard

	mu    sync.Mutex
	locks []io.Closer // taken by Pebble; guarded by mu
}

// pass stops the goroutine if the store has failed.
func (f *fence) pass() {
	select {
	case <-f.failed:
		select {}
	default:
	}
}

// after ends a change of the kind op to name that gave err: it returns if that was no failure of the disk.
func (f *fence) after(op, name string, err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		return err
	}
	f.fail(fmt.Errorf("%s %s: %w", op, name, err))
	select {}
}

// release gives back the folder locks that a failed Pebble took and will not give back.
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

// file wraps what an opening call returned.
func (f *fence) file(name string, file vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &fencedFile{File: file, fence: f, name: name}, nil
}

func (f *fence) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f.pass()
	file, err := f.FS.Create(name, c)
	if err == nil && isLog(name) {
		file = &logFile{File: file}
	}
	return f.file(name, file, f.after("create", name, err))
}

func (f *fence) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	f.pass()
	file, err := f.FS.OpenReadWrite(name, c, opts...)
	return f.file(name, file, f.after("open", name, err))
}

func (f *fence) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f.pass()
	file, err := f.FS.ReuseForWrite(oldname, newname, c)
	if err == nil && isLog(newname) {
		file = reusedLog(file)
	}
	return f.file(newname, file, f.after("rename to", newname, err))
}

func (f *fence) OpenDir(name string) (vfs.File, error) {
	file, err := f.FS.OpenDir(name)
	return f.file(name, file, err)
}

func (f *fence) Rename(oldname, newname string) error {
	f.pass()
	return f.after("rename to", newname, f.FS.Rename(oldname, newname))
}

func (f *fence) MkdirAll(dir string, perm os.FileMode) error {
	f.pass()
	return f.after("make", dir, f.FS.MkdirAll(dir, perm))
}

// Pebble copes with the failure of the following: it copies what it cannot link, and tidies up another time.

func (f *fence) Link(oldname, newname string) error {
	f.pass()
	return f.FS.Link(oldname, newname)
}

func (f *fence) Remove(name string) error {
	f.pass()
	return f.FS.Remove(name)
}

func (f *fence) RemoveAll(name string) error {
	f.pass()
	return f.FS.RemoveAll(name)
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
	name  string
}

func (f *fencedFile) Write(p []byte) (int, error) {
	f.fence.pass()
	n, err := f.File.Write(p)
	return n, f.fence.after("write", f.name, err)
}

func (f *fencedFile) WriteAt(p []byte, off int64) (int, error) {
	f.fence.pass()
	n, err := f.File.WriteAt(p, off)
	return n, f.fence.after("write", f.name, err)
}

func (f *fencedFile) Preallocate(off, n int64) error {
	f.fence.pass()
	return f.File.Preallocate(off, n)
}

func (f *fencedFile) Sync() error {
	f.fence.pass()
	return f.fence.after("sync", f.name, f.File.Sync())
}

func (f *fencedFile) SyncTo(n int64) (bool, error) {
	f.fence.pass()
	full, err := f.File.SyncTo(n)
	return full, f.fence.after("sync", f.name, err)
}

func (f *fencedFile) SyncData() error {
	f.fence.pass()
	return f.fence.after("sync", f.name, f.File.SyncData())
}
