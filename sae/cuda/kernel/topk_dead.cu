// topk_dead: of the latents that have not fired for an epoch the most strongest of each row, as topk chooses. A block for each row, which returns at once where
// there are none. list is that of dead; index, act, count and fired are as in topk.
#include "largest.h"

KERNEL(256, topk_dead, const float *h, const u32 *list, const Dead *dead, u32 *index, float *act, u32 *count, u32 *fired, int m, int words, int most) {
	SHARED Search search;
	int silent = dead->many, row = block();
	if (silent == 0) return; // all threads alike
	auto v = [=](int i) { return h[(i64)row * m + list[i]]; };
	Bound cut = kth(v, silent, 0, most, 1, &search);
	Ranks ranks = {};
	for (int base = 0; base < silent; base += choosers) {
		int i = base + thread();
		u32 place;
		if (chosen(i < silent ? key(v(i)) : 0, cut, 0, ranks, search.part, &place)) {
			i64 at = (i64)row * most + place;
			index[at] = list[i];
			act[at] = v(i);
			atomic_or(&fired[(i64)list[i] * words + row / 32], 1u << row % 32);
		}
	}
	if (thread() == 0) count[row] = many(cut, 0, ranks);
}
