package main

import (
	"os"
	"path/filepath"

	"github.com/saedb/saedb/internal/safetensors"
	"github.com/saedb/saedb/sae/train"
)

// parity is a small run of the plain step whose losses rivals.py must reach: that what it times is the same step.
func parity() testCase {
	c := timed(256, 16, 64, "f32")
	c.d, c.rows, c.cfg.Epochs, c.cfg.LR = 48, 8*64, 2, 1e-3
	return c
}

// writeRivals writes that run: the untrained model, the batches of every step, and the losses of the CPU backend.
func writeRivals(dir string) error {
	c := parity()
	data, m, err := c.begin()
	if err != nil {
		return err
	}
	cpu, err := train.CPU(c.cfg, m)
	if err != nil {
		return err
	}
	steps := c.cfg.Steps(data.Len())
	var x []float32
	losses := make([]float32, 0, steps)
	for s := range steps {
		b := batch(c.cfg, data, m, s)
		res, err := cpu.Step(b, c.cfg.RateAt(s, steps))
		if err != nil {
			return err
		}
		x, losses = append(x, b...), append(losses, float32(res.Loss))
	}
	f := &safetensors.File{}
	f.PutF32("x", x, steps, c.cfg.Batch, c.d)
	f.PutF32("losses", losses)
	f.PutF32("W_enc", m.Wenc, m.M, m.D)
	f.PutF32("W_dec", m.Wdec, m.M, m.D)
	f.PutF32("b_enc", m.Benc)
	f.PutF32("b_dec", m.Bdec)
	out, err := os.Create(filepath.Join(dir, "parity.safetensors"))
	if err != nil {
		return err
	}
	if err := safetensors.Write(out, f); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
