#include "fiber.h"

#include <cstdint>
#include <sys/mman.h>

namespace fake {

namespace {

enum { size = 128 << 10, most = 1024 };

// stack is the i-th of the stacks, which are made once and take memory only where they were used.
char *stack(int i) {
	static char *all = (char *)mmap(0, (std::size_t)size * most, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return all + (std::size_t)size * i;
}

} // namespace

#if defined(__x86_64__) && !defined(FAKE_UCONTEXT)

extern "C" __attribute__((visibility("hidden"))) void fake_change(void **from, void *to);

// The registers that a function must keep go to the old stack and come from the new one.
asm(R"(
	.text
	.hidden fake_change
	.globl fake_change
	.type fake_change, @function
fake_change:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
	.size fake_change, .-fake_change
)");

void prepare(Fiber &fiber, int i, void (*f)()) {
	void **top = (void **)(stack(i) + size);
	*--top = 0; // f begins as if it had been called from nowhere, with the alignment of a call
	*--top = (void *)f;
	for (int r = 0; r < 6; r++) *--top = 0;
	fiber.stack = top;
}

void change(Fiber &from, Fiber &to) { fake_change(&from.stack, to.stack); }

#else

void prepare(Fiber &fiber, int i, void (*f)()) {
	getcontext(&fiber.context);
	fiber.context.uc_stack.ss_sp = stack(i);
	fiber.context.uc_stack.ss_size = size;
	fiber.context.uc_link = 0;
	makecontext(&fiber.context, f, 0);
}

void change(Fiber &from, Fiber &to) { swapcontext(&from.context, &to.context); }

#endif

} // namespace fake
