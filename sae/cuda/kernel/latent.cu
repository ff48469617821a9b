// latent: everything that happens to one latent in a step, by one block; its gradients never reach memory.
//
//	∂L/∂W_dec[l] = Σ_i z_il e_i        ∂L/∂W_enc[l] = Σ_i delta_il in_i
//
// The rows in which it fires are walked through in ascending order, so the sums have one order. w, m and v of each tensor are given one after the
// other; gradient (m) is that of b_enc; idle (m) counts steps since a latent fired. squares (m) may be null; see update.h.
#include "update.h"

constexpr int chunk = 8; // words of the bitmap at a time

KERNEL(256, latent, const u32 *fired, const u32 *place, const float *act, const float *delta, const float *e, const float *in, const float *gradient,
	float *dec, float *dec_m, float *dec_v, float *enc, float *enc_m, float *enc_v, float *benc, float *benc_m, float *benc_v,
	i64 *idle, const Step *step, Stats *stats, double *squares, int m, int d, int words, int most, int unit) {
	SHARED u32 rows[chunk * 32];
	SHARED float acts[chunk * 32];
	SHARED float deltas[chunk * 32];
	SHARED Room room;
	if (!stats->ok) return; // all threads alike
	i64 l = block();
	const u32 *map = fired + l * words;
	Gradients g = {};
	bool fires = false;
	for (int first = 0; first < words; first += chunk) {
		u32 found = 0, rank = 0, mine = 0;
		for (int w = 0; w < least(chunk, words - first); w++) {
			u32 word = map[first + w];
			if (w == thread() / 32) rank = found + __builtin_popcount(word & ((1u << thread() % 32) - 1)), mine = word >> thread() % 32 & 1;
			found += __builtin_popcount(word);
		}
		if (found == 0) continue; // all threads alike
		fires = true;
		if (mine) {
			i64 row = first * 32 + thread();
			u32 at = place[row * m + l];
			rows[rank] = row;
			acts[rank] = act[row * most + at];
			deltas[rank] = delta[row * most + at];
		}
		sync(); // needed: the list is whole
		for (u32 i = 0; i < found; i++) {
			const float *er = e + (i64)rows[i] * d, *ir = in + (i64)rows[i] * d;
			UNROLL
			for (int c = 0; c < columns; c++) {
				int j = c * movers + thread();
				if (j >= d) break;
				g.dec[c] = fma(acts[i], er[j], g.dec[c]);
				g.enc[c] = fma(deltas[i], ir[j], g.enc[c]);
			}
		}
		sync(); // needed: the list has been read
	}
	g.bias = gradient[l];
	update(g, fires, fires, {{dec, dec_m, dec_v}, {enc, enc_m, enc_v}, {benc, benc_m, benc_v}, idle}, step, stats, squares, l, d, unit, &room);
}
