package train

import (
	"errors"
	"fmt"

	"github.com/saedb/saedb/internal/safetensors"
	"github.com/saedb/saedb/sae"
)

// Backend holds a model in training and moves it one step at a time. CPU is the one
// others are measured against. A Backend serves one goroutine at a time.
type Backend interface {
	// Step trains on one batch, (B,D) row-major in the model's standardised space,
	// with the given learning rate. A loss that is not finite is ErrLoss, and leaves
	// the model as it was before the step.
	Step(batch []float32, lr float64) (StepResult, error)
	// Model returns a copy of the model as it is now.
	Model() (*sae.Model, error)
	// State returns a copy of everything a later Restore needs to continue exactly:
	// parameters, optimiser moments, counters.
	State() (*safetensors.File, error)
	// Restore sets what State returned, of a backend of the same shape.
	Restore(*safetensors.File) error
	Close() error
}

// Runner is a Backend that takes the rows of a run from the data itself, so that it can do many steps without coming back to its caller. What it does is, step
// by step, what Step does with the same batches.
type Runner interface {
	Backend
	// Begin gives it the data, which it reads in Begin and in Steps, and may keep. It is called once before the first of the steps, after Restore where there
	// is something to restore.
	Begin(data Dataset) error
	// Steps does the next steps of the run, as State counts them: at least one and at most n, none of them beyond the end of an epoch. It returns what each did;
	// an error is that of the step after those.
	Steps(n int) ([]StepResult, error)
}

// StepResult says what a step did. Loss and FVU are those of the batch before the
// weights moved.
type StepResult struct {
	Loss    float64 // mean of (x̂-x)² over rows and columns
	FVU     float64 // Σ‖x-x̂‖² / Σ‖x-x̄‖² over the batch
	Active  int     // latents that fired, summed over the rows
	Dead    int     // latents that have not fired for an epoch
	Revived int     // dead latents that were pointed elsewhere
}

// ErrLoss marks a loss that is not a finite number.
var ErrLoss = errors.New("the loss is not a finite number")

// RowError says which number of a batch is none, or not finite.
type RowError struct {
	Row, Column int // of the batch
	Value       float32
}

func (e *RowError) Error() string {
	return fmt.Sprintf("row %d of the batch has %v in column %d", e.Row, e.Value, e.Column)
}

// lossError is ErrLoss with its cause: a row of the batch that is to blame, or else the learning rate.
func lossError(batch []float32, d int, lr float64) error {
	for i, v := range batch {
		if v-v != 0 {
			return fmt.Errorf("%w: %w", ErrLoss, &RowError{i / d, i % d, v})
		}
	}
	return fmt.Errorf("%w; a smaller learning rate than %g may help", ErrLoss, lr)
}
