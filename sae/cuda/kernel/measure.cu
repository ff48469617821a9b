// measure: the loss of a step and the spread of its rows, by one block. loss, own, squares and count have a number for each row, c_sums (runs,d) are those of
// columns. Whether the loss is finite, and was in every step before, decides whether weights are moved. Of a row at most cap latents count as active. Where dead is not null, it gets the weight of the
// silent latents' loss, step->aux·min(many/dead_most, 1)/Σown; 0: there is nothing for them to explain, or nobody to do it.
#include "step.h"
#include "sum.h"

KERNEL(256, measure, const double *loss, const double *own, const double *squares, const u32 *count, const float *c_sums, const Step *step, Stats *stats, Dead *dead, int n, int d, int runs, int cap, int dead_most) {
	SHARED double parts[4][8];
	double lost = 0, missed = 0, spread = 0, active = 0;
	for (int i = thread(); i < n; i += threads()) lost += loss[i], missed += own[i], spread += squares[i], active += least(count[i], cap);
	for (int j = thread(); j < d; j += threads()) {
		double column = 0;
		for (int r = 0; r < runs; r++) column += c_sums[(i64)r * d + j];
		spread -= column * column / n;
	}
	lost = block_sum(lost, parts[0]);
	missed = block_sum(missed, parts[1]);
	spread = block_sum(spread, parts[2]);
	active = block_sum(active, parts[3]);
	if (thread() > 0) return;
	stats->loss = lost;
	stats->own = missed;
	stats->spread = spread;
	stats->active = (u32)active;
	stats->ok = lost - lost == 0 && !stats->halt;
	stats->clip = 1;
	if (!dead) return;
	double share = (double)dead->many / dead_most;
	dead->weight = dead->many > 0 && missed > 0 ? step->aux * (share < 1 ? share : 1) / missed : 0;
	dead->scale = (float)(2 * dead->weight);
}
