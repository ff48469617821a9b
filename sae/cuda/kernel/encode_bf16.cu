// encode_bf16: the encoder's product on tensor cores, in bf16; see encode.h.
#include "encode.h"

TWICE(256, encode_bf16, const float *in, const float *wenc, const float *benc, float *h, float *peak, int n, int m, int d, int groups) {
	SHARED float as[room<bf16>];
	SHARED float bs[room<bf16>];
	encode<bf16>(as, bs, in, wenc, benc, h, peak, n, m, d, groups);
}
