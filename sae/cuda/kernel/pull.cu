// pull: the gradients of b_enc, and what they pull b_dec by. A block for each 32 latents.
//
//	gradient[l] = Σ_i delta_il        pulls[block] = Σ_l gradient[l] W_enc[l]
//
// fired (m,words), place (n,m) and delta (n,most) are as topk and decode leave them; pulls is (blocks,d). Without place delta is dense, (n,m).
#include "dev.h"
#include "sum.h"

constexpr int many = 32;

KERNEL(128, pull, const u32 *fired, const u32 *place, const float *delta, const float *wenc, float *gradient, float *pulls, int m, int d, int words, int most) {
	SHARED float own[many];
	int first = block() * many, latents = least(many, m - first);
	for (int i = thread() / warp; i < latents; i += threads() / warp) {
		i64 l = first + i;
		float sum = 0;
		for (int w = lane(); w < words; w += warp)
			for (u32 left = fired[l * words + w]; left; left &= left - 1) {
				i64 row = w * 32 + __builtin_ctz(left);
				sum += delta[place ? row * most + place[row * m + l] : row * m + l];
			}
		sum = warp_sum(sum);
		if (lane() == 0) own[i] = gradient[l] = sum;
	}
	sync(); // needed: own is whole
	for (int j = thread(); j < d; j += threads()) {
		float sum = 0;
		for (int i = 0; i < latents; i++)
			if (own[i] != 0) sum = fma(own[i], wenc[(i64)(first + i) * d + j], sum);
		pulls[(i64)block() * d + j] = sum;
	}
}
