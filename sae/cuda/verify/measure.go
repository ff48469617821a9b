package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/saedb/saedb/sae/cuda"
	"github.com/saedb/saedb/sae/cuda/kernel"
	"github.com/saedb/saedb/sae/train"
)

// shapes are the steps whose time is worth knowing, of vectors of 512 numbers. rivals.py has the same.
var shapes = []struct{ m, k, batch int }{{4096, 32, 128}, {4096, 32, 4096}, {4096, 512, 128}, {65536, 64, 8192}}

// perEpoch is how many steps lie between two events: as many as are recorded as one.
const perEpoch = 16

// timed is the configuration of a shape: the plain step, and decoder rows of norm 1. rivals.py does the same.
func timed(m, k, batch int, p cuda.Precision) testCase {
	cfg := train.Config{
		Latents: m, K: k, Batch: batch, LR: 1e-4, Schedule: "constant", Beta1: 0.9, Beta2: 0.999, Eps: 6.25e-10, Seed: 1, Standardise: true, UnitDecoder: true, Threads: 1,
	}
	return testCase{d: 512, rows: perEpoch * batch, cfg: cfg, o: cuda.Options{Precision: p}}
}

// measure times steps by the device's own events: rows, order and all else are there. Each figure is the mean of 16 steps that were started as one.
func measure(w io.Writer, o cuda.Options, epochs int) error {
	if epochs == 0 {
		return nil
	}
	fmt.Fprintf(w, "## Time of a step\n\nd=512, rows on the device, by CUDA events around %d steps; median and best of %d such\n\n", perEpoch, epochs)
	fmt.Fprintf(w, "| latents | k | batch | precision | codes | median ms | best ms | last loss |\n|---|---|---|---|---|---|---|---|\n")
	for _, s := range shapes {
		for _, p := range []cuda.Precision{cuda.F32, cuda.TF32, cuda.BF16} {
			c := timed(s.m, s.k, s.batch, p)
			c.cfg.Epochs = epochs + 1
			t, err := c.time(o)
			if errors.Is(err, cuda.ErrMemory) {
				fmt.Fprintf(w, "| %d | %d | %d | %s | | too little memory | | |\n", s.m, s.k, s.batch, p)
				continue
			}
			if err != nil {
				return fmt.Errorf("time: %d latents, k %d, batches of %d, %s: %w", s.m, s.k, s.batch, p, err)
			}
			codes := "sparse"
			if t.Dense {
				codes = "dense"
			}
			if t.Stream {
				codes += ", rows stream"
			}
			slices.Sort(t.MS)
			fmt.Fprintf(w, "| %d | %d | %d | %s | %s | %.4f | %.4f | %.6f |\n", s.m, s.k, s.batch, p, codes, t.MS[len(t.MS)/2], t.MS[0], t.Losses[len(t.Losses)-1])
		}
	}
	fmt.Fprintln(w)
	return nil
}

// time trains the case.
func (c testCase) time(o cuda.Options) (cuda.Timing, error) {
	data, init, err := c.begin()
	if err != nil {
		return cuda.Timing{}, err
	}
	return cuda.Time(c.cfg, init, data, c.on(o), c.cfg.Epochs)
}

// sums writes the PTX that ran, for the report, and if all of it was right the lines that belong into kernel/VERIFIED.
func sums(w io.Writer, d cuda.Device, ok bool) error {
	title := "## For sae/cuda/kernel/VERIFIED"
	if !ok {
		title = "## PTX that ran, not to be listed in sae/cuda/kernel/VERIFIED"
	}
	fmt.Fprintf(w, "%s\n\n", title)
	for _, name := range kernel.Names {
		ptx, err := kernel.PTX(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "    %x  %s.ptx  %s, CUDA %s\n", sha256.Sum256(ptx), name, d.Name, d.Driver)
	}
	return nil
}
