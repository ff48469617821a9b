// Fibers: stacks to change between. On amd64 by a few lines of assembly; elsewhere, and where FAKE_UCONTEXT is defined, by ucontext, some twenty times slower.
#pragma once

#if !defined(__x86_64__) || defined(FAKE_UCONTEXT)
#include <ucontext.h>
#endif

namespace fake {

struct Fiber {
#if defined(__x86_64__) && !defined(FAKE_UCONTEXT)
	void *stack;
#else
	ucontext_t context;
#endif
};

// prepare makes a fiber begin with f, on the i-th stack. f must never return.
void prepare(Fiber &fiber, int i, void (*f)());

// change goes on with a fiber where it left, and returns when another goes on with this one.
void change(Fiber &from, Fiber &to);

} // namespace fake
