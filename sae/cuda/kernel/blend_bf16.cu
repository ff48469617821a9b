// blend_bf16: the decoder's product of dense codes, in bf16; see dense.h.
#include "dense.h"

TWICE(256, blend_bf16, const float *z, const float *wdec, float *parts, int n, int m, int d, int share) {
	SHARED float as[room<bf16>];
	SHARED float bs[room<bf16>];
	blend<bf16>(as, bs, z, wdec, parts, n, m, d, share);
}
