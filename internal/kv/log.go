package kv

import (
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// logFile is a log that Pebble writes, and syncs after each commit. A sync of a file that has grown also writes, on most file systems, that it
// has: while commits are small, which shows there, the file is therefore made longer than it is, by zeros, a good piece at a time, and commits
// overwrite these. To Pebble's reader zeros are the end of the log, as is what is left of an older one in a log that is used again.
type logFile struct {
	vfs.File
	at     int64 // bytes that Pebble has written
	synced int64 // those at the last sync
	size   int64 // bytes of the file
	zeros  []byte
	full   bool // the disk, it seems: the file is left alone
}

const (
	smallCommit = 64 << 10 // bytes between two syncs
	mostZeros   = 1 << 20  // bytes that are added at a time; while the log is shorter, its length
)

func isLog(name string) bool { return strings.HasSuffix(name, ".log") }

// reusedLog is the log that a file becomes which was one before.
func reusedLog(file vfs.File) vfs.File {
	f := &logFile{File: file}
	if st, err := file.Stat(); err == nil {
		f.size = st.Size()
	}
	return f
}

func (f *logFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	f.at += int64(n)
	f.size = max(f.size, f.at)
	return n, err
}

func (f *logFile) SyncData() error {
	if small := f.at-f.synced < smallCommit; small && f.at >= smallCommit && f.size-f.at < smallCommit {
		f.lengthen(min(f.at, mostZeros))
	}
	f.synced = f.at
	return f.File.SyncData()
}

// lengthen adds so many zeros. That it may fail is no failure of the log's.
func (f *logFile) lengthen(n int64) {
	if f.zeros == nil {
		f.zeros = make([]byte, smallCommit)
	}
	for end := f.size + n; f.size < end && !f.full; {
		wrote, err := f.WriteAt(f.zeros[:min(end-f.size, smallCommit)], f.size)
		f.size += int64(wrote)
		f.full = err != nil
	}
}
