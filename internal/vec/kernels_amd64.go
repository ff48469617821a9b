package vec

import "golang.org/x/sys/cpu"

//go:generate go -C gen run . -out ../tile_amd64.s -stubs ../tile_amd64.go -pkg vec
//go:generate go -C gen run ./encode -out ../encode_amd64.s -stubs ../encode_amd64.go -pkg vec
//go:generate go -C gen run ./train -out ../train_amd64.s -stubs ../train_amd64.go -pkg vec

// assembled returns the kernels in assembly that this processor can run, the best first.
func assembled() []kernels {
	var all []kernels
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		all = append(all, kernels{
			path:      "avx512",
			product:   func(dst, x, w, bias []float32, d int) { productTiled(dst, x, w, bias, d, &wide512, &narrow512) },
			survivors: survivorsAsm, partition: partitionAsm,
			screens: true, quantise: quantiseAsm, screen: screenAsm, rescore: rescoreAsm,
		})
	}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		all = append(all, kernels{
			path:      "avx2",
			product:   func(dst, x, w, bias []float32, d int) { productTiled(dst, x, w, bias, d, &narrow2, &narrow2) },
			survivors: survivorsAsm, partition: partitionAsm,
			screens: true, quantise: quantiseAsm, screen: screenAsm, rescore: rescoreAsm,
		})
	}
	for i := range all {
		all[i].trainAVX2()
	}
	return all
}
