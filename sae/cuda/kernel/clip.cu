// clip: what gradients are multiplied by so that their norm, of all tensors together, is at most the step's clip; by one block. squares (m) are those of latent or
// settle, whole (d) that of bias. A thread adds up every 256th, and the threads one after the other.
#include "step.h"
#include "sum.h"

KERNEL(256, clip, const double *squares, const float *whole, const Step *step, Stats *stats, int m, int d) {
	SHARED double part[8];
	if (!stats->ok) return; // all threads alike
	double sum = 0;
	for (int l = thread(); l < m; l += threads()) sum += squares[l];
	for (int j = thread(); j < d; j += threads()) sum += (double)whole[j] * whole[j];
	sum = block_sum(sum, part);
	if (thread() == 0 && sum > step->clip * step->clip) stats->clip = (float)(step->clip / __builtin_sqrt(sum));
}
