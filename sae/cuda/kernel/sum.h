// Sums over a block, in an order that depends on its size alone.
#pragma once
#include "dev.h"

// warp_sum is the sum of v over the lanes of a warp, in each of them.
template <class T> DEVICE T warp_sum(T v) {
	for (int bits = warp / 2; bits > 0; bits /= 2) v += shuffle_xor(v, bits);
	return v;
}

// warp_dot is the product of two rows of width d, by the lanes of a warp, in each of them.
DEVICE float warp_dot(const float *a, const float *b, int d) {
	float dot = 0;
	for (int j = lane(); j < d; j += warp) dot = fma(a[j], b[j], dot);
	return warp_sum(dot);
}

// block_sum is the sum of v over all threads of a block of whole warps, at most 32, in each of them. part is shared, and free for other use after
// the next sync.
template <class T> DEVICE T block_sum(T v, T *part) {
	v = warp_sum(v);
	if (lane() == 0) part[thread() / warp] = v;
	sync(); // needed: part is whole
	T sum = 0;
	for (int w = 0; w < threads() / warp; w++) sum += part[w];
	return sum;
}
