// Package fake makes a CUDA driver out of the processor, for tests: a shared library with the driver's symbols, into which the very sources of the
// kernels are compiled as C++. What loads a driver, starts kernels and the kernels themselves are thereby tested on any machine with a C++ compiler.
// Every thread of a block is a fiber, and warps run one after the other as far as they can, in an order that a test chooses, so that a barrier
// that is missing shows. Any call can be told to fail.
//
// It cannot show what a device does at once: races within a warp, the order of memory, what the driver's compiler makes of PTX, speed.
package fake
