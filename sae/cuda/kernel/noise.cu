// noise: what the encoder sees beside the rows, for all steps of a recording at once: a thread for each row of each of them.
//
//	noise[s,i] = sigma·g        g Gaussian numbers
//
// noise is (steps,n,d). The numbers are those that sae/train draws on the CPU, in its order: a row's generator is PCG-DXSM with 128 bits of state, seeded by the
// seed, the step and the row; a Gaussian number comes from the ziggurat of Marsaglia and Tsang with 128 strips, whose tables k, w and f lie one after the other.
#include "step.h"

typedef unsigned __int128 u128;

constexpr double tail = 3.442619855899; // where the lowest strip ends

struct Generator {
	u128 state;

	DEVICE_METHOD u64 draw() {
		constexpr u128 times = (u128)2549297995355413924u << 64 | 4865540595714422341u, plus = (u128)6364136223846793005u << 64 | 1442695040888963407u;
		state = state * times + plus;
		u64 hi = state >> 64, lo = state;
		hi ^= hi >> 32;
		hi *= 0xda942042e4dd58b5;
		hi ^= hi >> 48;
		return hi * (lo | 1);
	}

	// from 0 up to 1
	DEVICE_METHOD double uniform() { return (double)(draw() << 11 >> 11) / (1ull << 53); }
};

// exponential is eˣ, for x from -8 to 0.
DEVICE double exponential(double x) {
	int twos = (int)(x * 1.4426950408889634 - 0.5);
	double rest = x - twos * 0.693147180369123816490 - twos * 1.90821492927058770002e-10; // ln 2 in two parts, the first with zeros at its end
	double sum = 1;
	for (int n = 16; n > 0; n--) sum = 1 + rest * sum / n;
	return sum * __builtin_bit_cast(double, (u64)(1023 + twos) << 52);
}

// logarithm is ln x, for x from 0 to 1.
DEVICE double logarithm(double x) {
	if (x == 0) return -__builtin_huge_val();
	u64 b = __builtin_bit_cast(u64, x);
	int twos = (int)(b >> 52) - 1022;
	double part = __builtin_bit_cast(double, (b & 0xfffffffffffff) | 1022ull << 52); // from 1/2 up to 1
	if (part < 0.70710678118654752) part *= 2, twos--;
	double s = (part - 1) / (part + 1), square = s * s, sum = 0;
	for (int n = 25; n > 0; n -= 2) sum = 1.0 / n + square * sum;
	return twos * 0.693147180369123816490 + (2 * s * sum + twos * 1.90821492927058770002e-10);
}

// gauss draws a number of mean 0 and deviation 1.
DEVICE double gauss(Generator &g, const u32 *k, const float *w, const float *f) {
	for (;;) {
		u64 u = g.draw();
		int j = (int)(u32)u;
		u32 strip = u >> 32 & 127;
		double x = (double)j * (double)w[strip];
		if ((j < 0 ? 0u - (u32)j : (u32)j) < k[strip]) return x; // 99 of 100 times
		if (strip == 0) {
			double beyond, y;
			do {
				beyond = -logarithm(g.uniform()) * (1.0 / tail);
				y = -logarithm(g.uniform());
			} while (y + y < beyond * beyond);
			return j > 0 ? tail + beyond : -tail - beyond;
		}
		if (f[strip] + (float)g.uniform() * (f[strip - 1] - f[strip]) < (float)exponential(-.5 * x * x)) return x;
	}
}

KERNEL(32, noise, const Place *place, const u32 *tables, float *noise, u32 seed_high, u32 seed_low, float sigma, int rows, int n, int d) {
	int i = block() * threads() + thread();
	if (i >= rows) return;
	u64 step = place->begun + place->at + i / n;
	Generator g = {(u128)((u64)seed_high << 32 | seed_low) << 64 | step << 32 | (u32)(i % n)};
	const float *w = (const float *)tables + 128, *f = w + 128;
	noise += (i64)i * d;
	for (int j = 0; j < d; j++) noise[j] = sigma * (float)gauss(g, tables, w, f);
}
