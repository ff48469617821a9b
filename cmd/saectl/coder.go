package main

import (
	"context"
	"errors"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/cuda"
)

// encodeAll brings the codes of an autoencoder up to date, on the backend of that name. auto is the GPU where there is one that can; where it fails in the middle
// the CPU goes on, and a note says why.
func (a *app) encodeAll(ctx context.Context, d *db.DB, name, backend string, threads int, progress func(done, total int)) error {
	if err := checkBackend(backend); err != nil {
		return err
	}
	if backend == backendCPU {
		return d.EncodeAll(ctx, name, threads, progress)
	}
	err := d.EncodeAllBy(ctx, name, threads, a.openCoder, progress)
	failed, ok := errors.AsType[*coderError](err)
	if !ok {
		return err
	}
	if backend == backendCUDA {
		return hint(failed.err, "the same command with --backend cpu goes on where it stopped")
	}
	if !errors.Is(err, cuda.ErrAbsent) { // training has said so, and nobody else asks
		a.note("encoding on the CPU: %v", failed.err)
	}
	return d.EncodeAll(ctx, name, threads, progress)
}

// coderError marks what the GPU failed with.
type coderError struct{ err error }

func (e *coderError) Error() string { return e.err.Error() }
func (e *coderError) Unwrap() error { return e.err }

// openCoder makes an encoder on the GPU, after it has been tried.
func (a *app) openCoder(m *sae.Model) (db.Coder, error) {
	o := cuda.Options{Driver: a.getenv(cudaEnv)}
	if _, err := cuda.Probe(o); err != nil {
		return nil, &coderError{err}
	}
	if err := cuda.SelfTestEncode(o); err != nil {
		return nil, &coderError{err}
	}
	e, err := cuda.NewEncoder(m, o)
	if err != nil {
		return nil, &coderError{err}
	}
	return coder{e}, nil
}

// coder is an encoder on the GPU whose errors are marked.
type coder struct{ e *cuda.Encoder }

func (c coder) EncodeBatch(dst []sae.Code, x []float32, threads int) ([]sae.Code, error) {
	codes, err := c.e.EncodeBatch(dst, x, threads)
	if err != nil {
		return nil, &coderError{err}
	}
	return codes, nil
}

func (c coder) Close() error {
	if err := c.e.Close(); err != nil {
		return &coderError{err}
	}
	return nil
}

// cpuCoder is the processor's encoder, in the same words.
type cpuCoder struct{ e *sae.Encoder }

func (c cpuCoder) EncodeBatch(dst []sae.Code, x []float32, threads int) ([]sae.Code, error) {
	return c.e.EncodeBatch(dst, x, threads), nil
}

func (cpuCoder) Close() error { return nil }

// newCoder makes an encoder for one model on the backend of that name, and says which it became.
func (a *app) newCoder(backend string, m *sae.Model) (db.Coder, string, error) {
	if err := checkBackend(backend); err != nil {
		return nil, "", err
	}
	if backend != backendCPU {
		c, err := a.openCoder(m)
		if err == nil {
			return c, backendCUDA, nil
		}
		if backend == backendCUDA {
			return nil, "", hint(err, "--backend cpu needs no GPU; saectl doctor says what there is")
		}
		a.note("encoding on the CPU: %v", err)
	}
	return cpuCoder{sae.NewEncoder(m)}, backendCPU, nil
}
