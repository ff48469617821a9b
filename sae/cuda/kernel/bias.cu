// bias: moves b_dec, which is both added to the output and taken from the input: its gradient is Σ e_i - Σ_l gradient[l] W_enc[l]. A block of 32 by 8
// threads for each 32 columns. e_sums (runs,d) are those of columns, pulls (blocks,d) those of pull. With whole (d) nothing moves: it
// becomes the gradient.
#include "step.h"

constexpr int wide = 32, tall = 8;

// sum adds up the rows of a column that are this thread's.
DEVICE float sum(const float *a, int rows, int j, int d) {
	float s = 0;
	for (int r = thread_y(); r < rows; r += tall) s += a[(i64)r * d + j];
	return s;
}

KERNEL(256, bias, const float *e_sums, const float *pulls, float *bdec, float *bdec_m, float *bdec_v, const Step *step, const Stats *stats, float *whole, int runs, int blocks, int d) {
	SHARED float part[tall][wide];
	if (!stats->ok) return; // all threads alike
	int j = block() * wide + thread();
	if (j < d) part[thread_y()][thread()] = sum(e_sums, runs, j, d) - sum(pulls, blocks, j, d);
	sync(); // needed: part is whole
	if (j >= d || thread_y() > 0) return;
	float g = 0;
	for (int y = 0; y < tall; y++) g += part[y][thread()];
	if (whole) whole[j] = g;
	else bdec[j] = adamw(*step, step->keep_dec, bdec[j], &bdec_m[j], &bdec_v[j], stats->clip * g);
}
