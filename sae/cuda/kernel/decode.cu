// decode: reconstructions at every level of a code, what they miss, and what that says to each activation. A block for each row.
//
//	y_v = Σ z_l W_dec[l] over the latents of levels up to v        miss_v = y_v - c        loss = Σ weight_v·‖miss_v‖² + l1·Σz
//	e_v = Σ scale·weight_u·miss_u over the levels u from v on      delta_l = e·W_dec[l] + penalty, with the e of l's level
//
// index, act, count are as topk leaves them, wdec is (m,d), c is (n,d), e (n,levels,d), delta (n,most). place is h of topk in another role: where latent l fires
// in a row, place[row,l] says at which place of the row's code. own_loss is ‖miss‖² at the level own, and rest (n,d), which may be null, -miss there.
// level, order and ends are as ladder leaves them; with one level they are null, and weight is. The sums over latents are those of the CPU, to the bit.
#include "step.h"
#include "sum.h"

KERNEL(128, decode, const u32 *index, const float *act, const u32 *count, const u32 *level, const u32 *order, const u32 *ends, const double *weight,
	const float *wdec, const float *c, const Step *step, float *e, float *delta, u32 *place, double *loss, double *own_loss, float *rest, int m, int d, int most, int levels, int own) {
	SHARED double part[4];
	SHARED double own_part[4];
	i64 row = block();
	int fires = count[row];
	index += row * most, act += row * most, delta += row * most;
	c += row * d, e += row * levels * d, place += row * m;
	double sum = 0, own_sum = 0;
	for (int j = thread(); j < d; j += threads()) {
		float y = 0;
		for (int v = 0, t = 0; v < levels; v++) {
			for (int end = ends ? ends[row * levels + v] : fires; t < end; t++) {
				int at = order ? order[row * most + t] : t;
				y = fma(act[at], wdec[(i64)index[at] * d + j], y);
			}
			float miss = y - c[j];
			double w = weight ? weight[v] : 1;
			e[v * d + j] = (float)w * step->scale * miss;
			sum += w * ((double)miss * miss);
			if (v != own) continue;
			own_sum += (double)miss * miss;
			if (rest) rest[row * d + j] = -miss;
		}
		for (int v = levels - 2; v >= 0; v--) e[v * d + j] += e[(v + 1) * d + j];
	}
	if (step->l1 > 0)
		for (int t = thread(); t < fires; t += threads()) sum += step->l1 * act[t];
	sum = block_sum(sum, part); // whose sync also shows e to all
	own_sum = block_sum(own_sum, own_part);
	if (thread() == 0) {
		loss[row] = sum;
		own_loss[row] = own_sum;
	}
	for (int t = thread() / warp; t < fires; t += threads() / warp) {
		int v = level ? level[row * most + t] : 0;
		float dot = warp_dot(e + v * d, wdec + (i64)index[t] * d, d);
		if (lane() == 0) {
			delta[t] = dot + step->penalty;
			place[index[t]] = t;
		}
	}
}
