// topk: the code of each row, relu(topk(h, k)), exactly: of equal pre-activations the lower latent fires, and NaN never does. A block for each row.
//
// h is (n,m), peak (n,groups) has the largest number of each 64 of it. index and act are (n,most): the latents that fire, ascending, and how strongly;
// count (n) how many. fired is a bitmap (m,words): bit i of row l says that latent l fires in row i of the batch; it must be zero before, and may be null.
//
// The k-th largest peak is a lower bound of the k-th largest number, so that most groups need not be looked at; see largest.h.
#include "largest.h"

KERNEL(256, topk, const float *h, const float *peak, const Step *step, u32 *index, float *act, u32 *count, u32 *fired, int m, int groups, int words, int most) {
	SHARED Search search;
	int row = block();
	const float *v = h + (i64)row * m, *top = peak + (i64)row * groups;
	u32 k = step->k, from = 1;
	if ((u32)groups >= k) from = kth([=](int i) { return top[i]; }, groups, 0, k, 1, &search).least;
	Bound cut = kth([=](int i) { return v[i]; }, m, top, k, from, &search);
	Ranks ranks = {};
	for (int base = 0; base < m; base += choosers) {
		bool any = false;
		for (int g = base / group; g < least((base + choosers) / group, groups); g++) any |= key(top[g]) >= cut.least;
		if (!any) continue; // all threads alike
		int l = base + thread();
		u32 place;
		if (chosen(l < m ? key(v[l]) : 0, cut, 0, ranks, search.part, &place)) {
			i64 at = (i64)row * most + place;
			index[at] = l;
			act[at] = v[l];
			if (fired) atomic_or(&fired[(i64)l * words + row / 32], 1u << row % 32);
		}
	}
	if (thread() == 0) count[row] = many(cut, 0, ranks);
}
