// next: begins a step. One block keeps what the step before had to tell, and brings what this one needs to where the kernels look for it: the optimiser's
// numbers, and which rows are the batch. So every step is started alike, and the same recording does any number of them.
//
// table and told have a place for each step of an epoch; order is the order of its rows, rows (n) those of the batch. After a step whose loss is no
// finite number no step moves anything until the host has begun anew: told ends with the one that failed.
#include "step.h"

KERNEL(256, next, Place *place, const Step *table, const u32 *order, Stats *told, Step *step, Stats *stats, u32 *rows, int n) {
	Place p = *place;
	bool halt = !p.fresh && (stats->halt || !stats->ok);
	sync(); // needed: all have seen it as it was
	if (thread() == 0) {
		if (!p.fresh && !stats->halt) told[p.at - 1] = *stats;
		*stats = {};
		stats->halt = halt;
		if (!halt) {
			*step = table[p.at];
			place->at = p.at + 1;
			place->fresh = 0;
		}
	}
	if (halt) return; // all threads alike
	for (u32 i = thread(); i < (u32)n; i += threads()) {
		if (p.listed) rows[i] = order[(i64)p.at * n + i];
		else rows[i] = p.base + (p.at - p.first) * n + i;
	}
}
