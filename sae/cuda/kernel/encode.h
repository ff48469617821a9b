// The encoder's product on tensor cores, h = in·W_encᵀ + b_enc, and the largest pre-activation of each group of 64 latents, which are the columns of a warp:
// encode.cu is the same on plain cores. A block for 128 rows and 128 latents.
#pragma once
#include "product.h"

template <Format format>
DEVICE void encode(float *as, float *bs, const float *in, const float *wenc, const float *benc, float *h, float *peak, int n, int m, int d, int groups) {
	int row = block_y() * side<format>, latent = block() * side<format>;
	Sums<format> sums = product<format>(as, bs, Factor<true>{in, d, n, d}, Factor<true>{wenc, d, m, d}, row, latent);
	float best[4] = {}; // of each of the four rows: what is not above zero never fires
	int i = 0;
	each(sums, [&](int r, int c, float v) {
		int at = i / 32 * 2 + i / 2 % 2;
		i++;
		if (row + r >= n || latent + c >= m) return;
		v += benc[latent + c];
		h[(i64)(row + r) * m + latent + c] = v;
		if (v > best[at]) best[at] = v;
	});
	int group = block() * 2 + thread() / warp % 2;
	UNROLL
	for (int at = 0; at < 4; at++) {
		UNROLL
		for (int bits = 1; bits < 4; bits *= 2) {
			float other = shuffle_xor(best[at], bits);
			if (other > best[at]) best[at] = other;
		}
		int r = row + thread() / 64 * 32 + lane() / 4 + at * 8;
		if (lane() % 4 == 0 && r < n && group < groups) peak[(i64)r * groups + group] = best[at];
	}
}
