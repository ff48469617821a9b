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
	refuse := func(what string) error {
		return fmt.Errorf("cuda: %s is not trained on the GPU; the CPU does it", what)
	}
	switch {
	case cfg.Variant != "":
		return refuse("the variant " + cfg.Variant)
	case len(cfg.Levels) > 0:
		return refuse("an autoencoder for several k at once")
	case len(cfg.Prefixes) > 0:
		return refuse("an autoencoder for several numbers of latents at once")
	case cfg.AuxK > 0:
		return refuse("the auxiliary loss of silent latents")
	case cfg.CosinePenalty > 0:
		return refuse("a penalty on decoder rows that point the same way")
	case d > maxWidth:
		return fmt.Errorf("cuda: vectors of %d numbers are too wide for the GPU's kernels, which take %d; the CPU takes them", d, maxWidth)
	case cfg.Batch > maxBatch:
		return fmt.Errorf("cuda: a batch of %d rows is too large for the GPU's kernels, which take %d", cfg.Batch, maxBatch)
	}
	return nil
}
