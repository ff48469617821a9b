package npy

import "math"

// fromHalf returns the float32 of an IEEE 754 binary16 value; every one of the 65,536 has an exact float32.
//
// A half is 1 sign, 5 exponent (bias 15) and 10 mantissa bits; a float32 is 1, 8 (bias 127) and 23. Shifting the
// exponent and the mantissa into place leaves the exponent 112 too small, so one exact multiplication by 2^112 repairs
// it, and makes normal numbers of the subnormal ones on the way.
func fromHalf(h uint16) float32 {
	const repair = 0x1p112
	sign := uint32(h&0x8000) << 16
	rest := uint32(h&0x7fff) << 13
	if h&0x7c00 == 0x7c00 { // infinity, NaN: keep the payload
		return math.Float32frombits(sign | 0x7f800000 | rest&0x007fffff)
	}
	return math.Float32frombits(sign | math.Float32bits(math.Float32frombits(rest)*repair))
}
