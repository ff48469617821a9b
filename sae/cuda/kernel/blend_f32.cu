// blend_f32: the decoder's product of dense codes, in f32; see dense.h.
#include "dense.h"

KERNEL(256, blend_f32, const float *z, const float *wdec, float *parts, int n, int m, int d, int share) {
	SHARED float as[room<f32>];
	SHARED float bs[room<f32>];
	blend<f32>(as, bs, z, wdec, parts, n, m, d, share);
}
