// delta_bf16: the gradients by the activations of dense codes, in bf16; see dense.h.
#include "dense.h"

TWICE(256, delta_bf16, const float *e, const float *wdec, const float *z, const Step *step, float *out, int n, int m, int d) {
	SHARED float as[room<bf16>];
	SHARED float bs[room<bf16>];
	delta<bf16>(as, bs, e, wdec, z, step, out, n, m, d);
}
