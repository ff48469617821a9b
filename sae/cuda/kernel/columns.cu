// columns: sums of c and e over runs of 16 rows, for each column: c_sums and e_sums are (runs,d). A thread for each column of a run; the order of the
// rows is that of the CPU. Of the levels of e, (n,levels,d), the first has the sum of all.
#include "dev.h"

KERNEL(128, columns, const float *c, const float *e, float *c_sums, float *e_sums, int n, int d, int levels) {
	int j = block() * threads() + thread();
	if (j >= d) return;
	float of_c = 0, of_e = 0;
	for (int i = block_y() * 16; i < least(n, block_y() * 16 + 16); i++) {
		of_c += c[(i64)i * d + j];
		of_e += e[(i64)i * levels * d + j];
	}
	c_sums[(i64)block_y() * d + j] = of_c;
	e_sums[(i64)block_y() * d + j] = of_e;
}
