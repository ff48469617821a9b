// blend_tf32: the decoder's product of dense codes, in tf32; see dense.h.
#include "dense.h"

TWICE(256, blend_tf32, const float *z, const float *wdec, float *parts, int n, int m, int d, int share) {
	SHARED float as[room<tf32>];
	SHARED float bs[room<tf32>];
	blend<tf32>(as, bs, z, wdec, parts, n, m, d, share);
}
