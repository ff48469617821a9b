// measure: the loss of a step and the spread of its rows, by one block. loss, squares and count have a number for each row, c_sums (runs,d) are those of
// columns. Whether the loss is finite, and was in every step before, decides whether latent and bias move weights.
#include "step.h"
#include "sum.h"

KERNEL(256, measure, const double *loss, const double *squares, const u32 *count, const float *c_sums, Stats *stats, int n, int d, int runs) {
	SHARED double parts[3][8];
	double lost = 0, spread = 0, active = 0;
	for (int i = thread(); i < n; i += threads()) lost += loss[i], spread += squares[i], active += count[i];
	for (int j = thread(); j < d; j += threads()) {
		double column = 0;
		for (int r = 0; r < runs; r++) column += c_sums[(i64)r * d + j];
		spread -= column * column / n;
	}
	lost = block_sum(lost, parts[0]);
	spread = block_sum(spread, parts[1]);
	active = block_sum(active, parts[2]);
	if (thread() == 0) {
		stats->loss = lost;
		stats->spread = spread;
		stats->active = (u32)active;
		stats->ok = lost - lost == 0 && !stats->halt;
		stats->clip = 1;
	}
}
