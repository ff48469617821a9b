package peak

import "golang.org/x/sys/cpu"

//go:generate go -C ../gen run ./peak -out ../peak/peak_amd64.s -stubs ../peak/peak_amd64.go -pkg peak

// Paths returns what this processor has, the widest first.
func Paths() []Path {
	var all []Path
	if cpu.X86.HasAVX512F {
		all = append(all, Path{"avx512", 16, fma512})
	}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		all = append(all, Path{"avx2", 8, fma256})
	}
	return all
}
