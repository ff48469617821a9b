package setup

import (
	"errors"
	"os"
	"syscall"
)

const isWindows = true

// sharingViolation is what opening a file gives that another process holds open for itself.
const sharingViolation = syscall.Errno(32)

// tryLock takes the lock of a file, which is made if need be and stays: it is opened so that nobody else can open it. It
// is free again after unlock, or when the process ends. ok is false while another holds it.
func tryLock(path string) (unlock func(), ok bool, err error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, false, &os.PathError{Op: "lock", Path: path, Err: err}
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	switch {
	case err == nil:
		return func() { _ = syscall.CloseHandle(h) }, true, nil
	case errors.Is(err, sharingViolation):
		return nil, false, nil
	}
	return nil, false, &os.PathError{Op: "lock", Path: path, Err: err}
}
