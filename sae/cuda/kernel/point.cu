// point: gives latents a new start. A block for each pair of a latent and a row of the batch that choose has found: what the row's reconstruction misses
// becomes the latent's direction, in encoder and decoder, and AdamW forgets what it knew of it. A row of which nothing is missed changes nothing.
// Of the levels of e, (n,levels,d), each of which has those above it in its sum, it is own that counts.
#include "step.h"
#include "sum.h"

KERNEL(128, point, const u32 *starts, const float *e,
	float *dec, float *dec_m, float *dec_v, float *enc, float *enc_m, float *enc_v, float *benc, float *benc_m, float *benc_v, i64 *idle, int d, int levels, int own) {
	SHARED double part[4];
	if (block() >= (int)starts[0]) return; // all threads alike
	i64 l = starts[1 + block()];
	const float *at = e + ((i64)starts[9 + block()] * levels + own) * d;
	auto rest = [=](int j) { return own + 1 < levels ? at[j] - at[d + j] : at[j]; };
	double squares = 0;
	for (int j = thread(); j < d; j += threads()) squares += (double)rest(j) * rest(j);
	double norm = __builtin_sqrt(block_sum(squares, part));
	if (norm == 0) return; // all threads alike
	for (int j = thread(); j < d; j += threads()) {
		i64 at = l * d + j;
		dec[at] = enc[at] = (float)(-(double)rest(j) / norm);
		dec_m[at] = dec_v[at] = enc_m[at] = enc_v[at] = 0;
	}
	if (thread() == 0) {
		benc[l] = benc_m[l] = benc_v[l] = 0;
		idle[l] = 0;
	}
}
