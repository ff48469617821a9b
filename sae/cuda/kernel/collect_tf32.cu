// collect_tf32: the gradients of the latents' rows from dense codes, in tf32; see dense.h.
#include "dense.h"

TWICE(256, collect_tf32, const float *by, const float *of, float *g, int n, int m, int d) {
	SHARED float as[room<tf32>];
	SHARED float bs[room<tf32>];
	collect<tf32>(as, bs, by, of, g, n, m, d);
}
