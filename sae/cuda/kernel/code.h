// Codes as topk leaves them.
#pragma once
#include "dev.h"

// find is the place of a latent in a code that has it: latents ascend.
DEVICE u32 find(const u32 *index, u32 count, u32 latent) {
	u32 from = 0, to = count; // it is there
	while (to - from > 1) {
		u32 middle = (from + to) / 2;
		if (index[middle] <= latent) from = middle;
		else to = middle;
	}
	return from;
}
