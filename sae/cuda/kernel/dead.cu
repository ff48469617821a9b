// dead: lists the latents that have not fired for an epoch, ascending, by one block; many of dead says how many they are.
#include "largest.h"

KERNEL(256, dead, const i64 *idle, const Step *step, u32 *list, Dead *dead, int m) {
	SHARED u32 part[2][choosing];
	Ranks ranks = {};
	for (int base = 0; base < m; base += choosers) {
		int l = base + thread();
		u32 place;
		if (chosen(l < m && idle[l] >= step->epoch, {0, 0}, 0, ranks, part, &place)) list[place] = l;
	}
	if (thread() == 0) dead->many = ranks.above;
}
