//go:build cgo && windows

package clip

import "syscall"

// hold keeps a library loaded until the process ends, if it can be loaded at all: the binding unloads one that is too old, and with it the
// text that tells its version.
func hold(path string) {
	_, _ = syscall.LoadLibrary(path) // the binding reports what is wrong with it
}
