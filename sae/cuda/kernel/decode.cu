// decode: a reconstruction, what it misses, and what that says to each activation. A block for each row.
//
//	y = Σ z_l W_dec[l]        e = scale·(y - c)        loss = ‖y - c‖² + l1·Σz        delta_l = e·W_dec[l] + penalty
//
// index, act, count are as topk leaves them, wdec is (m,d), c and e are (n,d), delta is (n,most). place is h of topk in another role: where latent l fires
// in a row, place[row,l] says at which place of the row's code. The sums over latents are those of the CPU, to the bit.
#include "step.h"
#include "sum.h"

KERNEL(128, decode, const u32 *index, const float *act, const u32 *count, const float *wdec, const float *c, const Step *step, float *e, float *delta, u32 *place, double *loss, int m, int d, int most) {
	SHARED double part[4];
	i64 row = block();
	int fires = count[row];
	index += row * most, act += row * most, delta += row * most;
	c += row * d, e += row * d, place += row * m;
	double sum = 0;
	for (int j = thread(); j < d; j += threads()) {
		float y = 0;
		for (int t = 0; t < fires; t++) y = fma(act[t], wdec[(i64)index[t] * d + j], y);
		float rest = y - c[j];
		e[j] = step->scale * rest;
		sum += (double)rest * rest;
	}
	if (step->l1 > 0)
		for (int t = thread(); t < fires; t += threads()) sum += step->l1 * act[t];
	sum = block_sum(sum, part); // whose sync also shows e to all
	if (thread() == 0) loss[row] = sum;
	for (int t = thread() / warp; t < fires; t += threads() / warp) {
		const float *w = wdec + (i64)index[t] * d;
		float dot = 0;
		for (int j = lane(); j < d; j += warp) dot = fma(e[j], w[j], dot);
		dot = warp_sum(dot);
		if (lane() == 0) {
			delta[t] = dot + step->penalty;
			place[index[t]] = t;
		}
	}
}
