// center: what the encoder sees of a batch. A block for each row of it.
//
//	c  = x[rows] - b_dec        in = c + noise        squares = ‖c‖²
//
// x is (…,d); rows says which of them are the batch, or is null: the first. noise (n,d) may be null, and then in is not written: it is c.
#include "sum.h"

KERNEL(128, center, const float *x, const u32 *rows, const float *noise, const float *bdec, float *c, float *in, double *squares, int d) {
	SHARED double part[4];
	i64 row = block();
	const float *from = x + (rows ? rows[row] : row) * d;
	double sum = 0;
	for (int j = thread(); j < d; j += threads()) {
		float v = from[j] - bdec[j];
		c[row * d + j] = v;
		if (noise) in[row * d + j] = v + noise[row * d + j];
		sum += (double)v * v;
	}
	sum = block_sum(sum, part);
	if (thread() == 0) squares[row] = sum;
}
