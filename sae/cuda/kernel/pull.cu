// pull: the gradients of b_enc, and what they pull b_dec by. A block for each 32 latents.
//
//	gradient[l] = Σ_i delta_il        pulls[block] = Σ_l gradient[l] W_enc[l]
//
// fired (m,words), place (n,m) and delta (n,most) are as topk and decode leave them; pulls is (blocks,d). Without place delta is dense, (n,m). Where dead is not null,
// the silent latents' gradients are added, as topk_dead and decode_dead leave them.
#include "code.h"
#include "step.h"
#include "sum.h"

constexpr int latents_a_block = 32;

// over sums delta, of row and place, over the rows of a latent's bitmap, a word at a time for each lane.
template <class Delta> DEVICE float over(const u32 *map, int words, Delta delta) {
	float sum = 0;
	for (int w = lane(); w < words; w += warp)
		for (u32 left = map[w]; left; left &= left - 1) sum += delta((i64)w * 32 + __builtin_ctz(left));
	return sum;
}

KERNEL(128, pull, const u32 *fired, const u32 *place, const float *delta, const Dead *dead, const u32 *dead_fired, const u32 *dead_index, const u32 *dead_count, const float *dead_delta,
	const float *wenc, float *gradient, float *pulls, int m, int d, int words, int most, int dead_most) {
	SHARED float own[latents_a_block];
	int first = block() * latents_a_block, latents = least(latents_a_block, m - first);
	for (int i = thread() / warp; i < latents; i += threads() / warp) {
		i64 l = first + i;
		float sum = over(fired + l * words, words, [=](i64 row) { return delta[place ? row * most + place[row * m + l] : row * m + l]; });
		if (dead && dead->weight > 0)
			sum += over(dead_fired + l * words, words, [=](i64 row) { return dead_delta[row * dead_most + find(dead_index + row * dead_most, dead_count[row], l)]; });
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
