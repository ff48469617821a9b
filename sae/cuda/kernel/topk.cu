// topk: the code of each row, relu(topk(h, k)), exactly: of equal pre-activations the lower latent fires, and NaN never does. A block for each row.
//
// h is (n,m), peak (n,groups) has the largest number of each 64 of it. index and act are (n,most): the latents that fire, ascending, and how strongly;
// count (n) how many. fired is a bitmap (m,words): bit i of row l says that latent l fires in row i of the batch; it must be zero before.
//
// The k-th largest peak is a lower bound of the k-th largest number, so that most groups need not be looked at. A radix select over four digits of
// eight bits finds the k-th largest number itself. Positive floats have the order of their bits.
#include "step.h"

constexpr int group = 64, crew = 256, warps = crew / warp;

// key has the order of numbers above zero; all others are 0.
DEVICE u32 key(float v) { return v > 0 ? bits(v) : 0; }

// Bound is what fires: keys above least, and of those that equal it the first ties.
struct Bound {
	u32 least, ties;
};

// pick finds, from a histogram of the keys that begin with what is known, the digit of the k-th largest one; warp 0 does. It leaves the digit, and how
// many of the keys of that digit are wanted; a digit of 256 says that there are fewer than k keys.
DEVICE void pick(const u32 *histogram, u32 k, u32 *digit, u32 *wanted) {
	u32 mine = 0;
	for (int i = 0; i < 8; i++) mine += histogram[255 - lane() * 8 - i];
	u32 upto = mine;
	for (int places = 1; places < warp; places *= 2) {
		u32 below = shuffle_up(upto, places);
		if (lane() >= places) upto += below;
	}
	u32 before = upto - mine;
	if (lane() == warp - 1 && upto < k) *digit = 256;
	if (before >= k || upto < k) return;
	int at = 255 - lane() * 8;
	for (; before + histogram[at] < k; at--) before += histogram[at];
	*digit = at;
	*wanted = k - before;
}

// kth finds the Bound of the k largest of the numbers v whose key is at least from. peak, where there is one, has the largest of each group of v.
DEVICE Bound kth(const float *v, int count, const float *peak, u32 k, u32 from) {
	SHARED u32 histogram[256];
	SHARED u32 digit, wanted;
	u32 known = 0;
	for (int shift = 24; shift >= 0; shift -= 8) {
		histogram[thread()] = 0;
		sync(); // needed: it is empty
		for (int i = thread(); i < count; i += crew) {
			if (peak && key(peak[i / group]) < from) continue;
			u32 b = key(v[i]);
			if (b >= from && (shift == 24 || b >> (shift + 8) == known)) atomic_add(&histogram[b >> shift & 255], 1);
		}
		sync(); // needed: it is full
		if (thread() < warp) pick(histogram, k, &digit, &wanted);
		sync(); // needed: the digit is known
		if (digit == 256) return {from, ~0u};
		known = known << 8 | digit;
		k = wanted;
		// What the next round, or the next call, overwrites has been read by then: the histogram by warp 0 alone, before the last sync, and digit and
		// wanted are not written before two more.
	}
	return {known, k};
}

KERNEL(256, topk, const float *h, const float *peak, const Step *step, u32 *index, float *act, u32 *count, u32 *fired, int m, int groups, int words, int most) {
	SHARED u32 part[2][warps];
	int row = block();
	const float *v = h + (i64)row * m, *top = peak + (i64)row * groups;
	u32 k = step->k, from = 1;
	if ((u32)groups >= k) from = kth(top, groups, 0, k, 1).least;
	Bound cut = kth(v, m, top, k, from);
	u32 above = 0, equal = 0; // so far
	int round = 0;
	for (int base = 0; base < m; base += crew) {
		bool any = false;
		for (int g = base / group; g < least((base + crew) / group, groups); g++) any |= key(top[g]) >= cut.least;
		if (!any) continue; // all threads alike
		int l = base + thread();
		u32 b = l < m ? key(v[l]) : 0;
		u32 more = ballot(b > cut.least), same = ballot(b == cut.least), lower = (1u << lane()) - 1;
		u32 *sums = part[round++ % 2]; // the other one may still be read
		if (lane() == 0) sums[thread() / warp] = __builtin_popcount(more) << 16 | __builtin_popcount(same);
		sync(); // needed: the sums are whole
		u32 before = 0, all = 0;
		for (int w = 0; w < warps; w++) {
			if (w < thread() / warp) before += sums[w];
			all += sums[w];
		}
		u32 ahead = above + (before >> 16) + __builtin_popcount(more & lower);
		u32 twins = equal + (before & 0xffff) + __builtin_popcount(same & lower);
		if (b > cut.least || (b == cut.least && twins < cut.ties)) {
			i64 at = (i64)row * most + ahead + (twins < cut.ties ? twins : cut.ties);
			index[at] = l;
			act[at] = v[l];
			atomic_or(&fired[(i64)l * words + row / 32], 1u << row % 32);
		}
		above += all >> 16;
		equal += all & 0xffff;
	}
	if (thread() == 0) count[row] = above + (equal < cut.ties ? equal : cut.ties);
}
