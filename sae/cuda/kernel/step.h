// What changes from step to step, in device memory so that launches stay the same. backend.go has its twin.
#pragma once
#include "dev.h"

struct Step {
	float keep_dec, keep_enc; // 1 - lr·decay, of the encoder's rows and of all else
	float b1, c1, b2, c2;     // β1, 1-β1, β2, 1-β2
	float rate, correct, eps; // lr/(1-β1ᵗ), 1/√(1-β2ᵗ)
	float scale;              // of e: 2/(n·d)
	int k;                    // latents that fire, at most
	int overdue;              // steps of silence after which a latent is to start anew
	int epoch;                // steps of silence after which it is dead
	float penalty;            // on an activation, in its gradient
	double l1;                // and in the loss, as that is summed up here
	double clip;              // largest norm of all gradients together; 0: any
	double aux;               // weight of the silent latents' loss
	float spread;             // how far decoder rows that point the same way are driven apart
	u32 share;                // activations that a whole batch keeps, of BatchTopK
};
static_assert(sizeof(Step) == 88, "twins.go says another size");

// Stats is what a step has to tell. measure fills it, other kernels add to it.
struct Stats {
	double loss;    // Σ‖x̂-x‖², over the levels by their weights, and the penalty
	double own;     // Σ‖x̂-x‖² at the model's own level
	double spread;  // Σ‖x-x̄‖²
	double aux;     // loss of the silent latents
	u32 active;     // latents that fired, over all rows
	u32 dead, late; // latents that are dead, and overdue
	u32 ok;         // the loss is a finite number, and so was that of every step before: weights may move
	float clip;     // what gradients are multiplied by
	u32 least;      // the complement of the bits of the least activation of BatchTopK; 0: nothing fires
	u32 halt;       // the loss of a step before was none
	u32 revived;    // latents that got a new start
};

// Place is where in an epoch we are; next moves it.
struct Place {
	u32 at;     // the step that comes next, counted from the epoch's first
	u32 fresh;  // stats is of no step yet
	u32 listed; // the rows of a step are listed in order; else they lie one after the other:
	u32 base;   // those of the step first begin here
	u32 first;
	u32 begun; // steps of the run before the epoch
};
static_assert(sizeof(Stats) == 64 && sizeof(Place) == 24, "twins.go says another size");

// Dead is what a step knows of the latents that have not fired for an epoch.
struct Dead {
	double weight; // of their loss; 0: there is none
	float scale;   // of its gradient, twice that
	u32 many;
};
static_assert(sizeof(Dead) == 16, "shape.go says another size");

// adamw moves a parameter p with moments m and v along its gradient g. Every operation is rounded by itself, as in internal/vec, so that
// the bits are those of the CPU.
DEVICE float adamw(const Step &s, float keep, float p, float *m, float *v, float g) {
	float first = s.b1 * *m + s.c1 * g;
	float then = s.b2 * *v + s.c2 * g * g;
	*m = first;
	*v = then;
	return keep * p - s.rate * first / (__builtin_sqrtf(then) * s.correct + s.eps);
}
