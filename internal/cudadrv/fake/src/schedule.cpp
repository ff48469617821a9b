// Runs the blocks of a kernel one after the other, the threads of a block as fibers.
#include "fake.h"
#include "schedule.h"
#include "fiber.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <random>
#include <vector>

namespace fake {

Entry *Entry::first;
Place place;

namespace {

constexpr int warp = 32;

enum State { ready, waiting, done };

struct Lane {
	Fiber fiber;
	Place place;
	State state;
	Kind kind; // of the meeting it waits for
	unsigned value, result;
	int argument, line;
	float *d; // of a product
	const unsigned *a, *b;
};

Order order = forward;
std::mt19937 random;

std::vector<Lane> lanes; // of the block
Lane *now;
Fiber scheduler;
const Entry *entry;
void **arguments;

void begin() { // the first and last of every fiber
	entry->call(entry->f, arguments);
	now->state = done;
	change(now->fiber, scheduler);
}

// turns are the numbers below n in the order of the day.
std::vector<int> turns(int n) {
	std::vector<int> t(n);
	std::iota(t.begin(), t.end(), 0);
	if (order == reverse) std::reverse(t.begin(), t.end());
	if (order == shuffled) std::shuffle(t.begin(), t.end(), random);
	return t;
}

// part is the number of a product's factor that a register has: one of tf32, or one of two of bf16.
float part(Kind kind, const unsigned *registers, int i) {
	unsigned v = kind == at_tf32 ? registers[i] & 0xffffe000 : registers[i / 2] << 16 * (1 - i % 2) & 0xffff0000;
	return __builtin_bit_cast(float, v);
}

// product does what a warp's tensor core does: D (16,8) += A (16,deep)·B (deep,8), with the parts of the lanes where PTX has them. Lane 4g+t has the rows
// g and g+8 of A, column g of B, and the columns 2t and 2t+1 of D.
void product(Lane *w) {
	Kind kind = w->kind;
	int side = kind == at_tf32 ? 1 : 2, deep = 8 * side; // numbers side by side in a register
	float a[16][16], b[16][8];
	for (int i = 0; i < warp; i++) {
		int g = i / 4, t = i % 4;
		for (int p = 0; p < 4 * side; p++) { // registers: rows g, g+8, and again four registers' places further on
			int reg = p / side;
			a[g + 8 * (reg % 2)][side * t + p % side + 4 * side * (reg / 2)] = part(kind, w[i].a, p);
		}
		for (int p = 0; p < 2 * side; p++) b[side * t + p % side + 4 * side * (p / side)][g] = part(kind, w[i].b, p);
	}
	for (int i = 0; i < warp; i++)
		for (int p = 0; p < 4; p++) {
			int row = i / 4 + 8 * (p / 2), column = i % 4 * 2 + p % 2;
			for (int k = 0; k < deep; k++) w[i].d[p] = __builtin_fmaf(a[row][k], b[k][column], w[i].d[p]);
		}
}

// meet ends a meeting of a warp: every lane gets its result.
void meet(Lane *w) {
	if (w->kind == at_tf32 || w->kind == at_bf16) product(w);
	unsigned votes = 0;
	for (int i = 0; i < warp; i++) votes |= (w[i].value & 1) << i;
	for (int i = 0; i < warp; i++) {
		int from = i;
		if (w[i].kind == at_xor) from = i ^ w[i].argument;
		if (w[i].kind == at_up && i >= w[i].argument) from = i - w[i].argument;
		w[i].result = w[i].kind == at_ballot ? votes : w[from].value;
	}
	for (int i = 0; i < warp; i++) w[i].state = ready;
}

bool same(const Lane &a, const Lane &b) { return a.state == b.state && a.kind == b.kind && a.line == b.line && a.argument == b.argument; }

// alone runs a warp until all its lanes wait for the block or are done.
std::string alone(Lane *w) {
	for (;;) {
		for (int i : turns(warp)) {
			if (w[i].state != ready) continue;
			now = &w[i];
			place = now->place;
			change(scheduler, now->fiber);
		}
		bool block = true;
		for (int i = 0; i < warp; i++) block &= w[i].state == done || w[i].kind == at_barrier;
		if (block) return "";
		for (int i = 0; i < warp; i++)
			if (!same(w[0], w[i])) return "the lanes of a warp do not meet at the same place";
		meet(w);
	}
}

std::string block(int x, int y, Grid g) {
	if (entry->shared) std::memset(entry->shared, 0xcd, entry->shared_end - entry->shared);
	int count = g.threads_x * g.threads_y;
	lanes.resize(count);
	for (int i = 0; i < count; i++) {
		lanes[i].place = {i % g.threads_x, i / g.threads_x, g.threads_x, x, y};
		lanes[i].state = ready;
		prepare(lanes[i].fiber, i, begin);
	}
	for (;;) {
		for (int w : turns(count / warp))
			if (std::string fault = alone(&lanes[w * warp]); !fault.empty()) return fault;
		if (lanes[0].state == done) {
			for (Lane &l : lanes)
				if (l.state != done) return "some threads wait at a barrier, others have ended";
			return "";
		}
		for (Lane &l : lanes)
			if (!same(lanes[0], l)) return "the threads of a block do not meet at the same barrier";
		for (Lane &l : lanes) l.state = ready;
	}
}

} // namespace

unsigned stop(Kind kind, unsigned value, int argument, int line) {
	Lane *self = now;
	self->kind = kind;
	self->value = value;
	self->argument = argument;
	self->line = line;
	self->state = waiting;
	change(self->fiber, scheduler);
	return self->result;
}

void multiply(Kind kind, float *d, const unsigned *a, const unsigned *b) {
	now->d = d;
	now->a = a;
	now->b = b;
	stop(kind, 0, 0, 0);
}

void schedule(Order o, unsigned seed) {
	order = o;
	random.seed(seed);
}

std::string run(const Entry &e, Grid g, void **args) {
	int count = g.threads_x * g.threads_y;
	if (g.blocks_x < 1 || g.blocks_y < 1 || count < 1 || count > e.threads || count % warp) return "a grid that the kernel is not for";
	entry = &e;
	arguments = args;
	for (int at : turns(g.blocks_x * g.blocks_y))
		if (std::string fault = block(at % g.blocks_x, at / g.blocks_x, g); !fault.empty()) return fault;
	return "";
}

} // namespace fake
