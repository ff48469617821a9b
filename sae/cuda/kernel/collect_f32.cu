// collect_f32: the gradients of the latents' rows from dense codes, in f32; see dense.h.
#include "dense.h"

KERNEL(256, collect_f32, const float *by, const float *of, float *g, int n, int m, int d) {
	SHARED float as[room<f32>];
	SHARED float bs[room<f32>];
	collect<f32>(as, bs, by, of, g, n, m, d);
}
