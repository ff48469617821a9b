// tally: how often each digit occurs in the activations of a whole batch, of those that begin with the digits of the share-th largest, for BatchTopK: rounds 0 to 3,
// one after the other. Round 4 instead counts, for each row, those that equal it. A block for each row.
//
// act (n,most) and count (n) are as topk leaves them; tallies (4,256) must be zero before; ties is (n).
#include "batch.h"

KERNEL(256, tally, const float *act, const u32 *count, const Step *step, u32 *tallies, u32 *ties, int most, int round) {
	SHARED Digits digits;
	SHARED u32 own[256];
	i64 row = block();
	act += row * most;
	Prefix p = begin(tallies, step->share, round, &digits);
	own[thread()] = 0;
	sync(); // needed: it is empty
	int shift = 24 - 8 * round;
	for (int t = thread(); t < (int)count[row] && p.known; t += threads()) {
		u32 b = key(act[t]);
		if (round == 4 ? b == p.digits : round == 0 || b >> (shift + 8) == p.digits) atomic_add(&own[round == 4 ? 0 : b >> shift & 255], 1);
	}
	sync(); // needed: it is full
	if (round == 4) {
		if (thread() == 0) ties[row] = own[0];
	} else if (own[thread()] > 0) {
		atomic_add(&tallies[round * 256 + thread()], own[thread()]);
	}
}
