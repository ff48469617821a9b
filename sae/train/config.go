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
	// Variant is how the latents that fire are chosen: "", the K strongest of each row (TopK, arXiv:2406.04093); "batchtopk", the
	// K·B strongest of a batch of B rows, and a threshold for later (arXiv:2412.06410); "relu", all above zero, with a penalty L1.
	Variant string `json:"variant,omitempty"`
	// L1 weighs the penalty of the variant "relu": the mean over rows of Σ|z|.
	L1 float64 `json:"l1,omitempty"`
	// Levels are several numbers of active latents, ascending, for which one model is trained at once (nested, after MSAE, arXiv:2502.20578):
	// the loss is the weighted mean of those of the codes cut to each of them. K is one of them. None: K alone.
	Levels []int `json:"levels,omitempty"`
	// LevelWeights is "uniform", the default, or "reverse", where the sparsest of n levels weighs n times the last.
	LevelWeights string `json:"level_weights,omitempty"`

	// Prefixes are several numbers of latents, ascending to all of them, each of which must reconstruct by its first latents alone
	// (Matryoshka, arXiv:2503.17547): the loss is the mean over them. The first latents learn what is general.
	Prefixes []int `json:"prefixes,omitempty"`
	// KStart begins a run with more active latents, which fall to K over its first half, evenly; 0: with K.
	KStart int `json:"k_start,omitempty"`

	Batch  int `json:"batch"`
	Epochs int `json:"epochs"`

	LR          float64 `json:"lr"`                 // the largest learning rate of the run
	Warmup      float64 `json:"warmup,omitempty"`   // share of the steps over which the rate rises to LR
	Schedule    string  `json:"schedule,omitempty"` // after that: "", half a cosine to zero; "linear", a line to zero over the last fifth; "constant"
	Clip        float64 `json:"clip,omitempty"`     // largest norm of all gradients together; 0: any
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

	// Bias is where b_dec begins: "", at the mean of the rows; "median", at their geometric median; "zero".
	Bias string `json:"bias,omitempty"`
	// CosinePenalty keeps decoder rows from pointing the same way; see spread.
	CosinePenalty float64 `json:"cosine_penalty,omitempty"`
	// AuxK is how many silent latents, of those that have not fired for an epoch, are to explain what the others leave of a row,
	// with the weight AuxWeight in the loss; 0: none. See aux.
	AuxK      int     `json:"aux_k,omitempty"`
	AuxWeight float64 `json:"aux_weight,omitempty"`
	// Patience ends the run when the rows that are watched have not been reconstructed better for so many epochs, and gives back the
	// best model; 0: never. See Watch.
	Patience int `json:"patience,omitempty"`

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
	check(slices.Contains([]string{"", batchTopK, relu}, c.Variant), "the variant is %q, it may be empty, %q or %q", c.Variant, batchTopK, relu)
	check(c.Variant == "" || len(c.Levels) == 0, "several levels are for TopK, the variant is %q", c.Variant)
	check((c.L1 > 0) == (c.Variant == relu) && c.L1 >= 0 && !math.IsInf(c.L1, 0), "l1 is %v with the variant %q: relu needs one above zero, and nothing else has it", c.L1, c.Variant)
	check(c.Variant != relu || c.UnitDecoder, "the variant relu needs decoder rows of norm 1: else they grow and the penalty shrinks")
	if len(c.Prefixes) > 0 {
		check(len(c.Levels) == 0, "there are levels and prefixes; one of the two is possible")
		check(slices.IsSorted(c.Prefixes) && len(slices.Compact(slices.Clone(c.Prefixes))) == len(c.Prefixes) && c.Prefixes[0] > 0, "the prefixes are %v, they must ascend from 1 or more", c.Prefixes)
		check(c.Prefixes[len(c.Prefixes)-1] == c.Latents, "the last of the prefixes %v must be all %d latents", c.Prefixes, c.Latents)
		check(len(c.Prefixes) <= maxLevels, "there are %d prefixes, at most %d can be trained at once", len(c.Prefixes), maxLevels)
	}
	check(c.KStart == 0 || c.KStart >= c.K && c.KStart <= c.Latents && len(c.Levels) == 0 && c.Variant != relu, "k starts at %d: it must be from k, %d, to the %d latents, with neither levels nor relu", c.KStart, c.K, c.Latents)
	check(c.Warmup >= 0 && c.Warmup < 1, "warmup is %v, it must be a share of the run from 0 up to 1", c.Warmup)
	check(slices.Contains([]string{"", "cosine", "linear", "constant"}, c.Schedule), `the schedule is %q, want "cosine", "linear" or "constant"`, c.Schedule)
	check(c.Clip >= 0, "clip is %v, it must not be negative", c.Clip)
	check(slices.Contains([]string{"", "mean", "median", "zero"}, c.Bias), `the bias is %q, want "mean", "median" or "zero"`, c.Bias)
	check(c.CosinePenalty >= 0 && c.CosinePenalty*c.LR < 1, "the cosine penalty is %v, it must be from 0 up to 1/lr", c.CosinePenalty)
	check(c.CosinePenalty == 0 || c.UnitDecoder, "a cosine penalty needs decoder rows of norm 1")
	check(c.AuxK >= 0 && c.AuxWeight >= 0 && (c.AuxK > 0) == (c.AuxWeight > 0), "aux k is %d with weight %v; both must be above zero, or both zero", c.AuxK, c.AuxWeight)
	check(c.Patience >= 0, "patience is %d, it must not be negative", c.Patience)
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

// The variants beside TopK.
const (
	batchTopK = "batchtopk"
	relu      = "relu"
)

// mostActive is the K of the model: as many latents as one code may hold. BatchTopK spends its K per row where it is needed, so
// one row may have eight times as many.
func (c Config) mostActive() int {
	switch c.Variant {
	case batchTopK:
		return min(c.Latents, 8*c.K)
	case relu:
		return c.Latents
	}
	return c.K
}

// active is the number of latents of a row, or on average of one, in a step.
func (c Config) active(step, steps int) int {
	if c.Variant == relu {
		return c.Latents
	}
	if len(c.Levels) > 0 {
		return c.Levels[len(c.Levels)-1]
	}
	if half := steps / 2; step < half && c.KStart > c.K {
		return c.KStart - (c.KStart-c.K)*step/half
	}
	return c.K
}

// rate is the learning rate of a step.
func (c Config) rate(step, steps int) float64 {
	warm := int(c.Warmup * float64(steps))
	if step < warm {
		return c.LR * float64(step+1) / float64(warm+1)
	}
	at := float64(step-warm) / float64(steps-warm) // 0 up to 1
	switch c.Schedule {
	case "linear":
		return c.LR * min(1, 5*(1-at))
	case "constant":
		return c.LR
	}
	return c.LR * (1 + math.Cos(math.Pi*at)) / 2
}
