// encode: the encoder's product, h = in·W_encᵀ + b_enc, and the largest pre-activation of each group of 64 latents.
//
// in is (n,d), wenc (m,d), h (n,m), peak (n,groups). A block of 16 by 16 threads makes 64 rows by 64 latents, each thread 4 by 4. An entry is the sum of
// fused products over runs of 128 columns, which are added up in order, and then the bias: exactly internal/vec's order, so that the bits are
// those of the CPU, and so are the latents that fire.
#include "dev.h"

constexpr int side = 64, deep = 16, run = 128;

// fetch brings 64 rows of 16 columns of a matrix of count rows, turned around, with zeros beyond its ends.
DEVICE void fetch(float tile[deep][side + 4], const float *a, int row, int count, int col, int d) {
	for (int i = thread(); i < side * deep; i += 256) {
		int r = row + i / deep, j = col + i % deep;
		tile[i % deep][i / deep] = r < count && j < d ? a[(i64)r * d + j] : 0;
	}
}

KERNEL(256, encode, const float *in, const float *wenc, const float *benc, float *h, float *peak, int n, int m, int d, int groups) {
	SHARED float xs[deep][side + 4];
	SHARED float ws[deep][side + 4];
	int row = block_y() * side, latent = block() * side;
	int tx = thread() % 16, ty = thread() / 16;
	float total[4][4] = {}, sum[4][4] = {};
	for (int col = 0; col < d; col += deep) {
		fetch(xs, in, row, n, col, d);
		fetch(ws, wenc, latent, m, col, d);
		sync(); // needed: the tiles are whole
		int wide = least(deep, d - col);
		for (int j = 0; j < wide; j++)
			for (int a = 0; a < 4; a++)
				for (int b = 0; b < 4; b++) sum[a][b] = fma(xs[j][ty * 4 + a], ws[j][tx * 4 + b], sum[a][b]);
		sync(); // needed: the tiles have been read
		if ((col + deep) % run == 0 || col + deep >= d)
			for (int a = 0; a < 4; a++)
				for (int b = 0; b < 4; b++) total[a][b] += sum[a][b], sum[a][b] = 0;
	}
	for (int a = 0; a < 4; a++) {
		int r = row + ty * 4 + a;
		float best = 0; // what is not above zero never fires
		for (int b = 0; b < 4; b++) {
			int l = latent + tx * 4 + b;
			if (r >= n || l >= m) continue;
			float v = total[a][b] + benc[l];
			h[(i64)r * m + l] = v;
			if (v > best) best = v;
		}
		for (int bits = 8; bits > 0; bits /= 2) {
			float other = shuffle_xor(best, bits);
			if (other > best) best = other;
		}
		if (tx == 0 && r < n) peak[(i64)r * groups + block()] = best;
	}
}
