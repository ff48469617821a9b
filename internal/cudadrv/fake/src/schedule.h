#pragma once
#include <string>

namespace fake {

struct Entry;

// Grid is how a kernel is started.
struct Grid {
	int blocks_x, blocks_y, threads_x, threads_y;
};

// The orders in which blocks, warps and the lanes of a warp get the processor. Each warp runs as far as it can before the next.
enum Order { forward, reverse, shuffled };
void schedule(Order order, unsigned seed);

// run runs all blocks of a kernel, and returns what is wrong with how its threads met, or nothing.
std::string run(const Entry &entry, Grid grid, void **args);

} // namespace fake
