package main

import (
	"fmt"

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
func (a *app) newBackend(name string, cfg train.Config, init *sae.Model) (train.Backend, string, error) {
	if err := checkBackend(name); err != nil {
		return nil, "", err
	}
	if name != backendCPU {
		b, err := newCUDA(cfg, init, cuda.Options{Driver: a.getenv(cudaEnv)})
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
