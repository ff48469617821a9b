package vec

import "math"

// A weight is an activation in one byte. All activations of a block share a step, a power of two, and the weight of one is the number of
// steps that reach it: (w-1)·step < act <= w·step. Because steps are powers of two, rounding up in two stages is rounding up in one:
// a weight brought to a coarser step is the weight that the activation itself would have had. That makes merging associative.

// smallestStep is the smallest number above zero that float32 has, so that every w·step is one too, exactly.
const smallestStep = -149

// Step returns the smallest power of two by which 255 steps reach largest, which is finite and above zero.
func Step(largest float32) float32 {
	frac, exp := math.Frexp(float64(largest)) // frac·2^exp, frac in [1/2, 1)
	exp -= 8
	if frac > 255./256 {
		exp++
	}
	return float32(math.Ldexp(1, max(exp, smallestStep)))
}

// Weight returns the number of steps, from 1 to 255, that reach act, which is above zero and at most 255 steps.
func Weight(act, step float32) byte {
	return byte(math.Ceil(float64(act) / float64(step))) // exact before it is rounded up: step is a power of two
}

// Weigh appends the weights of activations, all finite, in steps of Step of the largest of them, and returns the largest and the smallest. An
// activation of 0 has the weight 0 and is left out of both.
func Weigh(dst []byte, acts []float32) (weights []byte, largest, smallest float32) {
	for _, a := range acts {
		largest = max(largest, a)
		if a > 0 && (smallest == 0 || a < smallest) {
			smallest = a
		}
	}
	step := Step(largest)
	for _, a := range acts {
		w := byte(0)
		if a > 0 {
			w = Weight(a, step)
		}
		dst = append(dst, w)
	}
	return dst, largest, smallest
}

// Coarsen brings weights of one step to a larger one. A weight of 0 stays 0.
func Coarsen(weights []byte, from, to float32) {
	_, a := math.Frexp(float64(from))
	_, b := math.Frexp(float64(to))
	shift := uint(b - a)
	if shift == 0 {
		return
	}
	shift = min(shift, 8)
	up := 1<<shift - 1
	for i, w := range weights {
		weights[i] = byte((int(w) + up) >> shift)
	}
}
