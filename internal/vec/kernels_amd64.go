package vec

import "golang.org/x/sys/cpu"

//go:generate go -C gen run . -out ../tile_amd64.s -stubs ../tile_amd64.go -pkg vec
//go:generate go -C gen run ./dense -out ../dense_amd64.s -stubs ../dense_amd64.go -pkg vec
//go:generate go -C gen run ./rows -out ../rows_amd64.s -stubs ../rows_amd64.go -pkg vec

// assembled returns the kernels in assembly that this processor can run, the best first.
func assembled() []kernels {
	var all []kernels
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX2 {
		all = append(all, kernels{
			path:         "avx512",
			product:      func(dst, x, w []float32, d int) { productTiled(dst, x, w, d, &wide512, &narrow512) },
			rows:         rowsEight,
			bytesKernels: bytesAVX2,
		})
	}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		all = append(all, kernels{
			path:         "avx2",
			product:      func(dst, x, w []float32, d int) { productTiled(dst, x, w, d, &narrow2, &narrow2) },
			rows:         rowsEight,
			bytesKernels: bytesAVX2,
		})
	}
	return all
}
