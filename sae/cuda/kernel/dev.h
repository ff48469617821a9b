// The words that kernels are written in, in two worlds: clang makes PTX of them without any file of NVIDIA's, and a C++ compiler makes functions
// that the fake driver runs on the processor (internal/cudadrv/fake). What cannot be said in both does not stand in a kernel.
//
// Products and sums are never fused by the compiler (-ffp-contract=off): where a fused step is meant, it says fma.
#pragma once

typedef unsigned u32;
typedef unsigned long long u64;
typedef long long i64;
typedef float quad __attribute__((vector_size(16))); // four numbers, read at once

constexpr int warp = 32;

#ifdef __CUDA__

#define DEVICE static inline __attribute__((device, always_inline))
#define DEVICE_METHOD __attribute__((device, always_inline))
#define SHARED static __attribute__((shared))
// KERNEL begins a kernel that is started with at most that many threads a block.
#define KERNEL(threads, name, ...) extern "C" __attribute__((global, launch_bounds(threads))) void name(__VA_ARGS__)

// TWICE begins one of which a multiprocessor is to hold two blocks at a time.
#define TWICE(threads, name, ...) extern "C" __attribute__((global, launch_bounds(threads, 2))) void name(__VA_ARGS__)
// UNROLL stands before loops over what is to stay in registers.
#define UNROLL _Pragma("unroll")

DEVICE int thread() { return __nvvm_read_ptx_sreg_tid_x(); }
DEVICE int thread_y() { return __nvvm_read_ptx_sreg_tid_y(); }
DEVICE int threads() { return __nvvm_read_ptx_sreg_ntid_x(); }
DEVICE int block() { return __nvvm_read_ptx_sreg_ctaid_x(); }
DEVICE int block_y() { return __nvvm_read_ptx_sreg_ctaid_y(); }

// sync waits for all threads of the block, and shows each what the others wrote before.
DEVICE void sync() { __syncthreads(); }

// Of a whole warp, all lanes of which must come here together: the value of the lane whose number differs by bits; that of the lane so many
// places below (its own where there is none); the lanes for which a condition holds.
DEVICE float shuffle_xor(float v, int bits) { return __nvvm_shfl_sync_bfly_f32(~0u, v, bits, 31); }
DEVICE u32 shuffle_xor(u32 v, int bits) { return __nvvm_shfl_sync_bfly_i32(~0u, v, bits, 31); }
DEVICE u32 shuffle_up(u32 v, int places) { return __nvvm_shfl_sync_up_i32(~0u, v, places, 0); }
DEVICE u32 ballot(bool v) { return __nvvm_vote_ballot_sync(~0u, v); }

// d += a·b by the tensor cores of a whole warp: a is (16,8) and b (8,8) of tf32, or (16,16) and (16,8) of bf16, two to a register, the first one low; d is (16,8).
// Where a lane's parts lie is in the PTX manual, and in product.h.
DEVICE void mma_tf32(float *d, const u32 *a, const u32 *b) {
	asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
		: "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
		: "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
DEVICE void mma_bf16(float *d, const u32 *a, const u32 *b) {
	asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
		: "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
		: "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
// The formats that they take, rounded to the nearest.
DEVICE u32 to_tf32(float v) {
	u32 r;
	asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(r) : "f"(v));
	return r;
}
DEVICE u32 to_bf16(float low, float high) {
	u32 r;
	asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
	return r;
}

// Counts and sets of bits that many threads write; their order makes no difference.
DEVICE void atomic_add(u32 *p, u32 v) { __atomic_fetch_add(p, v, __ATOMIC_RELAXED); }
DEVICE void atomic_or(u32 *p, u32 v) { __atomic_fetch_or(p, v, __ATOMIC_RELAXED); }

DEVICE void atomic_max(u32 *p, u32 v) { __atomic_fetch_max(p, v, __ATOMIC_RELAXED); }

#else

#include "fake.h"

#endif

DEVICE double shuffle_xor(double v, int bits) {
	u64 b = __builtin_bit_cast(u64, v);
	return __builtin_bit_cast(double, (u64)shuffle_xor((u32)(b >> 32), bits) << 32 | shuffle_xor((u32)b, bits));
}

DEVICE int lane() { return thread() % warp; }
DEVICE float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
DEVICE u32 bits(float v) { return __builtin_bit_cast(u32, v); }
DEVICE float from_bits(u32 v) { return __builtin_bit_cast(float, v); }
DEVICE int least(int a, int b) { return a < b ? a : b; }
