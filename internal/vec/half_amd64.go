package vec

func fromF16Asm(dst []float32, src []byte) {
	whole := len(dst) &^ 7
	if whole > 0 {
		_ = src[2*whole-1]
		fromF16AVX2(&dst[0], &src[0], whole)
	}
	fromF16Go(dst[whole:], src[2*whole:])
}

func toF16Asm(dst []byte, src []float32) {
	whole := len(src) &^ 7
	if whole > 0 {
		_ = dst[2*whole-1]
		toF16AVX2(&dst[0], &src[0], whole)
	}
	toF16Go(dst[2*whole:], src[whole:])
}

func fromBF16Asm(dst []float32, src []byte) {
	whole := len(dst) &^ 7
	if whole > 0 {
		_ = src[2*whole-1]
		fromBF16AVX2(&dst[0], &src[0], whole)
	}
	fromBF16Go(dst[whole:], src[2*whole:])
}

func toBF16Asm(dst []byte, src []float32) {
	whole := len(src) &^ 7
	if whole > 0 {
		_ = dst[2*whole-1]
		toBF16AVX2(&dst[0], &src[0], whole)
	}
	toBF16Go(dst[2*whole:], src[whole:])
}
