package vec

import (
	"fmt"
	"os"
	"strings"
)

// kernels are the functions that a processor may do in a better way than Go says it, on one path: that of its instruction set.
type kernels struct {
	path    string
	product func(dst, x, w, bias []float32, d int) // bias may be nil
	rows    func(dst, x []float32, rows [][]float32)

	bytesKernels
	countKernels

	survivors func(index []uint32, value, h []float32, base uint32, cut float32) int
	partition func(above, below, src []float32, pivot float32) (more, less int)

	screens  bool // whether a Screen is worth it
	quantise func(dst []int16, src []float32, scale float32) int32
	screen   func(t *strip)
	rescore  func(dst, x, w []float32, index, next []uint32)

	fromF16, fromBF16 func(dst []float32, src []byte)
	toF16, toBF16     func(dst []byte, src []float32)

	largest    func(x []float32) float32
	screenRows func(packed []int16, rows, scale []float32, cross []int32, d int)

	// What a step of training is made of; train_kernels.
	dot         func(a, b []float32) float32
	axpy        func(y []float32, a float32, x []float32)
	axpyRows    func(y, x []float32, rows []uint32, a []float32)
	dotAxpyRows func(dots, y, w, x []float32, rows []uint32, a, sums []float32)
	scale       func(x []float32, a float32)
	squares     func(x []float32) float64
	residual    func(e, y, c []float32, a float32) float64
	adamW       func(a *AdamW, p, m, v, g []float32)
}

// goKernels are the twins: every processor has them.
var goKernels = kernels{
	path: "go", product: productGo, rows: rowsGo, bytesKernels: bytesGo, countKernels: countsGo,
	survivors: survivorsGo, partition: partitionGo,
	quantise: quantiseGo, screen: screenGo, rescore: rescoreGo,
	largest: largestGo, screenRows: screenRowsGo,
	dot: dotGo, axpy: axpyGo, axpyRows: axpyRowsGo, dotAxpyRows: dotAxpyRowsGo, scale: scaleGo, squares: squaresGo, residual: residualGo, adamW: adamWGo,
	fromF16: fromF16Go, toF16: toF16Go, fromBF16: fromBF16Go, toBF16: toBF16Go,
}

// kernelEnv forces a path: "avx512", "avx2", "neon" or "go". Path tells what became of the wish.
const kernelEnv = "SAEDB_KERNELS"

// kernel is what this process computes with, from its start to its end.
var kernel, kernelErr = choose(available(), os.Getenv(kernelEnv))

// Path returns the path that this process computes on, and an error if another one was forced that the processor does not have: whoever
// starts the program says so and ends it.
func Path() (string, error) { return kernel.path, kernelErr }

// available returns the kernels of each path that this processor has, the best first.
func available() []kernels { return append(assembled(), goKernels) }

// choose returns the best of all, or the one whose path is forced; with an error if there is none such, and then those in Go.
func choose(all []kernels, forced string) (kernels, error) {
	if forced == "" {
		return all[0], nil
	}
	paths := make([]string, len(all))
	for i, k := range all {
		if k.path == forced {
			return k, nil
		}
		paths[i] = k.path
	}
	return goKernels, fmt.Errorf("%s=%s: this processor has the paths %s; unset it to take the best", kernelEnv, forced, strings.Join(paths, ", "))
}
