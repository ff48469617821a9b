package clip

import (
	"context"
	"errors"

	"github.com/saedb/saedb/clip/picture"
)

// Encoder puts pictures and texts into one vector space. Its methods may be called from any number of goroutines.
type Encoder interface {
	// Identity says which space the vectors lie in.
	Identity() Identity

	// Tensor appends the encoder's view of a picture, 3*side*side numbers in the order channel, row, column, to dst.
	Tensor(dst []float32, p *picture.Picture) []float32

	// Pictures returns the vectors of tensors that stand one after the other: n*Dim numbers, not normalised.
	Pictures(ctx context.Context, tensors []float32) ([]float32, error)

	// Texts returns the vectors of texts: len(texts)*Dim numbers, not normalised.
	Texts(ctx context.Context, texts []string) ([]float32, error)

	Close() error
}

// Identity names a vector space: vectors of two identities must not be compared.
type Identity struct {
	Name          string // of the model
	WeightsSHA256 string // of the weights' files, hexadecimal
	Preprocess    string // variant of the picture preprocessing
	Dim           int    // numbers in a vector
	Side          int    // of the square picture that the encoder sees, in pixels
}

var (
	// ErrNoCgo says that this program was built without cgo and so cannot encode; all else works.
	ErrNoCgo = errors.New("built without cgo")
	// ErrNoRuntime says that no usable ONNX Runtime library was found.
	ErrNoRuntime = errors.New("no ONNX Runtime")
	// ErrNoModel says that no model folder was found under a name.
	ErrNoModel = errors.New("no such encoder model")
	// ErrModel says that a model's files are not what saedb can run.
	ErrModel = errors.New("unusable encoder model")
)
