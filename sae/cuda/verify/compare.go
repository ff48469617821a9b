package main

import (
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/cuda"
	"github.com/saedb/saedb/sae/train"
)

// tolerances of a comparison: of the losses of ten steps, and of each tensor after them, relative to its root mean square.
const (
	lossTolerance   = 1e-5
	tensorTolerance = 1e-3
)

// compare trains each case for ten steps on both backends.
func compare(w io.Writer, o cuda.Options) (bool, error) {
	fmt.Fprintf(w, "## Ten steps beside the CPU\n\n| case | largest difference of a loss | of a tensor | |\n|---|---|---|---|\n")
	all := true
	for _, c := range cases() {
		loss, tensor, counts, err := c.differences(o)
		if err != nil {
			return false, fmt.Errorf("%s: %w", c.name, err)
		}
		verdict := "ok"
		if !counts || !(loss <= lossTolerance) || !(tensor <= tensorTolerance) {
			verdict, all = "DIFFERS", false
		}
		fmt.Fprintf(w, "| %s | %.1e | %.1e | %s |\n", c.name, loss, tensor, verdict)
	}
	fmt.Fprintln(w)
	return all, nil
}

// differences are the largest relative ones of losses and of tensors; counts says whether the numbers of active, dead and revived latents agree.
func (c testCase) differences(o cuda.Options) (loss, tensor float64, counts bool, err error) {
	data, init, err := c.begin()
	if err != nil {
		return 0, 0, false, err
	}
	cpu, err := train.CPU(c.cfg, init)
	if err != nil {
		return 0, 0, false, err
	}
	gpu, err := cuda.New(c.cfg, init, o)
	if err != nil {
		return 0, 0, false, err
	}
	defer gpu.Close()
	counts = true
	for s := range 10 {
		x := batch(data, init, s, c.cfg.Batch)
		want, err := cpu.Step(x, c.cfg.LR)
		if err != nil {
			return 0, 0, false, err
		}
		got, err := gpu.Step(x, c.cfg.LR)
		if err != nil {
			return 0, 0, false, err
		}
		loss = max(loss, math.Abs(got.Loss-want.Loss)/max(want.Loss, 1e-12)) // of one row nothing may be missed at all
		counts = counts && got.Active == want.Active && got.Dead == want.Dead && got.Revived == want.Revived
	}
	tensor, err = apart(gpu, cpu)
	return loss, tensor, counts, err
}

// batch is the s-th batch of the rows, over and over.
func batch(data train.Rows, m *sae.Model, s, n int) []float32 {
	var x []float32
	for i := range n {
		x = m.Standardise(x, data.Row((s*n+i)%data.Len()))
	}
	return x
}

// apart is by how much the tensors that two backends keep differ.
func apart(a, b train.Backend) (float64, error) {
	x, err := a.State()
	if err != nil {
		return 0, err
	}
	y, err := b.State()
	if err != nil {
		return 0, err
	}
	worst := 0.0
	for _, name := range x.Names() {
		if slices.Contains([]string{"idle", "steps"}, name) {
			continue
		}
		p, err := x.F32(name)
		if err != nil {
			return 0, err
		}
		q, err := y.F32(name, len(p))
		if err != nil {
			return 0, err
		}
		squares, most := 0.0, 0.0
		for i, v := range q {
			squares += float64(v) * float64(v)
			most = max(most, math.Abs(float64(v)-float64(p[i])))
		}
		worst = max(worst, most/math.Sqrt(squares/float64(len(q))))
	}
	return worst, nil
}
