//go:build cgo && !windows

package clip

/*
#cgo linux LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>
*/
import "C"

import "unsafe"

// hold keeps a library loaded until the process ends, if it can be loaded at all: the binding unloads one that is too old, and with it the
// text that tells its version.
func hold(path string) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	C.dlopen(name, C.RTLD_LAZY)
}
