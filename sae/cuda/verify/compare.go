package main

import (
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/cuda"
	"github.com/saedb/saedb/sae/cuda/kernel"
	"github.com/saedb/saedb/sae/train"
)

// tolerance is how far a run may be from the CPU's: losses relative to themselves, tensors to their root mean square, 0 for any: where the factors of products are
// rounded other latents fire, and single weights go other ways.
type tolerance struct{ loss, tensor float64 }

var tolerances = map[cuda.Precision]tolerance{cuda.F32: {1e-5, 1e-3}, cuda.TF32: {2e-2, 0}, cuda.BF16: {5e-2, 0}}

// compare trains each case for some steps on both backends, and encodes with both.
func compare(w io.Writer, o cuda.Options, steps int) (bool, error) {
	fmt.Fprintf(w, "## %d steps beside the CPU\n\n| case | largest difference of a loss | of a tensor | |\n|---|---|---|---|\n", steps)
	all := true
	started := map[string]bool{}
	for _, c := range cases() {
		loss, tensor, counts, err := c.differences(o, steps, started)
		if err != nil {
			return false, fmt.Errorf("%s: %w", c.name, err)
		}
		verdict, may := "ok", tolerances[c.o.Precision]
		if !(loss <= may.loss) || may.tensor > 0 && !(counts && tensor <= may.tensor) {
			verdict, all = "DIFFERS", false
		}
		fmt.Fprintf(w, "| %s | %.1e | %.1e | %s |\n", c.name, loss, tensor, verdict)
	}
	same, err := encodes(w, o)
	if err != nil {
		return false, fmt.Errorf("encode: %w", err)
	}
	for _, name := range cuda.EncodeKernels() {
		started[name] = true
	}
	fmt.Fprintln(w)
	for _, name := range kernel.Names {
		if !started[name] {
			fmt.Fprintf(w, "NO CASE STARTS THE KERNEL %s.\n", name)
			same = false
		}
	}
	return all && same, nil
}

// differences are the largest relative ones of losses and of tensors; counts says whether the numbers of active, dead and revived latents agree. The kernels of the
// case are added to those started.
func (c testCase) differences(o cuda.Options, steps int, started map[string]bool) (loss, tensor float64, counts bool, err error) {
	data, init, err := c.begin()
	if err != nil {
		return 0, 0, false, err
	}
	cpu, err := train.CPU(c.cfg, init)
	if err != nil {
		return 0, 0, false, err
	}
	b, err := cuda.New(c.cfg, init, c.on(o))
	if err != nil {
		return 0, 0, false, err
	}
	defer b.Close()
	gpu := b.(train.Runner)
	if err := gpu.Begin(data); err != nil {
		return 0, 0, false, err
	}
	for _, name := range cuda.Kernels(c.cfg, init, c.on(o)) {
		started[name] = true
	}
	counts = true
	total := c.cfg.Steps(data.Len())
	for s := 0; s < min(steps, total); {
		some, err := gpu.Steps(min(steps, total) - s)
		if err != nil {
			return 0, 0, false, err
		}
		for _, got := range some {
			want, err := cpu.Step(batch(c.cfg, data, init, s), c.cfg.RateAt(s, total))
			if err != nil {
				return 0, 0, false, err
			}
			loss = max(loss, math.Abs(got.Loss-want.Loss)/max(want.Loss, 1e-12)) // of one row nothing may be missed at all
			counts = counts && got.Active == want.Active && got.Dead == want.Dead && got.Revived == want.Revived
			s++
		}
	}
	tensor, err = apart(gpu, cpu)
	return loss, tensor, counts, err
}

// batch is that of a step of a run.
func batch(cfg train.Config, data train.Rows, m *sae.Model, step int) []float32 {
	n, epoch := cfg.BatchOf(data.Len()), cfg.StepsPerEpoch(data.Len())
	var x []float32
	for _, row := range cfg.Order(step/epoch, data.Len())[step%epoch*n:][:n] {
		x = m.Standardise(x, data.Row(row))
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
		if slices.Contains([]string{"idle", "steps", "threshold"}, name) {
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

// encodes makes codes of each kind of model on both, and writes how many differ in their latents, and by how much activations do.
func encodes(w io.Writer, o cuda.Options) (bool, error) {
	c := cases()[1]
	data, m, err := c.begin()
	if err != nil {
		return false, err
	}
	threshold, all := m.Clone(), m.Clone()
	threshold.K, threshold.Threshold, all.K = 56, 1.5, m.M
	ok := true
	for i, m := range []*sae.Model{m, threshold, all} {
		e, err := cuda.NewEncoder(m, o)
		if err != nil {
			return false, err
		}
		codes, err := e.EncodeBatch(nil, data.X, 1)
		if err := e.Close(); err != nil {
			return false, err
		}
		if err != nil {
			return false, err
		}
		others, most := 0, 0.0
		for row, got := range codes {
			want := m.Encode(sae.Code{}, data.Row(row))
			if !slices.Equal(got.Latents, want.Latents) {
				others++
				continue
			}
			for j, v := range want.Acts {
				most = max(most, math.Abs(float64(v-got.Acts[j]))/float64(slices.Max(want.Acts)))
			}
		}
		verdict := "ok"
		if others > 0 || !(most <= 1e-5) {
			verdict, ok = "DIFFERS", false
		}
		fmt.Fprintf(w, "| encode, %s | %d of %d codes have other latents | %.1e, of activations | %s |\n", []string{"k", "a threshold", "all above zero"}[i], others, len(codes), most, verdict)
	}
	return ok, nil
}
