//go:build linux && (amd64 || arm64) && !nogpu

package cudadrv

import "github.com/ebitengine/purego"

// soNames is where a driver may be: where the loader looks, and where Windows puts it into its Linux.
var soNames = []string{"libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1"}

// load opens a shared library, for as long as the process lives: drivers do not like to be unloaded.
func load(name string) (uintptr, error) {
	return purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_LOCAL)
}

// symbol finds a function of a library.
func symbol(library uintptr, name string) (uintptr, error) { return purego.Dlsym(library, name) }

// invoke calls a C function whose arguments are all integers or pointers.
//
//go:uintptrescapes
func invoke(f uintptr, args ...uintptr) int32 {
	r, _, _ := purego.SyscallN(f, args...)
	return int32(r)
}
