// measure_dead: adds the loss of the silent latents to what a step tells, by one block. loss (n) is that of decode_dead.
#include "step.h"
#include "sum.h"

KERNEL(256, measure_dead, const double *loss, const Dead *dead, Stats *stats, int n) {
	SHARED double part[8];
	if (!(dead->weight > 0)) return; // all threads alike
	double sum = 0;
	for (int i = thread(); i < n; i += threads()) sum += loss[i];
	sum = dead->weight * block_sum(sum, part);
	if (thread() == 0) {
		stats->aux = sum;
		stats->ok &= sum - sum == 0;
	}
}
