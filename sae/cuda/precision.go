package cuda

import "fmt"

// Precision is the format that the factors of large products are rounded to; sums are float32 in each. Moments, weights and all else are float32.
type Precision string

// The precisions. TF32 has ten bits behind the point and BF16 seven, where float32 has 23; both take tensor cores.
const (
	AutoPrecision Precision = "" // F32, and TF32 where batches have so many rows that it pays
	F32           Precision = "f32"
	TF32          Precision = "tf32"
	BF16          Precision = "bf16"
)

// tensorBatch is from how many rows on a step is long enough for its products to matter: below, it is reading and writing the weights.
const tensorBatch = 1024

// Check refuses what is no precision.
func (p Precision) Check() error {
	switch p {
	case AutoPrecision, F32, TF32, BF16:
		return nil
	}
	return fmt.Errorf("cuda: there is no precision %q; there are f32, tf32 and bf16", string(p))
}

// of is the precision for batches of n rows.
func (p Precision) of(n int) Precision {
	if p != AutoPrecision {
		return p
	}
	if n >= tensorBatch {
		return TF32
	}
	return F32
}

// side is how many rows and columns of a product a block makes.
func (p Precision) side() int {
	if p == F32 {
		return 64
	}
	return 128
}

// kernel is the name of the kernel that makes a product in this precision.
func (p Precision) kernel(name string) string { return name + "_" + string(p) }

// pays says whether codes of k latents of m are multiplied faster as dense matrices than gathered row by row. A gather moves 4·k·d bytes a row, the product makes
// 2·m·d operations; with what is known of such devices (5.5 TB/s of their cache, 400 TFLOP/s of tf32, 40 of float32) they meet at k/m of .7 % and 7 %.
func (p Precision) pays(k, m int) bool {
	if p == F32 {
		return 100*k >= 7*m
	}
	return 1000*k >= 7*m
}
