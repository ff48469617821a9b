// latent: everything that happens to one latent in a step, by one block; its gradients never reach memory.
//
//	∂L/∂W_dec[l] = Σ_i z_il e_i        ∂L/∂W_enc[l] = Σ_i delta_il in_i
//
// The rows in which it fires are walked through in ascending order, so the sums have one order; after them those in which it is to explain what the others leave, if
// dead is not null. w, m and v of each tensor are given one after the other; gradient (m) is that of b_enc; idle (m) counts steps since a latent fired, at the level own
// or below. squares (m) may be null; see update.h. The codes are as topk, ladder and decode leave them, and those of the dead as topk_dead and decode_dead do; with one level,
// level is null.
#include "update.h"
#include "code.h"

constexpr int chunk = 8; // words of the bitmap at a time

// List is the rows of a chunk in which a latent fires, how strongly, what it is to hear, and of which row of e.
struct List {
	u32 rows[chunk * 32], heard[chunk * 32];
	float acts[chunk * 32], deltas[chunk * 32];
};

// walk adds up the gradients over the rows of a latent's bitmap. at says where a row's code has the latent, hear of a row and that place which row of e it hears.
template <class At, class Hear>
DEVICE bool walk(Gradients &g, const u32 *map, const float *act, const float *delta, const float *e, const float *in, int d, int words, int most, List *list, At at, Hear hear) {
	bool told = false;
	for (int first = 0; first < words; first += chunk) {
		u32 found = 0, rank = 0, mine = 0;
		for (int w = 0; w < least(chunk, words - first); w++) {
			u32 word = map[first + w];
			if (w == thread() / 32) rank = found + __builtin_popcount(word & ((1u << thread() % 32) - 1)), mine = word >> thread() % 32 & 1;
			found += __builtin_popcount(word);
		}
		if (found == 0) continue; // all threads alike
		told = true;
		if (mine) {
			i64 row = first * 32 + thread();
			u32 t = at(row);
			list->rows[rank] = row;
			list->heard[rank] = hear(row, t);
			list->acts[rank] = act[row * most + t];
			list->deltas[rank] = delta[row * most + t];
		}
		sync(); // needed: the list is whole
		for (u32 i = 0; i < found; i++) {
			const float *er = e + (i64)list->heard[i] * d, *ir = in + (i64)list->rows[i] * d;
			UNROLL
			for (int c = 0; c < columns; c++) {
				int j = c * movers + thread();
				if (j >= d) break;
				g.dec[c] = fma(list->acts[i], er[j], g.dec[c]);
				g.enc[c] = fma(list->deltas[i], ir[j], g.enc[c]);
			}
		}
		sync(); // needed: the list has been read
	}
	return told;
}

KERNEL(256, latent, const u32 *fired, const u32 *place, const float *act, const float *delta, const u32 *level, const float *e, const float *in, const float *gradient,
	const Dead *dead, const u32 *dead_fired, const u32 *dead_index, const float *dead_act, const u32 *dead_count, const float *dead_delta, const float *dead_e,
	float *dec, float *dec_m, float *dec_v, float *enc, float *enc_m, float *enc_v, float *benc, float *benc_m, float *benc_v,
	i64 *idle, const Step *step, Stats *stats, double *squares, int m, int d, int words, int most, int dead_most, int levels, int own, int unit) {
	SHARED List list;
	SHARED Room room;
	SHARED u32 fires;
	if (!stats->ok) return; // all threads alike
	i64 l = block();
	if (thread() == 0) fires = 0;
	sync(); // needed: nothing is known to fire
	Gradients g = {};
	bool told = walk(g, fired + l * words, act, delta, e, in, d, words, most, &list, [=](i64 row) { return place[row * m + l]; }, [=](i64 row, u32 t) {
		int v = level ? level[row * most + t] : 0;
		if (v <= own) atomic_or(&fires, 1);
		return (u32)(row * levels + v);
	});
	if (dead && dead->weight > 0)
		told |= walk(g, dead_fired + l * words, dead_act, dead_delta, dead_e, in, d, words, dead_most, &list,
			[=](i64 row) { return find(dead_index + row * dead_most, dead_count[row], l); }, [=](i64 row, u32) { return (u32)row; });
	g.bias = gradient[l];
	update(g, told, fires, {{dec, dec_m, dec_v}, {enc, enc_m, enc_v}, {benc, benc_m, benc_v}, idle}, step, stats, squares, l, d, unit, &room);
}
