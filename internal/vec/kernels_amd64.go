package vec

import "golang.org/x/sys/cpu"

//go:generate go -C gen run . -out ../tile_amd64.s -stubs ../tile_amd64.go -pkg vec
//go:generate go -C gen run ./dense -out ../dense_amd64.s -stubs ../dense_amd64.go -pkg vec
//go:generate go -C gen run ./rows -out ../rows_amd64.s -stubs ../rows_amd64.go -pkg vec
//go:generate go -C gen run ./encode -out ../encode_amd64.s -stubs ../encode_amd64.go -pkg vec
//go:generate go -C gen run ./counts -out ../counts_amd64.s -stubs ../counts_amd64.go -pkg vec
//go:generate go -C gen run ./train -out ../train_amd64.s -stubs ../train_amd64.go -pkg vec

// assembled returns the kernels in assembly that this processor can run, the best first.
func assembled() []kernels {
	avx2 := cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasF16C && cpu.X86.HasPOPCNT // all have the four or lack the first
	var all []kernels
	if avx2 && cpu.X86.HasAVX512F {
		all = append(all, kernels{
			path:    "avx512",
			product: func(dst, x, w, bias []float32, d int) { productTiled(dst, x, w, bias, d, &wide512, &narrow512) },
		})
	}
	if avx2 {
		all = append(all, kernels{
			path:    "avx2",
			product: func(dst, x, w, bias []float32, d int) { productTiled(dst, x, w, bias, d, &narrow2, &narrow2) },
		})
	}
	for i := range all {
		all[i].trainAVX2()
		all[i].encodeAVX2()
		all[i].rows, all[i].bytesKernels, all[i].countKernels = rowsEight, bytesAVX2, countsAVX2
	}
	return all
}

// encodeAVX2 gives k the kernels of gen/encode, which every path in assembly takes.
func (k *kernels) encodeAVX2() {
	k.survivors, k.partition = survivorsAsm, partitionAsm
	k.screens, k.quantise, k.screen, k.rescore = true, quantiseAsm, screenAsm, rescoreAsm
	k.fromF16, k.toF16, k.fromBF16, k.toBF16 = fromF16Asm, toF16Asm, fromBF16Asm, toBF16Asm
}
