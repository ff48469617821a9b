// scatter: the codes of topk as rows of a matrix, z (n,m), with zeros for what does not fire: it takes the place of h, of which topk has taken what counts. A
// block for each row.
#include "dev.h"

KERNEL(256, scatter, const u32 *index, const float *act, const u32 *count, float *z, int m, int most) {
	i64 row = block();
	z += row * m;
	for (int l = thread(); l < m; l += threads()) z[l] = 0;
	sync(); // needed: the row is empty
	for (int t = thread(); t < (int)count[row]; t += threads()) z[index[row * most + t]] = act[row * most + t];
}
