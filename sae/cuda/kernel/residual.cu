// residual: what a reconstruction misses, from the shares that blend made of it. A block for each row.
//
//	y = Σ parts[s]        e = scale·(y - c)        loss = ‖y - c‖² + l1·Σz
//
// own_loss is ‖y - c‖² alone. parts is (shares,n,d); the code, act (n,most) and count, is for the penalty.
#include "step.h"
#include "sum.h"

KERNEL(128, residual, const float *parts, const float *c, const float *act, const u32 *count, const Step *step, float *e, double *loss, double *own_loss, int n, int d, int shares, int most) {
	SHARED double part[4];
	SHARED double active_part[4];
	i64 row = block();
	double sum = 0;
	for (int j = thread(); j < d; j += threads()) {
		float y = 0;
		for (int s = 0; s < shares; s++) y += parts[((i64)s * n + row) * d + j];
		float rest = y - c[row * d + j];
		e[row * d + j] = step->scale * rest;
		sum += (double)rest * rest;
	}
	double own = sum = block_sum(sum, part);
	if (step->l1 > 0) {
		double active = 0;
		for (int t = thread(); t < (int)count[row]; t += threads()) active += act[row * most + t];
		sum += step->l1 * block_sum(active, active_part);
	}
	if (thread() == 0) {
		loss[row] = sum;
		own_loss[row] = own;
	}
}
