package train

import "github.com/saedb/saedb/internal/vec"

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
