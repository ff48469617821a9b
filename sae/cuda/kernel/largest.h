// Exact choices of the k largest of many numbers, by a block of 256 threads: of equal ones the first, and NaN never. A radix select over four digits of eight bits
// finds the k-th largest number. Positive floats have the order of their bits.
#pragma once
#include "step.h"

constexpr int group = 64, choosers = 256, choosing = choosers / warp;

// key has the order of numbers above zero; all others are 0.
DEVICE u32 key(float v) { return v > 0 ? bits(v) : 0; }

// Bound is what is chosen: keys above least, and of those that equal it the first ties.
struct Bound {
	u32 least, ties;
};

// Search is what a choice needs of shared memory.
struct Search {
	u32 histogram[256];
	u32 digit, wanted;
	u32 part[2][choosing];
};

// pick finds, from a histogram of the keys that begin with what is known, the digit of the k-th largest one; a warp does. It leaves the digit, and how
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

// kth finds the Bound of the k largest of the numbers v(0) to v(count-1) whose key is at least from. peak, where there is one, has the largest of each group of them.
template <class Values> DEVICE Bound kth(Values v, int count, const float *peak, u32 k, u32 from, Search *s) {
	u32 known = 0;
	for (int shift = 24; shift >= 0; shift -= 8) {
		s->histogram[thread()] = 0;
		sync(); // needed: it is empty
		for (int i = thread(); i < count; i += choosers) {
			if (peak && key(peak[i / group]) < from) continue;
			u32 b = key(v(i));
			if (b >= from && (shift == 24 || b >> (shift + 8) == known)) atomic_add(&s->histogram[b >> shift & 255], 1);
		}
		sync(); // needed: it is full
		if (thread() < warp) pick(s->histogram, k, &s->digit, &s->wanted);
		sync(); // needed: the digit is known
		if (s->digit == 256) return {from, ~0u};
		known = known << 8 | s->digit;
		k = s->wanted;
		// What the next round, or the next call, overwrites has been read by then: the histogram by warp 0 alone, before the last sync, and digit and
		// wanted are not written before two more.
	}
	return {known, k};
}

// Ranks is how many of the numbers so far were above a bound, and how many equal it.
struct Ranks {
	u32 above, equal;
	int round;
};

// chosen says of the numbers of 256 keys in a row, one of each thread, whether each is within the bound, and if so at which place of all that are. ties of them were
// before the first of all.
DEVICE bool chosen(u32 b, Bound cut, u32 before_all, Ranks &so_far, u32 (*part)[choosing], u32 *place) {
	u32 more = ballot(b > cut.least), same = ballot(b == cut.least), lower = (1u << lane()) - 1;
	u32 *sums = part[so_far.round++ % 2]; // the other one may still be read
	if (lane() == 0) sums[thread() / warp] = __builtin_popcount(more) << 16 | __builtin_popcount(same);
	sync(); // needed: the sums are whole
	u32 before = 0, all = 0;
	for (int w = 0; w < choosing; w++) {
		if (w < thread() / warp) before += sums[w];
		all += sums[w];
	}
	u32 left = cut.ties > before_all ? cut.ties - before_all : 0;
	u32 ahead = so_far.above + (before >> 16) + __builtin_popcount(more & lower);
	u32 twins = so_far.equal + (before & 0xffff) + __builtin_popcount(same & lower);
	so_far.above += all >> 16;
	so_far.equal += all & 0xffff;
	*place = ahead + (twins < left ? twins : left);
	return b > cut.least || (b == cut.least && twins < left);
}

// many is how many were chosen.
DEVICE u32 many(Bound cut, u32 before_all, Ranks all) {
	u32 left = cut.ties > before_all ? cut.ties - before_all : 0;
	return all.above + (all.equal < left ? all.equal : left);
}
