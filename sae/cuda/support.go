package cuda

import (
	"fmt"

	"github.com/saedb/saedb/sae/train"
)

// What the kernels can hold: a thread of latent has eight columns, and a grid so many rows.
const (
	maxWidth = 2048
	maxBatch = 1 << 19 // 16 rows a block, and at most 65,535 blocks that way
)

// Supports says, before anything begins, what of a configuration for vectors of width d is not trained on the GPU; nil: all of it is.
func Supports(cfg train.Config, d int) error {
	switch {
	case d > maxWidth:
		return fmt.Errorf("cuda: vectors of %d numbers are too wide for the GPU's kernels, which take %d; the CPU takes them", d, maxWidth)
	case cfg.Batch > maxBatch:
		return fmt.Errorf("cuda: a batch of %d rows is too large for the GPU's kernels, which take %d", cfg.Batch, maxBatch)
	}
	return nil
}
