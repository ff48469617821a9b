// settle: moves a latent along gradients that products left in memory, g_dec and g_enc (m,d) and gradient (m), by one block; see update.h. latent does the same
// from sparse codes.
#include "update.h"

KERNEL(256, settle, const u32 *fired, const float *g_dec, const float *g_enc, const float *gradient,
	float *dec, float *dec_m, float *dec_v, float *enc, float *enc_m, float *enc_v, float *benc, float *benc_m, float *benc_v,
	i64 *idle, const Step *step, Stats *stats, double *squares, int d, int words, int unit) {
	SHARED float any[movers / warp];
	SHARED Room room;
	if (!stats->ok) return; // all threads alike
	i64 l = block();
	u32 found = 0;
	for (int w = thread(); w < words; w += movers) found |= fired[l * words + w];
	bool fires = block_sum(found ? 1.f : 0.f, any) > 0;
	Gradients g = {};
	UNROLL
	for (int c = 0; c < columns; c++)
		if (int j = c * movers + thread(); j < d) g.dec[c] = g_dec[l * d + j], g.enc[c] = g_enc[l * d + j];
	g.bias = gradient[l];
	update(g, fires, fires, {{dec, dec_m, dec_v}, {enc, enc_m, enc_v}, {benc, benc_m, benc_v}, idle}, step, stats, squares, l, d, unit, &room);
}
