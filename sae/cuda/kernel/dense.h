// The products of a step whose codes are dense enough, z (n,m) with zeros for what does not fire: scatter makes it, residual and settle do what is between.
// A block makes one square of a result.
#pragma once
#include "product.h"
#include "step.h"

// blend is the decoder's product, in shares: parts[s] = Σ_l z_l W_dec[l] over the latents of share s, share of them each; parts is (shares,n,d). A grid of
// squares along d by squares along n, again for each share.
template <Format format> DEVICE void blend(float *as, float *bs, const float *z, const float *wdec, float *parts, int n, int m, int d, int share) {
	int high = (n + side<format> - 1) / side<format>;
	int column = block() * side<format>, row = block_y() % high * side<format>, s = block_y() / high;
	int from = s * share, latents = least(share, m - from);
	Sums<format> sums = product<format>(as, bs, Factor<true>{z + from, m, n, latents}, Factor<false>{wdec + (i64)from * d, d, d, latents}, row, column);
	parts += (i64)s * n * d;
	each(sums, [&](int r, int c, float v) {
		if (row + r < n && column + c < d) parts[(i64)(row + r) * d + column + c] = v;
	});
}

// delta is the gradient by each activation, delta_l = e·W_dec[l] and the penalty on it, and zero where z does not fire; delta is (n,m).
template <Format format>
DEVICE void delta(float *as, float *bs, const float *e, const float *wdec, const float *z, const Step *step, float *delta, int n, int m, int d) {
	int latent = block() * side<format>, row = block_y() * side<format>;
	Sums<format> sums = product<format>(as, bs, Factor<true>{e, d, n, d}, Factor<true>{wdec, d, m, d}, row, latent);
	float penalty = step->penalty;
	each(sums, [&](int r, int c, float v) {
		if (row + r >= n || latent + c >= m) return;
		i64 at = (i64)(row + r) * m + latent + c;
		delta[at] = z[at] > 0 ? v + penalty : 0;
	});
}

// collect is the gradient of a matrix of latents' rows: g[l] = Σ_i by_il of_i. by is z or delta (n,m), of e or in (n,d), and g (m,d).
template <Format format> DEVICE void collect(float *as, float *bs, const float *by, const float *of, float *g, int n, int m, int d) {
	int column = block() * side<format>, latent = block_y() * side<format>;
	Sums<format> sums = product<format>(as, bs, Factor<false>{by, m, m, n}, Factor<false>{of, d, d, n}, latent, column);
	each(sums, [&](int r, int c, float v) {
		if (latent + r < m && column + c < d) g[(i64)(latent + r) * d + column + c] = v;
	});
}
