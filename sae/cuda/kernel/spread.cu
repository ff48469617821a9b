// spread: moves each decoder row away from the one of its run that points most nearly the same way, w ← w - by·cos·w', and makes it of norm 1 again. A block for each
// run of 64 latents of who meets whom, order (m); w' is as it was before. Cosines are summed as the CPU does, to the bit.
#include "step.h"
#include "sum.h"

constexpr int run = 64, slice = 32, sum_run = 128;

KERNEL(256, spread, const u32 *order, float *dec, const Step *step, const Stats *stats, int m, int d) {
	SHARED float rows[run][slice + 1];
	SHARED float cosines[run][run];
	SHARED float by[run];
	SHARED int near[run];
	if (!stats->ok) return; // all threads alike
	int first = block() * run, many = least(run, m - first);
	order += first;
	float total[4][4] = {}, sum[4][4] = {};
	int tx = thread() % 16 * 4, ty = thread() / 16 * 4;
	for (int col = 0; col < d; col += slice) {
		for (int i = thread(); i < run * slice; i += threads())
			if (int r = i / slice, j = col + i % slice; true) rows[r][i % slice] = r < many && j < d ? dec[(i64)order[r] * d + j] : 0;
		sync(); // needed: the rows are there
		for (int j = 0; j < least(slice, d - col); j++)
			for (int a = 0; a < 4; a++)
				for (int b = 0; b < 4; b++) sum[a][b] = fma(rows[ty + a][j], rows[tx + b][j], sum[a][b]);
		sync(); // needed: they have been read
		if ((col + slice) % sum_run == 0 || col + slice >= d)
			for (int a = 0; a < 4; a++)
				for (int b = 0; b < 4; b++) total[a][b] += sum[a][b], sum[a][b] = 0;
	}
	for (int a = 0; a < 4; a++)
		for (int b = 0; b < 4; b++) cosines[ty + a][tx + b] = total[a][b];
	sync(); // needed: the cosines are whole
	if (thread() < many) {
		int own = thread(), at = -1;
		float most = 0;
		for (int o = 0; o < many; o++)
			if (o != own && cosines[own][o] > most) at = o, most = cosines[own][o];
		near[own] = at;
		by[own] = -step->spread * most;
	}
	for (int col = 0; col < d; col += slice) {
		for (int i = thread(); i < many * slice; i += threads())
			if (int j = col + i % slice; j < d) rows[i / slice][i % slice] = dec[(i64)order[i / slice] * d + j];
		sync(); // needed: the rows are there, and near
		for (int i = thread(); i < many * slice; i += threads()) {
			int r = i / slice, j = col + i % slice;
			if (j < d && near[r] >= 0) dec[(i64)order[r] * d + j] = fma(by[r], rows[near[r]][i % slice], rows[r][i % slice]);
		}
		sync(); // needed: they have been read
	}
	for (int r = thread() / warp; r < many; r += threads() / warp) {
		if (near[r] < 0) continue; // all lanes alike
		float *w = dec + (i64)order[r] * d;
		double squares = 0;
		for (int j = lane(); j < d; j += warp) squares += (double)w[j] * w[j];
		float shrink = (float)(1 / __builtin_sqrt(warp_sum(squares)));
		for (int j = lane(); j < d; j += warp) w[j] *= shrink;
	}
}
