package train

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Config is everything that determines a run besides its data. Its JSON form is stored
// in checkpoints and models. Threads is left out of it: results do not depend on it.
type Config struct {
	Preset  string `json:"preset,omitempty"`
	Latents int    `json:"latents"`
	K       int    `json:"k"`
	// Levels are several numbers of active latents, ascending, for which one model is trained at once (nested, after MSAE, arXiv:2502.20578):
	// the loss is the weighted mean of those of the codes cut to each of them. K is one of them. None: K alone.
	Levels []int `json:"levels,omitempty"`
	// LevelWeights is "uniform", the default, or "reverse", where the sparsest of n levels weighs n times the last.
	LevelWeights string `json:"level_weights,omitempty"`

	Batch  int `json:"batch"`
	Epochs int `json:"epochs"`

	LR          float64 `json:"lr"` // at the first step; a half cosine brings it to zero
	WeightDecay float64 `json:"weight_decay"`
	Beta1       float64 `json:"beta1"`
	Beta2       float64 `json:"beta2"`
	Eps         float64 `json:"eps"`

	// EncoderDecay is weight decay of the encoder's rows alone, in addition to WeightDecay. It keeps latents from answering to what is
	// particular to the training rows.
	EncoderDecay float64 `json:"encoder_decay,omitempty"`

	// Noise is the standard deviation of the Gaussian noise that is added to every number of a standardised row before it is encoded; what
	// is to be reconstructed stays clean. The numbers of standardised rows have a standard deviation of about 1.
	Noise float64 `json:"noise,omitempty"`

	Seed    uint64  `json:"seed"`
	Holdout float64 `json:"holdout"` // share of rows that Split keeps for measuring

	Standardise bool    `json:"standardise"`  // subtract the mean, scale to an RMS norm of √d
	InputNorm   float64 `json:"input_norm"`   // otherwise: multiply the (unit) rows by this
	UnitDecoder bool    `json:"unit_decoder"` // decoder rows keep norm 1, gradients are projected

	// Revive is after how many epochs without firing a latent counts as dead and is
	// pointed at a row that is reconstructed badly; 0: never. See CPU.
	Revive float64 `json:"revive"`

	Threads int `json:"-"` // goroutines of a step; 0 or 1: one
}

// Preset returns a named configuration.
//
//	default  for 5,000 to 50,000 CLIP vectors, to find concepts: few active latents
//	seed     the experiment this project began with: k as large as the width, nearly
//	         lossless reconstruction
//	demo     about 2,000 vectors in seconds
func Preset(name string) (Config, error) {
	adam := Config{Preset: name, Beta1: 0.9, Beta2: 0.999, Batch: 128, Seed: 1, Holdout: 0.1, Threads: 1}
	switch name {
	case "default":
		c := adam
		// Measured on 22,500 CLIP vectors: 12 epochs at 2e-3 leave an FVU of 0.10 on the
		// batches, 18 of 30 epochs at 5e-4 one of 0.12. With k = 16 instead of 32 single
		// latents match words better (average precision 0.29 for 0.24), groups of five
		// worse (0.40 for 0.43), and many more latents need reviving.
		c.Latents, c.K, c.Epochs = 4096, 32, 20
		//
		// Decay of the encoder and noise on what it sees are for rows it has not seen: on whole videos kept back, after 16
		// epochs, a batch FVU of 0.246 falls to 0.228 with the decay, and with both, after 40 epochs, to 0.213.
		c.LR, c.Eps = 2e-3, 6.25e-10
		c.EncoderDecay, c.Noise = 1, 0.25
		c.Standardise, c.UnitDecoder, c.Revive = true, true, 1
		return c, nil
	case "seed":
		c := adam
		c.Latents, c.K, c.Epochs = 4096, 512, 100
		c.LR, c.WeightDecay, c.Eps = 1e-3, 1e-4, 1e-8
		c.InputNorm = 10.7 // the usual length of a CLIP ViT-B/32 vector before it is normalised
		return c, nil
	case "demo":
		c := adam
		// Few rows want few latents and many epochs. Against the keywords of the demo's pictures
		// concepts of 512 latents, k 32, reach a mean precision@10 of 0.53 and average precision
		// of 0.36, of 1,024 latents, k 16, 0.50 and 0.32; held-out FVU is 0.15 and 0.26.
		c.Latents, c.K, c.Epochs = 512, 32, 40
		c.LR, c.Eps = 2e-3, 6.25e-10
		c.Standardise, c.UnitDecoder, c.Revive = true, true, 1
		return c, nil
	}
	return Config{}, fmt.Errorf("train: no preset %q; there are default, seed and demo", name)
}

