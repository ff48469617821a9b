// The share-th largest activation of a whole batch, digit by digit, from the tallies of the rounds before.
#pragma once
#include "largest.h"

// Digits is what begin needs of shared memory.
struct Digits {
	u32 digit[4], wanted[4];
};

// Prefix is what is known of it: its first digits, and how many of the activations that have them are wanted; or that there are fewer than share.
struct Prefix {
	bool known;
	u32 digits, wanted;
};

DEVICE Prefix begin(const u32 *tallies, u32 share, int rounds, Digits *d) {
	Prefix p = {true, 0, share};
	for (int r = 0; r < rounds && r < 4; r++) {
		if (thread() < warp) pick(tallies + r * 256, p.wanted, &d->digit[r], &d->wanted[r]);
		sync(); // needed: the digit is known
		if (d->digit[r] == 256) return {false, 0, 0}; // all threads alike
		p = {true, p.digits << 8 | d->digit[r], d->wanted[r]};
	}
	return p;
}
