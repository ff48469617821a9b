package train

import (
	"math/rand/v2"
	"slices"

	"github.com/saedb/saedb/internal/vec"
	"github.com/saedb/saedb/sae"
)

// What follows is for backends elsewhere: what all of them must do alike.

// Optimiser is the t-th step of AdamW, for a learning rate and a decay.
func (c Config) Optimiser(lr, decay float64, t int) *vec.AdamW { return newAdamW(c, lr, decay, t) }

// AddNoise adds to x, a row of the batch of a step, the noise that its encoder sees.
func (c Config) AddNoise(x []float32, step, row int) { addNoise(x, c, step, row) }

// ActiveAt is the number of latents that may fire for a row in a step of so many.
func (c Config) ActiveAt(step, steps int) int { return c.active(step, steps) }

// NoiseSeed is the first half of the seed of AddNoise's generator; the step and the row are the other.
func (c Config) NoiseSeed() uint64 { return c.Seed ^ streamNoise }

// RateAt is the learning rate of a step of so many.
func (c Config) RateAt(step, steps int) float64 { return c.rate(step, steps) }

// Order is the sequence in which an epoch visits so many rows.
func (c Config) Order(epoch, rows int) []int { return order(c.Seed, epoch, rows) }

// StepsPerEpoch is how many batches an epoch over so many rows has.
func (c Config) StepsPerEpoch(rows int) int { return max(1, c.stepsPerEpoch(rows)) }

// BatchOf is how many of so many rows a step takes.
func (c Config) BatchOf(rows int) int { return c.batch(rows) }

// LossError is ErrLoss with its cause: a row of the batch, rows of width d, or else the learning rate.
func LossError(batch []float32, d int, lr float64) error { return lossError(batch, d, lr) }

// NewStarts pairs the latents that have been silent for more than limit steps with the rows of the batch that have the largest loss: the longest silent
// with the worst. There are at most as many as one step revives.
func NewStarts(idle []int64, loss []float64, limit int64) (latents, rows []int) {
	return newStarts(idle, loss, limit)
}

// MostActive is the K of the model: as many latents as one code may hold.
func (c Config) MostActive() int { return c.mostActive() }

// Rungs are the numbers of active latents, or with Prefixes of latents, that are trained for, their shares in the loss, and which of them is the model's own.
func (c Config) Rungs() (rungs []int, weights []float64, own int) {
	rungs, weights = c.levels(), c.levelWeights()
	own = len(rungs) - 1
	if len(c.Levels) > 0 {
		own = slices.Index(rungs, c.K)
	}
	return rungs, weights, own
}

// Meetings is the order of all latents in which each SpreadRun of them meet in a step, for CosinePenalty; steps are those done and this one.
func (c Config) Meetings(steps, latents int) []int {
	return rand.New(rand.NewPCG(c.Seed^streamSpread, uint64(steps))).Perm(latents)
}

// SpreadRun is how many decoder rows are compared with each other in a step.
const SpreadRun = spreadRun

// Follow is a threshold for later, moved towards the least activation that the batch of a step kept; 0: none did. steps are those done and this one, epoch those of an epoch.
func Follow(threshold, least float64, steps, epoch int) float64 {
	if least <= 0 {
		return threshold
	}
	return threshold + (least-threshold)/float64(min(steps, max(epoch, 100)))
}

// Finish gives a model what was learnt beside its tensors, in so many steps.
func (c Config) Finish(m *sae.Model, steps int, threshold float64) {
	m.Info.Steps = steps
	if len(c.Levels) > 0 {
		m.Info.Levels = slices.Clone(c.Levels)
	}
	if c.Variant == batchTopK {
		m.Threshold = float32(threshold)
	}
}

// SharesBatch says whether the latents that fire are those of a whole batch, as with BatchTopK.
func (c Config) SharesBatch() bool { return c.Variant == batchTopK }
