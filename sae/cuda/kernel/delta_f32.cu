// delta_f32: the gradients by the activations of dense codes, in f32; see dense.h.
#include "dense.h"

KERNEL(256, delta_f32, const float *e, const float *wdec, const float *z, const Step *step, float *out, int n, int m, int d) {
	SHARED float as[room<f32>];
	SHARED float bs[room<f32>];
	delta<f32>(as, bs, e, wdec, z, step, out, n, m, d);
}
