// encode_tf32: the encoder's product on tensor cores, in tf32; see encode.h.
#include "encode.h"

TWICE(256, encode_tf32, const float *in, const float *wenc, const float *benc, float *h, float *peak, int n, int m, int d, int groups) {
	SHARED float as[room<tf32>];
	SHARED float bs[room<tf32>];
	encode<tf32>(as, bs, in, wenc, benc, h, peak, n, m, d, groups);
}
