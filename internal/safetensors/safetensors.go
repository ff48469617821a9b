// Package safetensors reads and writes the safetensors file format: eight bytes with
// the length of a JSON header, the header, which names each tensor with its type,
// shape and place, and the raw little-endian numbers.
//
// A File owns its memory. The reader trusts nothing: every length is checked before
// anything is allocated by it, and tensors may neither overlap nor leave holes. The
// writer gives the same bytes for the same tensors and metadata.
package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/saedb/saedb/internal/vec"
)

// DType names the type of a tensor's numbers as the header spells it.
type DType string

// The types this package reads. It writes them too, from raw bytes.
const (
	F64  DType = "F64"
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
	I64  DType = "I64"
	I32  DType = "I32"
)

// size is the number of bytes of one number, 0 for a type this package does not know.
func (t DType) size() int64 {
	switch t {
	case F64, I64:
		return 8
	case F32, I32:
		return 4
	case F16, BF16:
		return 2
	}
	return 0
}

// Tensor is an array of numbers. Data holds them little-endian, the last index of
// Shape running fastest; an empty Shape is a single number.
type Tensor struct {
	DType DType
	Shape []int
	Data  []byte
}

// File is a set of named tensors and free metadata.
type File struct {
	Metadata map[string]string
	Tensors  map[string]Tensor
}

// Names returns the names of the tensors in sorted order.
func (f *File) Names() []string {
	names := make([]string, 0, len(f.Tensors))
	for n := range f.Tensors {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// PutF32 stores x under name as an F32 tensor, copying it. Without a shape it
// is a plain list. Write checks that the shape fits.
func (f *File) PutF32(name string, x []float32, shape ...int) {
	data := make([]byte, 4*len(x))
	for i, v := range x {
		binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(v))
	}
	f.put(name, Tensor{DType: F32, Data: data}, len(x), shape)
}

// PutI64 stores x under name as an I64 tensor, copying it. Without a shape it is a
// plain list, as with PutF32.
func (f *File) PutI64(name string, x []int64, shape ...int) {
	data := make([]byte, 8*len(x))
	for i, v := range x {
		binary.LittleEndian.PutUint64(data[8*i:], uint64(v))
	}
	f.put(name, Tensor{DType: I64, Data: data}, len(x), shape)
}

func (f *File) put(name string, t Tensor, n int, shape []int) {
	if shape == nil {
		shape = []int{n}
	}
	if f.Tensors == nil {
		f.Tensors = map[string]Tensor{}
	}
	t.Shape = shape
	f.Tensors[name] = t
}

// F32 returns a copy of a floating-point tensor as float32. With a shape given, the
// tensor must have it; -1 stands for any length.
func (f *File) F32(name string, shape ...int) ([]float32, error) {
	t, err := f.tensor(name, shape)
	if err != nil {
		return nil, err
	}
	x := make([]float32, len(t.Data)/int(t.DType.size()))
	switch t.DType {
	case F32:
		for i := range x {
			x[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
		}
	case F64:
		for i := range x {
			x[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(t.Data[8*i:])))
		}
	case F16:
		vec.FromF16(x, t.Data)
	case BF16:
		vec.FromBF16(x, t.Data)
	default:
		return nil, fmt.Errorf("safetensors: tensor %q is %s, a floating-point tensor is needed", name, t.DType)
	}
	return x, nil
}

// F64 is F32 for a tensor of doubles, or of singles widened.
func (f *File) F64(name string, shape ...int) ([]float64, error) {
	t, err := f.tensor(name, shape)
	if err != nil {
		return nil, err
	}
	if t.DType != F64 {
		x, err := f.F32(name, shape...)
		wide := make([]float64, len(x))
		for i, v := range x {
			wide[i] = float64(v)
		}
		return wide, err
	}
	x := make([]float64, len(t.Data)/8)
	for i := range x {
		x[i] = math.Float64frombits(binary.LittleEndian.Uint64(t.Data[8*i:]))
	}
	return x, nil
}

// I64 returns a copy of an integer tensor.
func (f *File) I64(name string, shape ...int) ([]int64, error) {
	t, err := f.tensor(name, shape)
	if err != nil {
		return nil, err
	}
	x := make([]int64, len(t.Data)/int(t.DType.size()))
	for i := range x {
		switch t.DType {
		case I64:
			x[i] = int64(binary.LittleEndian.Uint64(t.Data[8*i:]))
		case I32:
			x[i] = int64(int32(binary.LittleEndian.Uint32(t.Data[4*i:])))
		default:
			return nil, fmt.Errorf("safetensors: tensor %q is %s, an integer tensor is needed", name, t.DType)
		}
	}
	return x, nil
}

// tensor finds a tensor and checks its shape against the one asked for, if any.
func (f *File) tensor(name string, shape []int) (Tensor, error) {
	t, ok := f.Tensors[name]
	if !ok {
		return t, fmt.Errorf("safetensors: no tensor %q; the file has %q", name, f.Names())
	}
	if want, err := t.bytes(); err != nil || want != int64(len(t.Data)) {
		return t, fmt.Errorf("safetensors: tensor %q of %s%v has %d bytes", name, t.DType, t.Shape, len(t.Data))
	}
	if shape == nil {
		return t, nil
	}
	if !slices.EqualFunc(t.Shape, shape, func(is, want int) bool { return want == -1 || is == want }) {
		return t, fmt.Errorf("safetensors: tensor %q has shape %v, not %v", name, t.Shape, shape)
	}
	return t, nil
}

// bytes returns the length of the data that type and shape ask for.
func (t Tensor) bytes() (int64, error) {
	n := t.DType.size()
	if n == 0 {
		return 0, fmt.Errorf("type %q is not one of F64, F32, F16, BF16, I64, I32", t.DType)
	}
	for _, d := range t.Shape {
		if d < 0 {
			return 0, fmt.Errorf("shape %v has a negative length", t.Shape)
		}
		if d > 0 && n > math.MaxInt64/int64(d) {
			return 0, fmt.Errorf("shape %v is too large", t.Shape)
		}
		n *= int64(d)
	}
	return n, nil
}
