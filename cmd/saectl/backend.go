package main

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/cuda"
	"github.com/saedb/saedb/sae/train"
)

// The names of what may run the steps of a training.
const (
	backendAuto = "auto"
	backendCPU  = "cpu"
	backendCUDA = "cuda"
)

// cudaEnv names the driver's library where it is not where drivers are.
const cudaEnv = "SAEDB_CUDA_LIB"

// registerPrecision registers the flag of the precision.
func registerPrecision(flags *pflag.FlagSet, p *string) {
	flags.StringVar(p, "gpu-precision", "", "of the large products on the GPU: f32, tf32 or bf16 (default f32, and tf32 for batches of 1,024 rows or more)")
}

// registerEncodeBackend adds the flag that says what encodes the rows of a database.
func registerEncodeBackend(flags *pflag.FlagSet, backend *string) {
	flags.StringVar(backend, "backend", backendAuto, "what encodes the stored vectors: auto (the GPU where there is one that can), cpu or cuda")
}

// checkBackend refuses what is no backend.
func checkBackend(name string) error {
	switch name {
	case backendAuto, backendCPU, backendCUDA:
		return nil
	}
	return hint(fmt.Errorf("unknown backend %q", name), "backends are auto, cpu and cuda")
}

// newBackend makes the backend of that name, and says which it became. auto is the GPU where there is one, it passes the self-test and what is asked for can be
// trained on it; else it is the CPU, and a note says why.
func (a *app) newBackend(name string, precision cuda.Precision, cfg train.Config, init *sae.Model) (train.Backend, string, error) {
	if err := errors.Join(checkBackend(name), precision.Check()); err != nil {
		return nil, "", err
	}
	if name != backendCPU {
		b, err := newCUDA(cfg, init, cuda.Options{Driver: a.getenv(cudaEnv), Precision: precision})
		if err == nil {
			return b, backendCUDA, nil
		}
		if name == backendCUDA {
			return nil, "", hint(err, "--backend cpu needs no GPU; saectl doctor says what there is")
		}
		a.note("training on the CPU: %v", err)
	}
	b, err := train.CPU(cfg, init)
	return b, backendCPU, err
}

// newCUDA makes a backend on the GPU, after it has been tried.
func newCUDA(cfg train.Config, init *sae.Model, o cuda.Options) (train.Backend, error) {
	if _, err := cuda.Probe(o); err != nil {
		return nil, err
	}
	if err := cuda.Supports(cfg, init.D); err != nil {
		return nil, err
	}
	if err := cuda.SelfTest(o); err != nil {
		return nil, err
	}
	return cuda.New(cfg, init, o)
}
