package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/saedb/saedb/sae/cuda"
	"github.com/saedb/saedb/sae/cuda/kernel"
	"github.com/saedb/saedb/sae/train"
)

// shapes are the steps whose time is worth knowing, of vectors of 512 numbers.
var shapes = []struct{ m, k, batch int }{{4096, 32, 128}, {4096, 512, 128}, {4096, 32, 4096}, {4096, 512, 4096}, {65536, 64, 8192}}

// measure times steps, with the way of their rows to the device.
func measure(w io.Writer, o cuda.Options, steps int) error {
	if steps == 0 {
		return nil
	}
	fmt.Fprintf(w, "## Time of a step\n\nd=512, float32; median and best of %d, with the upload of the batch\n\n| latents | k | batch | median ms | best ms |\n|---|---|---|---|---|\n", steps)
	for _, s := range shapes {
		cfg, err := train.Preset("default")
		if err != nil {
			return err
		}
		cfg.Latents, cfg.K, cfg.Batch, cfg.Noise, cfg.Threads = s.m, s.k, s.batch, 0, 1
		times, err := timeSteps(testCase{d: 512, cfg: cfg}, o, steps)
		if errors.Is(err, cuda.ErrMemory) {
			fmt.Fprintf(w, "| %d | %d | %d | too little memory | |\n", s.m, s.k, s.batch)
			continue
		}
		if err != nil {
			return err
		}
		slices.Sort(times)
		ms := func(t time.Duration) float64 { return float64(t.Microseconds()) / 1000 }
		fmt.Fprintf(w, "| %d | %d | %d | %.3f | %.3f |\n", s.m, s.k, s.batch, ms(times[len(times)/2]), ms(times[0]))
	}
	fmt.Fprintln(w)
	return nil
}

// timeSteps returns the time of each step, but for a few that warm up.
func timeSteps(c testCase, o cuda.Options, steps int) ([]time.Duration, error) {
	data, init, err := c.begin()
	if err != nil {
		return nil, err
	}
	init.Info.Rows = 100 * c.cfg.Batch // what an epoch is must not hang on the few rows here
	b, err := cuda.New(c.cfg, init, o)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	x := batch(data, init, 0, c.cfg.Batch)
	var times []time.Duration
	for s := range steps + 10 {
		begun := time.Now()
		if _, err := b.Step(x, c.cfg.LR); err != nil {
			return nil, err
		}
		if s >= 10 {
			times = append(times, time.Since(begun))
		}
	}
	return times, nil
}

// sums writes what belongs into kernel/VERIFIED.
func sums(w io.Writer, d cuda.Device) error {
	fmt.Fprintf(w, "## For sae/cuda/kernel/VERIFIED\n\n")
	for _, name := range kernel.Names {
		ptx, err := kernel.PTX(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "    %x  %s.ptx  %s, CUDA %s\n", sha256.Sum256(ptx), name, d.Name, d.Driver)
	}
	return nil
}
