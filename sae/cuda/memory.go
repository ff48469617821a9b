package cuda

import (
	"errors"
	"fmt"

	"github.com/saedb/saedb/internal/cudadrv"
)

// memory is the buffers of a backend; what is not there is 0.
type memory [slots]cudadrv.Ptr

// alloc makes the buffers from one up to another. If one fails, none of them is kept.
func (m *memory) alloc(t *cudadrv.Thread, s shape, from, to slot) error {
	for b := from; b < to; b++ {
		size := s.size(b)
		if size == 0 {
			continue
		}
		p, err := t.Alloc(size)
		if err != nil {
			return errors.Join(err, m.free(t, from, to))
		}
		m[b] = p
	}
	return nil
}

// free gives the buffers from one up to another back.
func (m *memory) free(t *cudadrv.Thread, from, to slot) error {
	var faults []error
	for b := from; b < to; b++ {
		if m[b] != 0 {
			faults = append(faults, t.Free(m[b]))
			m[b] = 0
		}
	}
	return errors.Join(faults...)
}

// zero clears those of some buffers that are there.
func (m *memory) zero(t *cudadrv.Thread, s shape, which ...slot) error {
	for _, b := range which {
		if m[b] == 0 {
			continue
		}
		if err := t.Zero(m[b], s.size(b)/4); err != nil {
			return err
		}
	}
	return nil
}

// upload fills buffers with float32 tensors.
func (m *memory) upload(t *cudadrv.Thread, tensors map[slot][]float32) error {
	for b, x := range tensors {
		if err := cudadrv.Upload(t, m[b], x); err != nil {
			return fmt.Errorf("upload: %w", err)
		}
	}
	return nil
}

// download reads buffers into float32 tensors.
func (m *memory) download(t *cudadrv.Thread, tensors map[slot][]float32) error {
	for b, x := range tensors {
		if err := cudadrv.Download(t, x, m[b]); err != nil {
			return fmt.Errorf("download: %w", err)
		}
	}
	return nil
}
