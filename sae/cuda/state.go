package cuda

import (
	"fmt"
	"math"

	"github.com/saedb/saedb/internal/cudadrv"
	"github.com/saedb/saedb/internal/safetensors"
	"github.com/saedb/saedb/sae"
)

// tensors are the names that the state's float arrays have in a checkpoint, which are those of the CPU.
var tensors = map[string]slot{
	"W_enc": enc, "W_dec": dec, "b_enc": benc, "b_dec": bdec,
	"W_enc.m": encM, "W_dec.m": decM, "b_enc.m": bencM, "b_dec.m": bdecM,
	"W_enc.v": encV, "W_dec.v": decV, "b_enc.v": bencV, "b_dec.v": bdecV,
}

// Model returns a copy of the model as it is now.
func (b *backend) Model() (*sae.Model, error) {
	if b.broken != nil {
		return nil, b.broken
	}
	m := b.like.Clone()
	b.cfg.Finish(m, b.steps, b.threshold)
	if err := b.context.Do(func(t *cudadrv.Thread) error { return b.memory.download(t, weights(m)) }); err != nil {
		return nil, fmt.Errorf("cuda: model: %w", err)
	}
	return m, nil
}

// State returns parameters, moments and counters.
func (b *backend) State() (*safetensors.File, error) {
	if b.broken != nil {
		return nil, b.broken
	}
	f := &safetensors.File{Metadata: map[string]string{"backend": "cuda"}}
	silent := make([]int64, b.shape.m)
	err := b.context.Do(func(t *cudadrv.Thread) error {
		for name, at := range tensors {
			v := make([]float32, b.shape.size(at)/4)
			if err := cudadrv.Download(t, v, b.memory[at]); err != nil {
				return err
			}
			f.PutF32(name, v)
		}
		return cudadrv.Download(t, silent, b.memory[idle])
	})
	if err != nil {
		return nil, fmt.Errorf("cuda: state: %w", err)
	}
	f.PutI64("idle", silent)
	f.PutI64("steps", []int64{int64(b.steps)})
	if b.shape.batch {
		f.PutI64("threshold", []int64{int64(math.Float64bits(b.threshold))})
	}
	return f, nil
}

// Restore sets the state, of this backend or of the CPU's. Nothing changes if some of it is missing.
func (b *backend) Restore(f *safetensors.File) error {
	if b.broken != nil {
		return b.broken
	}
	silent, err := f.I64("idle", b.shape.m)
	if err != nil {
		return fmt.Errorf("cuda: restore: %w", err)
	}
	steps, err := f.I64("steps", 1)
	if err != nil {
		return fmt.Errorf("cuda: restore: %w", err)
	}
	threshold := []int64{0}
	if b.shape.batch {
		if threshold, err = f.I64("threshold", 1); err != nil {
			return fmt.Errorf("cuda: restore: %w", err)
		}
	}
	read := map[slot][]float32{}
	for name, at := range tensors {
		if read[at], err = f.F32(name, int(b.shape.size(at)/4)); err != nil {
			return fmt.Errorf("cuda: restore: %w", err)
		}
	}
	err = b.context.Do(func(t *cudadrv.Thread) error {
		if err := b.memory.upload(t, read); err != nil {
			return err
		}
		return cudadrv.Upload(t, b.memory[idle], silent)
	})
	if err != nil {
		b.broken = fmt.Errorf("cuda: restore: %w", err)
		return b.broken
	}
	b.steps = int(steps[0])
	b.threshold = math.Float64frombits(uint64(threshold[0]))
	return nil
}
