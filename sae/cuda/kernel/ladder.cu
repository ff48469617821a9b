// ladder: the levels at which a code is cut. A block for each row.
//
// rungs (levels) are numbers of active latents, ascending: a latent belongs to the first of them that its activation is among, of equal ones the lower latent first; or,
// with prefix, numbers of latents: to the first of them that it is below. level (n,most) is that of each latent of a code; order (n,most) has the places of the code
// level after level, ascending within each, and ends (n,levels) where each level ends there.
#include "dev.h"

KERNEL(128, ladder, const u32 *index, const float *act, const u32 *count, const u32 *rungs, u32 *level, u32 *order, u32 *ends, int most, int levels, int prefix) {
	i64 row = block();
	int fires = count[row];
	index += row * most, act += row * most, level += row * most, order += row * most, ends += row * levels;
	for (int t = thread(); t < fires; t += threads()) {
		u32 rank = index[t], at = 0;
		if (!prefix) {
			rank = 0;
			for (int u = 0; u < fires; u++) rank += act[u] > act[t] || (act[u] == act[t] && u < t);
		}
		while (rank >= rungs[at]) at++;
		level[t] = at;
	}
	sync(); // needed: the levels are known
	for (int t = thread(); t < fires; t += threads()) {
		u32 place = t; // latents ascend, and prefixes with them
		if (!prefix) {
			place = 0;
			for (int u = 0; u < fires; u++) place += level[u] < level[t] || (level[u] == level[t] && u < t);
		}
		order[place] = t;
	}
	for (int at = thread(); at < levels; at += threads()) {
		u32 end = 0;
		for (int u = 0; u < fires; u++) end += (int)level[u] <= at;
		ends[at] = end;
	}
}
