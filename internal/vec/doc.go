// Package vec holds the arithmetic that every other room stands on: dot products,
// scaled additions, the product of a batch with a matrix, the selection of the k
// largest values, and Screen, which finds the k largest entries of a product's rows
// without computing all of it.
//
// Everything works on plain []float32, row-major, and belongs to the caller: nothing
// is kept and nothing is allocated unless a comment says so. Beside each function
// that was made fast stands its twin, named ...Reference, written like the formula;
// the tests run both.
//
// What kernels lists has assembly for AVX2 and AVX-512, written by gen, and much of it for
// NEON; it is chosen when the program starts, and $SAEDB_KERNELS = avx512, avx2, neon or go
// forces one that the processor has.
//
// Sums are taken in an order that depends on the lengths alone, never on the number
// of goroutines, so the same input gives the same bits on the same machine. Builds
// that fuse multiply and add (arm64, GOAMD64=v3) round differently from those that
// do not, and so do the paths of kernels (by about 1e-6, relative); a process stays on one.
package vec
