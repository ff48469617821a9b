// The words of sae/cuda/kernel/dev.h on the processor. A thread of a kernel is a fiber; schedule.cpp runs a block's fibers in one thread of the system, so that
// what is shared is a static variable and what is atomic a plain operation.
#pragma once
#include <utility>

typedef unsigned u32;

#define DEVICE static inline
#define DEVICE_METHOD
// The shared memory of the kernels of a file lies in a section of its own, which FAKE_SHARED names: every block finds it full of rubbish.
#ifndef FAKE_SHARED
#define FAKE_SHARED fake_shared
#endif
#define FAKE_TEXT_OF(name) #name
#define FAKE_TEXT(name) FAKE_TEXT_OF(name)
#define FAKE_JOIN_OF(a, b) a##b
#define FAKE_JOIN(a, b) FAKE_JOIN_OF(a, b)
#define SHARED static __attribute__((section(FAKE_TEXT(FAKE_SHARED))))
extern unsigned char FAKE_JOIN(__start_, FAKE_SHARED)[] __attribute__((weak, visibility("hidden")));
extern unsigned char FAKE_JOIN(__stop_, FAKE_SHARED)[] __attribute__((weak, visibility("hidden")));
#define UNROLL
#define TWICE KERNEL
#define KERNEL(threads, name, ...)                       \
	static void name(__VA_ARGS__);                       \
	static fake::Entry entry_##name(#name, threads, name, FAKE_JOIN(__start_, FAKE_SHARED), FAKE_JOIN(__stop_, FAKE_SHARED)); \
	static void name(__VA_ARGS__)

namespace fake {

// Entry is a kernel in the list of all.
struct Entry {
	const char *name;
	int threads, args; // most threads of a block, number of arguments
	void (*f)();
	void (*call)(void (*f)(), void **args);
	unsigned char *shared, *shared_end;
	Entry *next;

	template <class... A> Entry(const char *name, int threads, void (*f)(A...), unsigned char *shared, unsigned char *shared_end)
		: name(name), threads(threads), args(sizeof...(A)), f((void (*)())f), call(pass<std::make_index_sequence<sizeof...(A)>, A...>::on),
		  shared(shared), shared_end(shared_end), next(first) {
		first = this;
	}

	static Entry *first;

	template <class Index, class... A> struct pass;
	template <std::size_t... I, class... A> struct pass<std::index_sequence<I...>, A...> {
		static void on(void (*f)(), void **args) { ((void (*)(A...))f)(*(A *)args[I]...); }
	};
};

// Place is where the running fiber stands.
struct Place {
	int x, y;           // in its block
	int wide;           // threads of the block along x
	int block, block_y; // in the grid
};
extern Place place;

enum Kind { at_barrier = 1, at_xor, at_up, at_ballot, at_tf32, at_bf16 };

// stop hands the processor to another fiber until all those that must meet here have come; line tells meetings apart. It returns what the meeting
// gives to this fiber.
unsigned stop(Kind kind, unsigned value, int argument, int line);

// multiply is a meeting of a warp that adds a product to what its lanes have in d; a and b are a lane's parts of the factors.
void multiply(Kind kind, float *d, const unsigned *a, const unsigned *b);

} // namespace fake

DEVICE int thread() { return fake::place.x; }
DEVICE int thread_y() { return fake::place.y; }
DEVICE int threads() { return fake::place.wide; }
DEVICE int block() { return fake::place.block; }
DEVICE int block_y() { return fake::place.block_y; }

DEVICE void sync(int line = __builtin_LINE()) { fake::stop(fake::at_barrier, 0, 0, line); }
DEVICE u32 shuffle_xor(u32 v, int bits) { return fake::stop(fake::at_xor, v, bits, 0); }
DEVICE float shuffle_xor(float v, int bits) { return __builtin_bit_cast(float, shuffle_xor(__builtin_bit_cast(u32, v), bits)); }
DEVICE u32 shuffle_up(u32 v, int places) { return fake::stop(fake::at_up, v, places, 0); }
DEVICE u32 ballot(bool v) { return fake::stop(fake::at_ballot, v, 0, 0); }

DEVICE void mma_tf32(float *d, const u32 *a, const u32 *b) { fake::multiply(fake::at_tf32, d, a, b); }
DEVICE void mma_bf16(float *d, const u32 *a, const u32 *b) { fake::multiply(fake::at_bf16, d, a, b); }
DEVICE u32 to_tf32(float v) {
	u32 b = __builtin_bit_cast(u32, v);
	if (v != v) return 0x7fffffff;
	if (v - v != 0) return b;
	return (b + 0x1000) & 0xffffe000; // to the nearest, the middle away from zero
}
DEVICE u32 round_bf16(float v) {
	u32 b = __builtin_bit_cast(u32, v);
	if (v != v) return 0x7fff;
	return (b + 0x7fff + (b >> 16 & 1)) >> 16; // to the nearest, the middle to the even one
}
DEVICE u32 to_bf16(float low, float high) { return round_bf16(high) << 16 | round_bf16(low); }

DEVICE void atomic_add(u32 *p, u32 v) { *p += v; }
DEVICE void atomic_or(u32 *p, u32 v) { *p |= v; }
DEVICE void atomic_max(u32 *p, u32 v) { *p = *p < v ? v : *p; }
