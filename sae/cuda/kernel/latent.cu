// latent: everything that happens to one latent in a step, by one block; its gradients never reach memory.
//
//	∂L/∂W_dec[l] = Σ_i z_il e_i        ∂L/∂W_enc[l] = Σ_i delta_il in_i
//
// The rows in which it fires are walked through in ascending order, so the sums have one order. Where decoder rows keep norm 1 (unit), what
// would change the norm is taken out of the gradient, and after AdamW the row is made that long again. w, m and v of each tensor are given one after the
// other; gradient (m) is that of b_enc; idle (m) counts steps since a latent fired. A thread holds at most 8 columns: d is at most 2,048.
#include "step.h"
#include "sum.h"

constexpr int crew = 256, columns = 8, chunk = 8; // chunk: words of the bitmap at a time

struct Tensor {
	float *w, *m, *v;
};

// move is AdamW on the columns of a row.
DEVICE void move(const Step &step, float keep, Tensor t, i64 row, const float *g, int d) {
	for (int c = 0; c < columns; c++) {
		int j = c * crew + thread();
		if (j >= d) break;
		i64 at = row * d + j;
		t.w[at] = adamw(step, keep, t.w[at], &t.m[at], &t.v[at], g[c]);
	}
}

KERNEL(256, latent, const u32 *fired, const u32 *place, const float *act, const float *delta, const float *e, const float *in, const float *gradient,
	float *dec, float *dec_m, float *dec_v, float *enc, float *enc_m, float *enc_v, float *benc, float *benc_m, float *benc_v,
	i64 *idle, const Step *step, Stats *stats, int m, int d, int words, int most, int unit) {
	SHARED u32 rows[chunk * 32];
	SHARED float acts[chunk * 32];
	SHARED float deltas[chunk * 32];
	SHARED float part[crew / warp];
	SHARED double part2[crew / warp];
	if (!stats->ok) return; // all threads alike
	i64 l = block();
	const u32 *map = fired + l * words;
	float of_dec[columns] = {}, of_enc[columns] = {};
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
			for (int c = 0; c < columns; c++) {
				int j = c * crew + thread();
				if (j >= d) break;
				of_dec[c] = fma(acts[i], er[j], of_dec[c]);
				of_enc[c] = fma(deltas[i], ir[j], of_enc[c]);
			}
		}
		sync(); // needed: the list has been read
	}
	if (unit && fires) {
		float along = 0;
		for (int c = 0; c < columns; c++)
			if (int j = c * crew + thread(); j < d) along = fma(of_dec[c], dec[l * d + j], along);
		along = block_sum(along, part);
		for (int c = 0; c < columns; c++)
			if (int j = c * crew + thread(); j < d) of_dec[c] = fma(-along, dec[l * d + j], of_dec[c]);
	}
	move(*step, step->keep_dec, {dec, dec_m, dec_v}, l, of_dec, d);
	move(*step, step->keep_enc, {enc, enc_m, enc_v}, l, of_enc, d);
	if (unit) {
		double squares = 0;
		for (int j = thread(); j < d; j += crew) squares += (double)dec[l * d + j] * dec[l * d + j];
		float shrink = (float)(1 / __builtin_sqrt(block_sum(squares, part2)));
		for (int j = thread(); j < d; j += crew) dec[l * d + j] *= shrink;
	}
	if (thread() > 0) return;
	benc[l] = adamw(*step, step->keep_dec, benc[l], &benc_m[l], &benc_v[l], gradient[l]);
	i64 silent = fires ? 0 : idle[l] + 1;
	idle[l] = silent;
	if (silent >= step->epoch) atomic_add(&stats->dead, 1);
	if (silent > step->overdue) atomic_add(&stats->late, 1);
}
