package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

var (
	// ErrOffline says that a file is not in the cache and that the environment forbids to fetch it.
	ErrOffline = errors.New("offline")
	// ErrUnreachable says that no answer, or none of use, came from another machine.
	ErrUnreachable = errors.New("cannot be reached")
	// ErrDenied says that the hub wants a token, or another one.
	ErrDenied = errors.New("access denied")
	// ErrNotThere says that the hub has no such file.
	ErrNotThere = errors.New("not on the hub")
	// ErrTruncated says that a download ended early, again and again. What came is kept: the next Fetch continues.
	ErrTruncated = errors.New("the download ended early")
	// ErrDigest says that a file is not the one it should be.
	ErrDigest = errors.New("wrong checksum")
	// ErrBusy says that another setup is at work in the same folder.
	ErrBusy = errors.New("another setup is at work")
	// ErrLibrary says that a file is no ONNX Runtime library that this machine and program can use.
	ErrLibrary = errors.New("no usable ONNX Runtime library")
	// ErrClient says that npm or pip is missing or failed.
	ErrClient = errors.New("package client failed")
	// ErrFolder says that a folder or file holds nothing to install.
	ErrFolder = errors.New("nothing to install")
	// ErrDiskFull says that a disk has no room left.
	ErrDiskFull = errors.New("disk full")
)

// windowsDiskFull is the number Windows has for it.
const windowsDiskFull = syscall.Errno(112)

// diskFull gives an error of writing its meaning, where it has that one.
func diskFull(err error) error {
	if errors.Is(err, syscall.ENOSPC) || isWindows && errors.Is(err, windowsDiskFull) {
		var at *fs.PathError
		if errors.As(err, &at) {
			return fmt.Errorf("%w: %s: %w", ErrDiskFull, at.Path, at.Err)
		}
		return fmt.Errorf("%w: %w", ErrDiskFull, err)
	}
	return err
}
