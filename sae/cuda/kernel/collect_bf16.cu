// collect_bf16: the gradients of the latents' rows from dense codes, in bf16; see dense.h.
#include "dense.h"

TWICE(256, collect_bf16, const float *by, const float *of, float *g, int n, int m, int d) {
	SHARED float as[room<bf16>];
	SHARED float bs[room<bf16>];
	collect<bf16>(as, bs, by, of, g, n, m, d);
}
