package cudadrv

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"unsafe"
)

// Module is code on the device, Function one kernel of it.
type (
	Module   uintptr
	Function uintptr
)

// Options of the compiler that every driver holds.
const (
	jitErrorLog     = 5
	jitErrorLogSize = 6
)

// Load compiles PTX. The driver keeps the result in a cache of its own.
func (t *Thread) Load(ptx []byte) (Module, error) {
	text := append(bytes.Clone(ptx), 0) // the driver wants a C string
	log := make([]byte, 8<<10)
	var pin runtime.Pinner
	pin.Pin(&log[0])
	defer pin.Unpin()
	options := []int32{jitErrorLog, jitErrorLogSize}
	values := []uintptr{uintptr(unsafe.Pointer(&log[0])), uintptr(len(log))} // each stands where the driver has a pointer
	var m uintptr
	err := t.d.call(cuModuleLoadDataEx, uintptr(unsafe.Pointer(&m)), uintptr(unsafe.Pointer(&text[0])), uintptr(len(options)),
		uintptr(unsafe.Pointer(&options[0])), uintptr(unsafe.Pointer(&values[0])))
	if e, ok := errors.AsType[*Error](err); ok {
		said, _, _ := bytes.Cut(log, []byte{0})
		e.Log = string(bytes.TrimSpace(said))
	}
	return Module(m), err
}

// Unload removes a module.
func (t *Thread) Unload(m Module) error { return t.d.call(cuModuleUnload, uintptr(m)) }

// Function finds a kernel.
func (t *Thread) Function(m Module, name string) (Function, error) {
	text := append([]byte(name), 0)
	var f uintptr
	if err := t.d.call(cuModuleGetFunction, uintptr(unsafe.Pointer(&f)), uintptr(m), uintptr(unsafe.Pointer(&text[0]))); err != nil {
		return 0, fmt.Errorf("kernel %s: %w", name, err)
	}
	return Function(f), nil
}
