package cudadrv

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"
)

// Driver is a loaded driver. Any number of goroutines may use it.
type Driver struct {
	at    [entries]uintptr
	path  string
	built int // CUDA version, 1000·major + 10·minor
}

// Open loads the driver, from the first of the paths that works or, without any, from where drivers are, and starts it. No library, or one that
// knows of no device, is ErrAbsent.
func Open(paths ...string) (*Driver, error) {
	if len(paths) == 0 {
		paths = soNames
	}
	var faults []string
	for _, path := range paths {
		library, err := load(path)
		if err != nil {
			faults = append(faults, strings.TrimSpace(err.Error()))
			continue
		}
		return start(path, library)
	}
	return nil, fmt.Errorf("%w: %s", ErrAbsent, strings.Join(faults, "; "))
}

// start finds the entry points of a library and initialises it.
func start(path string, library uintptr) (*Driver, error) {
	d := &Driver{path: path}
	for i, name := range entryNames {
		f, err := symbol(library, name)
		if err != nil || f == 0 {
			return nil, fmt.Errorf("the driver %s lacks %s: it is older than CUDA 11.4; a newer driver is needed", path, name)
		}
		d.at[i] = f
	}
	if err := d.call(cuInit, 0); err != nil {
		return nil, err
	}
	var version int32
	if err := d.call(cuDriverGetVersion, uintptr(unsafe.Pointer(&version))); err != nil {
		return nil, err
	}
	d.built = int(version)
	return d, nil
}

// Path is the library's name, as it was loaded.
func (d *Driver) Path() string { return d.path }

// Version is the newest version of CUDA that the driver knows.
func (d *Driver) Version() (major, minor int) { return d.built / 1000, d.built % 1000 / 10 }

// call calls an entry point. Pointers among the arguments must be converted to uintptr in the argument itself: only there does the compiler see
// them, keep what they point to alive, and keep it where it is.
//
//go:uintptrescapes
func (d *Driver) call(e entry, args ...uintptr) error {
	if code := invoke(d.at[e], args...); code != 0 {
		return d.fault(e, code)
	}
	return nil
}

// fault makes an error of a code, in the driver's own words.
func (d *Driver) fault(e entry, code int32) error {
	name := strings.TrimSuffix(strings.TrimSuffix(entryNames[e], "_v2"), "_v3")
	return &Error{Call: name, Code: int(code), Name: d.word(cuGetErrorName, code, "unknown code"), Text: d.word(cuGetErrorString, code, "the driver says nothing about it")}
}

// word asks the driver for a name or text of a code.
func (d *Driver) word(e entry, code int32, otherwise string) string {
	words := new(*byte) // points to the driver's constant
	if invoke(d.at[e], uintptr(code), uintptr(unsafe.Pointer(words))) != 0 || *words == nil {
		return otherwise
	}
	return unsafe.String(*words, length(*words))
}

// length is that of a C string.
func length(s *byte) int {
	n := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(s), n)) != 0 {
		n++
	}
	return n
}

// join is errors.Join for the errors of things that are released one after the other.
func join(err error, more ...error) error { return errors.Join(append([]error{err}, more...)...) }
