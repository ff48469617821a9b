package kv

import (
	"encoding/binary"
	"math"
	"slices"
	"unsafe"
)

// littleEndian: the numbers lie in memory as in values, and are copied as they are.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// AppendVector appends the numbers as f32.
func AppendVector(dst []byte, x []float32) []byte {
	if littleEndian {
		return append(dst, bytesOf(x)...)
	}
	return appendPlain(dst, x)
}

// appendPlain is AppendVector number by number.
func appendPlain(dst []byte, x []float32) []byte {
	for _, f := range x {
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(f))
	}
	return dst
}

// DecodeVector appends dim numbers to dst.
func DecodeVector(dst []float32, v []byte, dim int) ([]float32, error) {
	if len(v) != 4*dim {
		return dst, Corruptf("vector of %d bytes, want %d", len(v), 4*dim)
	}
	n := len(dst)
	dst = slices.Grow(dst, dim)[:n+dim]
	if littleEndian {
		copy(bytesOf(dst[n:]), v)
	} else {
		decodePlain(dst[n:], v)
	}
	if !finite(v) {
		i := slices.IndexFunc(dst[n:], func(f float32) bool { return f-f != 0 })
		return dst[:n], Corruptf("vector: element %d is %v", i, dst[n+i])
	}
	return dst, nil
}

// decodePlain reads len(x) numbers, number by number.
func decodePlain(x []float32, v []byte) {
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(v[4*i:]))
	}
}

// finite reports whether none of the numbers is infinite or NaN: they have an exponent of all ones, and adding 1 to it reaches the sign's
// bit. Two numbers are one word.
func finite(v []byte) bool {
	const exponents, one, signs = 0x7f800000_7f800000, 0x00800000_00800000, 0x80000000_80000000
	odd := uint64(0)
	for ; len(v) >= 32; v = v[32:] {
		w := (*[32]byte)(v) // its bounds are known
		a, b := binary.LittleEndian.Uint64(w[:]), binary.LittleEndian.Uint64(w[8:])
		c, d := binary.LittleEndian.Uint64(w[16:]), binary.LittleEndian.Uint64(w[24:])
		odd |= (a&exponents + one) | (b&exponents + one) | (c&exponents + one) | (d&exponents + one)
	}
	for ; len(v) >= 4; v = v[4:] {
		odd |= uint64(binary.LittleEndian.Uint32(v))&exponents + one
	}
	return odd&signs == 0
}

func bytesOf(x []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
}
