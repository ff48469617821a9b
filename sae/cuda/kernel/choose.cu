// choose: which latents are to start anew, and at which rows, by one block: the longest silent of those that are overdue, and the rows of the largest
// loss, at most 8, and no more than a quarter of the batch. Of equals the lower comes first. idle has a number for each of m latents, loss for each of n
// rows. starts is how many, then the latents, then the rows; point takes them from there.
#include "step.h"

constexpr int crew = 256, most = 8;

// Pick is a candidate: where, and how much of what counts.
struct Pick {
	u64 worth;
	u32 at;
};

DEVICE bool before(Pick a, Pick b) { return a.worth > b.worth || (a.worth == b.worth && a.at < b.at); }

// best finds the first of count candidates, in the order of before, that comes after the last one. worth says what one is worth.
template <class Worth> DEVICE Pick best(Worth worth, int count, Pick last, Pick *part) {
	Pick mine = {0, ~0u};
	for (int i = thread(); i < count; i += crew) {
		Pick p = {worth(i), (u32)i};
		if (before(last, p) && before(p, mine)) mine = p;
	}
	part[thread()] = mine;
	for (int half = crew / 2; half > 0; half /= 2) {
		sync(); // needed: the half above is whole
		if (thread() < half && before(part[thread() + half], part[thread()])) part[thread()] = part[thread() + half];
	}
	sync(); // needed: the first is known
	return part[0];
}

KERNEL(256, choose, const i64 *idle, const double *loss, Stats *stats, u32 *starts, int m, int n) {
	SHARED Pick of_latents[crew];
	SHARED Pick of_rows[crew];
	u32 late = stats->late; // 0 where no weights moved
	int count = least(late < most ? late : most, n / 4);
	if (thread() == 0) starts[0] = stats->revived = count;
	Pick latent = {~0ull, 0}, row = {~0ull, 0};
	for (int i = 0; i < count; i++) {
		latent = best([=](int l) { return (u64)idle[l]; }, m, latent, of_latents);
		row = best([=](int r) { return __builtin_bit_cast(u64, loss[r]); }, n, row, of_rows); // of numbers that are not below zero bits have the order
		if (thread() > 0) continue;
		starts[1 + i] = latent.at;
		starts[1 + most + i] = row.at;
	}
}
