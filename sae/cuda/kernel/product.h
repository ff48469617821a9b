// Products of matrices: sums over places k of a(row,k)·b(column,k), by blocks of 256 threads, each for a square of the result, with 16 places at a time in
// shared memory and the next 16 on the way. In three formats: f32 on plain cores, 64 rows by 64 columns, a thread 4 by 4; tf32 and bf16 on tensor cores, 128
// by 128, a warp 32 rows by 64 columns. Factors are rounded to the format, sums are float32 and have one order.
//
// Of a square of 16 rows by 8 columns, lane 4g+t of a warp has the rows g and g+8 and the columns 2t and 2t+1; of the factors it holds those rows, or
// column g, at the places t and t+4 (tf32), or 2t, 2t+1, 2t+8 and 2t+9 (bf16).
#pragma once
#include "dev.h"

enum Format { f32, tf32, bf16 };

constexpr int crew = 256, deep = 16;

// side is of a block's square, room what two tiles of each factor take in shared memory.
template <Format format> constexpr int side = format == f32 ? 64 : 128;
template <Format format> constexpr int room = format == f32 ? 2 * deep * (64 + 4) : 2 * 128 * (deep + 4);

// Factor is one of the two matrices. along says that the places of a row lie side by side, (count,places); else the rows of a place do, (places,count).
// Beyond its ends are zeros. stride is from a row, or place, to the next.
template <bool along> struct Factor {
	const float *a;
	int stride, count, places;
};

// Sums are what a thread has of the result.
template <Format format> struct Sums {
	float s[format == f32 ? 16 : 64];
};

// four reads four numbers, of which n are there.
DEVICE void four(float *v, const float *p, int n, bool whole) {
	if (whole && n >= 4) {
		quad q = *(const quad *)p;
		UNROLL
		for (int i = 0; i < 4; i++) v[i] = q[i];
		return;
	}
	UNROLL
	for (int i = 0; i < 4; i++) v[i] = i < n ? p[i] : 0;
}

// spot is which four numbers of a tile are a thread's, in its i-th turn: of a row, or of a place.
template <Format format, bool along> DEVICE void spot(int i, int &row, int &place) {
	constexpr int fours = along ? deep / 4 : side<format> / 4;
	int major = thread() / fours + i * (crew / fours), minor = thread() % fours * 4;
	row = along ? major : minor;
	place = along ? minor : major;
}

// fetch reads a thread's numbers of the tile that begins at a row and a place.
template <Format format, bool along> DEVICE void fetch(float *v, Factor<along> f, int row, int place) {
	UNROLL
	for (int i = 0; i < side<format> / 64; i++) {
		int r, k;
		spot<format, along>(i, r, k);
		r += row;
		k += place;
		int left = along ? (r < f.count ? f.places - k : 0) : (k < f.places ? f.count - r : 0);
		four(v + 4 * i, f.a + (along ? (i64)r * f.stride + k : (i64)k * f.stride + r), left, f.stride % 4 == 0);
	}
}

// at is where a number lies in a tile: such that a warp that reads its parts meets no bank of shared memory twice.
template <Format format, bool along> DEVICE int at(int row, int k) {
	if constexpr (format == f32) return k * (side<format> + 4) + row;
	return along ? row * (deep + 4) + k : k * (side<format> + 8) + row;
}

// keep puts a thread's numbers into a tile.
template <Format format, bool along> DEVICE void keep(float *tile, const float *v) {
	UNROLL
	for (int i = 0; i < side<format> / 64; i++) {
		int r, k;
		spot<format, along>(i, r, k);
		UNROLL
		for (int c = 0; c < 4; c++) {
			float x = v[4 * i + c];
			tile[at<format, along>(along ? r : r + c, along ? k + c : k)] = format == tf32 ? from_bits(to_tf32(x)) : x;
		}
	}
}

