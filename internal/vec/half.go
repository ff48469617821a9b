package vec

import (
	"encoding/binary"
	"math"
)

// The two kinds of 16-bit floats, as little-endian bytes: F16 is IEEE 754's binary16, with 1 sign, 5 exponent (bias 15) and 10 mantissa bits;
// BF16 is the upper half of a float32. Every one of either has an exact float32. What is rounded goes to the nearest, halves to even; NaN stays
// NaN with its sign and the upper bits of its payload.

// FromF16 writes to dst the len(dst) numbers of src. A NaN becomes a quiet one.
func FromF16(dst []float32, src []byte) { kernel.fromF16(dst, src[:2*len(dst)]) }

// ToF16 writes to dst the numbers of src, two bytes each.
func ToF16(dst []byte, src []float32) { kernel.toF16(dst[:2*len(src)], src) }

// FromBF16 writes to dst the len(dst) numbers of src.
func FromBF16(dst []float32, src []byte) { kernel.fromBF16(dst, src[:2*len(dst)]) }

// ToBF16 writes to dst the numbers of src, two bytes each.
func ToBF16(dst []byte, src []float32) { kernel.toBF16(dst[:2*len(src)], src) }

func fromF16Go(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = fromF16(binary.LittleEndian.Uint16(src[2*i:]))
	}
}

func toF16Go(dst []byte, src []float32) {
	for i, v := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], toF16(v))
	}
}

func fromBF16Go(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
	}
}

func toBF16Go(dst []byte, src []float32) {
	for i, v := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], toBF16(v))
	}
}

// fromF16 shifts exponent and mantissa into place. That leaves the exponent 112 too small; one exact multiplication by 2^112 repairs it, and
// makes normal numbers of the subnormal ones on the way.
func fromF16(h uint16) float32 {
	const repair = 0x1p112
	sign, rest := uint32(h&0x8000)<<16, uint32(h&0x7fff)<<13
	switch {
	case h&0x7fff > 0x7c00:
		return math.Float32frombits(sign | 0x7fc00000 | rest&0x007fffff)
	case h&0x7c00 == 0x7c00:
		return math.Float32frombits(sign | 0x7f800000)
	}
	return math.Float32frombits(sign | math.Float32bits(math.Float32frombits(rest)*repair))
}

func toF16(v float32) uint16 {
	const infinity, smallestNormal = 0x7c00, 0x38800000
	b := math.Float32bits(v)
	sign, b := uint16(b>>16&0x8000), b&0x7fffffff
	switch {
	case b > 0x7f800000:
		return sign | infinity | 0x200 | uint16(b>>13&0x3ff)
	case b < smallestNormal: // subnormal, a multiple of 2^-24; or, rounded up, the smallest normal number
		return sign | uint16(math.RoundToEven(float64(math.Float32frombits(b))*0x1p24))
	}
	b += 0xfff + b>>13&1 // half of what is cut off, less where that makes a half fall to the even side
	return sign | uint16(min((b-(112<<23))>>13, infinity))
}

func toBF16(v float32) uint16 {
	b := math.Float32bits(v)
	if v != v {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}
