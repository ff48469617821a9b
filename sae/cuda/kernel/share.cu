// share: leaves, of the activations of a whole batch, the step's share strongest, of equal ones those of the earlier row and then of the lower latent. A block for
// each row, whose code is closed up where it lies; then its latents are entered into fired, and the least activation into stats.
//
// index, act (n,most) and count are as topk leaves them, without fired; tallies and ties are those of tally.
#include "batch.h"
#include "sum.h"

KERNEL(256, share, u32 *index, float *act, u32 *count, const Step *step, const u32 *tallies, const u32 *ties, u32 *fired, Stats *stats, int words, int most) {
	SHARED Digits digits;
	SHARED u32 part[choosing];
	SHARED u32 sums[2][choosing];
	int row = block();
	index += (i64)row * most, act += (i64)row * most;
	Prefix p = begin(tallies, step->share, 4, &digits);
	Bound cut = {p.digits, p.wanted}; // above zero where nothing is known: all of them
	u32 earlier = 0; // that equal the least, in rows before
	for (int r = thread(); p.known && r < row; r += threads()) earlier += ties[r];
	earlier = block_sum(earlier, part);
	int fires = count[row];
	Ranks ranks = {};
	for (int base = 0; base < fires; base += choosers) {
		int t = base + thread();
		u32 l = t < fires ? index[t] : 0, place;
		float a = t < fires ? act[t] : 0;
		if (chosen(key(a), cut, earlier, ranks, sums, &place)) { // place is not above t, and all of these have been read
			index[place] = l;
			act[place] = a;
			atomic_or(&fired[(i64)l * words + row / 32], 1u << row % 32);
			atomic_max(&stats->least, ~bits(a));
		}
	}
	if (thread() == 0) count[row] = many(cut, earlier, ranks);
}
