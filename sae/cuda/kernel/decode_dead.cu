// decode_dead: what the silent latents reconstruct of what the others leave of a row, rest (n,d), by decode's equations with the weight of dead. A block for each
// row, which returns at once where nothing is to be done.
#include "step.h"
#include "sum.h"

KERNEL(128, decode_dead, const u32 *index, const float *act, const u32 *count, const float *wdec, const float *rest, const Dead *dead, float *e, float *delta, double *loss, int d, int most) {
	SHARED double part[4];
	if (!(dead->weight > 0)) return; // all threads alike
	i64 row = block();
	int fires = count[row];
	index += row * most, act += row * most, delta += row * most;
	rest += row * d, e += row * d;
	double sum = 0;
	for (int j = thread(); j < d; j += threads()) {
		float y = 0;
		for (int t = 0; t < fires; t++) y = fma(act[t], wdec[(i64)index[t] * d + j], y);
		float miss = y - rest[j];
		e[j] = dead->scale * miss;
		sum += (double)miss * miss;
	}
	sum = block_sum(sum, part); // whose sync also shows e to all
	if (thread() == 0) loss[row] = sum;
	for (int t = thread() / warp; t < fires; t += threads() / warp) {
		float dot = warp_dot(e, wdec + (i64)index[t] * d, d);
		if (lane() == 0) delta[t] = dot;
	}
}
