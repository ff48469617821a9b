//go:build !cgo

package clip

import "fmt"

// Open opens the model in dir. Built without cgo it checks the description and the vocabulary, and returns ErrNoCgo.
func Open(dir string, o *Options) (Encoder, error) {
	d, err := ReadDescription(dir)
	if err != nil {
		return nil, err
	}
	if _, err := d.tokenizer(); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%w: it cannot encode pictures and texts; build it with CGO_ENABLED=1 and a C compiler", ErrNoCgo)
}

// CanEncode says whether this program was built with cgo.
const CanEncode = false

// CheckRuntime returns ErrNoCgo.
func CheckRuntime(library string) (version string, err error) { return "", ErrNoCgo }
