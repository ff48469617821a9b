// What becomes of the gradients of a latent: latent.cu has them from sparse codes, settle.cu from products. One block does it for one latent; a thread holds at
// most 8 columns of a row, so that d is at most 2,048.
#pragma once
#include "step.h"
#include "sum.h"

constexpr int movers = 256, columns = 8;

struct Tensor {
	float *w, *m, *v;
};

// Latents are the tensors, (m,d) or (m), and the steps (m) since each last fired.
struct Latents {
	Tensor dec, enc, benc;
	i64 *idle;
};

// Gradients of a latent: of what a thread has of its rows, and of its bias.
struct Gradients {
	float dec[columns], enc[columns], bias;
};

// Room is what update needs of shared memory.
struct Room {
	float along[movers / warp];
	double squares[movers / warp], norm[movers / warp];
};

// move is AdamW on the columns of a row.
DEVICE void move(const Step &step, float keep, float clip, Tensor t, i64 row, const float *g, int d) {
	UNROLL
	for (int c = 0; c < columns; c++) {
		int j = c * movers + thread();
		if (j >= d) break;
		i64 at = row * d + j;
		t.w[at] = adamw(step, keep, t.w[at], &t.m[at], &t.v[at], clip * g[c]);
	}
}

// project takes out of a decoder row's gradient what would change the row's norm.
DEVICE void project(float *g, const float *dec, int d, float *part) {
	float along = 0;
	UNROLL
	for (int c = 0; c < columns; c++)
		if (int j = c * movers + thread(); j < d) along = fma(g[c], dec[j], along);
	along = block_sum(along, part);
	UNROLL
	for (int c = 0; c < columns; c++)
		if (int j = c * movers + thread(); j < d) g[c] = fma(-along, dec[j], g[c]);
}

// squares_of is the square of the norm of all gradients of a latent.
DEVICE double squares_of(const Gradients &g, int d, double *part) {
	double sum = thread() == 0 ? (double)g.bias * g.bias : 0;
	UNROLL
	for (int c = 0; c < columns; c++)
		if (c * movers + thread() < d) sum += (double)g.dec[c] * g.dec[c] + (double)g.enc[c] * g.enc[c];
	return block_sum(sum, part);
}

// count brings the counter of silence of a latent up to date.
DEVICE void count(i64 *idle, bool fires, const Step &step, Stats *stats) {
	i64 silent = fires ? 0 : *idle + 1;
	*idle = silent;
	if (silent >= step.epoch) atomic_add(&stats->dead, 1);
	if (silent > step.overdue) atomic_add(&stats->late, 1);
}

// update moves a latent along its gradients, which are there where it is told of anything (told), and counts whether it fires. Where decoder rows keep norm 1
// (unit), what would change the norm is taken out of the gradient, and after AdamW the row is made that long again. With squares (m) nothing moves: they become
// the squares of the norms of the gradients.
DEVICE void update(Gradients &g, bool told, bool fires, Latents t, const Step *step, Stats *stats, double *squares, i64 l, int d, int unit, Room *room) {
	if (unit && told) project(g.dec, t.dec.w + l * d, d, room->along); // all threads alike
	if (squares) {
		double sum = squares_of(g, d, room->squares);
		if (thread() == 0) squares[l] = sum;
		return;
	}
	float clip = stats->clip;
	move(*step, step->keep_dec, clip, t.dec, l, g.dec, d);
	move(*step, step->keep_enc, clip, t.enc, l, g.enc, d);
	if (unit) {
		double sum = 0;
		for (int j = thread(); j < d; j += movers) sum += (double)t.dec.w[l * d + j] * t.dec.w[l * d + j];
		float shrink = (float)(1 / __builtin_sqrt(block_sum(sum, room->norm)));
		for (int j = thread(); j < d; j += movers) t.dec.w[l * d + j] *= shrink;
	}
	if (thread() > 0) return;
	t.benc.w[l] = adamw(*step, step->keep_dec, t.benc.w[l], &t.benc.m[l], &t.benc.v[l], clip * g.bias);
	count(&t.idle[l], fires, *step, stats);
}
