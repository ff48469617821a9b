package vec

import (
	"fmt"
	"os"
	"strings"
)

// kernels are the functions that a processor may do in a better way than Go says it, on one path: that of its instruction set.
type kernels struct {
	path    string
	product func(dst, x, w []float32, d int) // fills dst, which is zero
	rows    func(dst, x []float32, rows [][]float32)

	bytesKernels
}

// goKernels are the twins: every processor has them.
var goKernels = kernels{path: "go", product: productGo, rows: rowsGo, bytesKernels: bytesGo}

// kernelEnv forces a path: "avx512", "avx2" or "go". Path tells what became of the wish.
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