// Validate returns every fault of c at once.
func (c Config) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf("train: "+format, args...))
		}
	}
	check(c.Latents > 0, "latents is %d, it must be above zero", c.Latents)
	check(c.K > 0 && c.K <= c.Latents, "k is %d, it must be from 1 to the number of latents, %d", c.K, c.Latents)
	if len(c.Levels) > 0 {
		check(slices.Contains(c.Levels, c.K), "k is %d, and the levels %v: it must be one of them", c.K, c.Levels)
		check(slices.IsSorted(c.Levels) && len(slices.Compact(slices.Clone(c.Levels))) == len(c.Levels) && c.Levels[0] > 0, "the levels are %v, they must ascend from 1 or more", c.Levels)
		check(c.Levels[len(c.Levels)-1] <= c.Latents, "the last of the levels %v is more than the %d latents", c.Levels, c.Latents)
		check(len(c.Levels) <= maxLevels, "there are %d levels, at most %d can be trained at once", len(c.Levels), maxLevels)
	}
	check(slices.Contains([]string{"", "uniform", "reverse"}, c.LevelWeights), `level weights are %q, want "uniform" or "reverse"`, c.LevelWeights)
	check(c.Batch > 0, "batch is %d, it must be above zero", c.Batch)
	check(c.Epochs > 0, "epochs is %d, it must be above zero", c.Epochs)
	check(c.LR > 0 && !math.IsInf(c.LR, 0), "learning rate is %v, it must be above zero", c.LR)
	check(c.WeightDecay >= 0 && c.WeightDecay*c.LR < 1, "weight decay is %v, it must be from 0 to 1/lr", c.WeightDecay)
	check(c.Beta1 >= 0 && c.Beta1 < 1, "beta1 is %v, it must be from 0 up to 1", c.Beta1)
	check(c.Beta2 >= 0 && c.Beta2 < 1, "beta2 is %v, it must be from 0 up to 1", c.Beta2)
	check(c.Eps > 0, "eps is %v, it must be above zero", c.Eps)
	check(c.Holdout >= 0 && c.Holdout < 1, "holdout is %v, it must be from 0 up to 1", c.Holdout)
	check(c.InputNorm >= 0, "input norm is %v, it must not be negative", c.InputNorm)
	check(c.Standardise != (c.InputNorm > 0), "either standardise or an input norm above zero is needed, and not both")
	check(c.EncoderDecay >= 0 && (c.WeightDecay+c.EncoderDecay)*c.LR < 1, "encoder decay is %v, with the weight decay it must be from 0 to 1/lr", c.EncoderDecay)
	check(c.Noise >= 0 && !math.IsInf(c.Noise, 0), "noise is %v, it must not be negative", c.Noise)
	check(c.Revive >= 0, "revive is %v, it must not be negative", c.Revive)
	return errors.Join(faults...)
}

// batch is the number of rows of a step: a data set smaller than a batch is one batch.
func (c Config) batch(rows int) int { return max(1, min(c.Batch, rows)) }

// stepsPerEpoch leaves out the rows that do not fill a batch; the next epoch's order
// leaves out others.
func (c Config) stepsPerEpoch(rows int) int { return rows / c.batch(rows) }

// Steps is the length of a run over that many rows.
func (c Config) Steps(rows int) int { return c.Epochs * c.stepsPerEpoch(rows) }

// rate is the learning rate of a step: half a cosine from LR to zero.
func (c Config) rate(step, steps int) float64 {
	return c.LR * (1 + math.Cos(math.Pi*float64(step)/float64(steps))) / 2
}
