// delta_tf32: the gradients by the activations of dense codes, in tf32; see dense.h.
#include "dense.h"

TWICE(256, delta_tf32, const float *e, const float *wdec, const float *z, const Step *step, float *out, int n, int m, int d) {
	SHARED float as[room<tf32>];
	SHARED float bs[room<tf32>];
	delta<tf32>(as, bs, e, wdec, z, step, out, n, m, d);
}