// part is what a register of a lane holds of a factor: its numbers of a row at a place, and with bf16 at the next.
template <Format format, bool along> DEVICE u32 part(const float *tile, int row, int k) {
	if constexpr (format == tf32) return bits(tile[at<format, along>(row, k)]);
	return to_bf16(tile[at<format, along>(row, k)], tile[at<format, along>(row, k + 1)]);
}

// by_cores adds the product of two tiles on plain cores.
template <bool a_along, bool b_along> DEVICE void by_cores(float *sums, const float *as, const float *bs) {
	int tx = thread() % 16 * 4, ty = thread() / 16 * 4;
	UNROLL
	for (int k = 0; k < deep; k++)
		UNROLL
		for (int i = 0; i < 4; i++)
			UNROLL
			for (int j = 0; j < 4; j++) sums[i * 4 + j] = fma(as[at<f32, a_along>(ty + i, k)], bs[at<f32, b_along>(tx + j, k)], sums[i * 4 + j]);
}

// by_tensors adds it on tensor cores.
template <Format format, bool a_along, bool b_along> DEVICE void by_tensors(float *sums, const float *as, const float *bs) {
	constexpr int wide = format == bf16 ? 2 : 1; // numbers of a register
	int row = thread() / 64 * 32 + lane() / 4, column = thread() / 32 % 2 * 64 + lane() / 4;
	UNROLL
	for (int first = 0; first < deep; first += 8 * wide) {
		int k = first + lane() % 4 * wide;
		u32 a[2][4], b[2];
		UNROLL
		for (int i = 0; i < 2; i++)
			UNROLL
			for (int r = 0; r < 4; r++) a[i][r] = part<format, a_along>(as, row + 16 * i + 8 * (r % 2), k + 4 * wide * (r / 2));
		UNROLL
		for (int j = 0; j < 8; j++) {
			UNROLL
			for (int r = 0; r < 2; r++) b[r] = part<format, b_along>(bs, column + 8 * j, k + 4 * wide * r);
			UNROLL
			for (int i = 0; i < 2; i++)
				if constexpr (format == tf32) mma_tf32(sums + (i * 8 + j) * 4, a[i], b);
				else mma_bf16(sums + (i * 8 + j) * 4, a[i], b);
		}
	}
}

// product is a block's square of the product of two factors, which begins at a row and a column. as and bs are shared, each of them room.
template <Format format, bool a_along, bool b_along>
DEVICE Sums<format> product(float *as, float *bs, Factor<a_along> a, Factor<b_along> b, int row, int column) {
	constexpr int half = room<format> / 2;
	Sums<format> sums = {};
	float va[side<format> / 16], vb[side<format> / 16];
	fetch<format>(va, a, row, 0);
	fetch<format>(vb, b, column, 0);
	for (int k = 0, turn = 0; k < a.places; k += deep, turn ^= 1) {
		float *at = as + turn * half, *bt = bs + turn * half; // those of the turn before may still be read
		keep<format, a_along>(at, va);
		keep<format, b_along>(bt, vb);
		sync(); // needed: the tiles are whole
		if (k + deep < a.places) {
			fetch<format>(va, a, row, k + deep);
			fetch<format>(vb, b, column, k + deep);
		}
		if constexpr (format == f32) by_cores<a_along, b_along>(sums.s, at, bt);
		else by_tensors<format, a_along, b_along>(sums.s, at, bt);
	}
	return sums;
}

// each calls f for the numbers of a thread, with row and column within the block's square.
template <Format format, class F> DEVICE void each(Sums<format> &sums, F f) {
	if constexpr (format == f32) {
		UNROLL
		for (int i = 0; i < 16; i++) f(thread() / 16 * 4 + i / 4, thread() % 16 * 4 + i % 4, sums.s[i]);
	} else {
		int row = thread() / 64 * 32 + lane() / 4, column = thread() / 32 % 2 * 64 + lane() % 4 * 2;
		UNROLL
		for (int i = 0; i < 64; i++) f(row + i / 32 * 16 + i / 2 % 2 * 8, column + i / 4 % 8 * 8 + i % 2, sums.s[i]);
	}
}
