package train

import (
	"fmt"
	"math"
	"strconv"

	"github.com/saedb/saedb/internal/safetensors"
	"github.com/saedb/saedb/sae"
)

// GoldenReport is what came of replaying a parity file.
type GoldenReport struct {
	Losses      []float64 `json:"losses"`
	MaxRelLoss  float64   `json:"max_rel_loss"`  // largest |loss - losses64| / losses64
	MaxAbsFinal float64   `json:"max_abs_final"` // largest |w - final.w| over all parameters

	Final *safetensors.File `json:"-"` // W_enc, b_enc, W_dec, b_dec after the last step, F32
}

// Golden replays a parity file on the CPU backend: the run of another trainer from the
// same weights (tensors init.*) over the same batches (x, of steps, batch, d), with
// the hyper-parameters of the file's metadata: k, lr, beta1, beta2, eps, weight_decay.
// It is the plain step: constant rate, no standardisation, no projection.
func Golden(f *safetensors.File, threads int) (GoldenReport, error) {
	rep, err := golden(f, threads)
	if err != nil {
		return rep, fmt.Errorf("train: parity file: %w", err)
	}
	return rep, nil
}

func golden(f *safetensors.File, threads int) (rep GoldenReport, err error) {
	cfg, m, err := goldenInit(f)
	if err != nil {
		return rep, err
	}
	x, err := f.F32("x", -1, -1, m.D)
	if err != nil {
		return rep, err
	}
	shape := f.Tensors["x"].Shape
	steps, batch := shape[0], shape[1]
	want, err := f.F64("losses64", steps)
	if err != nil {
		return rep, err
	}
	cfg.Batch, cfg.Threads = batch, threads
	b, err := CPU(cfg, m)
	if err != nil {
		return rep, err
	}
	defer b.Close()
	for s := range steps {
		res, err := b.Step(x[s*batch*m.D:(s+1)*batch*m.D], cfg.LR)
		if err != nil {
			return rep, err
		}
		rep.Losses = append(rep.Losses, res.Loss)
		rep.MaxRelLoss = max(rep.MaxRelLoss, math.Abs(res.Loss-want[s])/math.Abs(want[s]))
	}
	end, err := b.Model()
	if err != nil {
		return rep, err
	}
	rep.Final = &safetensors.File{}
	rep.Final.PutF32("W_enc", end.Wenc, end.M, end.D)
	rep.Final.PutF32("W_dec", end.Wdec, end.M, end.D)
	rep.Final.PutF32("b_enc", end.Benc, end.M)
	rep.Final.PutF32("b_dec", end.Bdec, end.D)
	for name, got := range map[string][]float32{"W_enc": end.Wenc, "W_dec": end.Wdec, "b_enc": end.Benc, "b_dec": end.Bdec} {
		want, err := f.F32("final."+name, rep.Final.Tensors[name].Shape...)
		if err != nil {
			return rep, err
		}
		for i := range got {
			rep.MaxAbsFinal = max(rep.MaxAbsFinal, math.Abs(float64(got[i])-float64(want[i])))
		}
	}
	return rep, nil
}

// goldenInit reads the hyper-parameters and the weights to begin with.
func goldenInit(f *safetensors.File) (cfg Config, m *sae.Model, err error) {
	number := func(name string) (v float64) {
		if err == nil {
			if v, err = strconv.ParseFloat(f.Metadata[name], 64); err != nil {
				err = fmt.Errorf("metadata %s is %q, a number is needed", name, f.Metadata[name])
			}
		}
		return v
	}
	cfg = Config{
		K: int(number("k")), LR: number("lr"), Beta1: number("beta1"), Beta2: number("beta2"), Eps: number("eps"),
		WeightDecay: number("weight_decay"), Batch: 1, Epochs: 1, InputNorm: 1,
	}
	if err != nil {
		return cfg, nil, err
	}
	m = &sae.Model{K: cfg.K, Scale: 1}
	if m.Wenc, err = f.F32("init.W_enc", -1, -1); err != nil {
		return cfg, nil, err
	}
	m.M, m.D = f.Tensors["init.W_enc"].Shape[0], f.Tensors["init.W_enc"].Shape[1]
	cfg.Latents = m.M
	for _, t := range []struct {
		name  string
		to    *[]float32
		shape []int
	}{{"init.W_dec", &m.Wdec, []int{m.M, m.D}}, {"init.b_enc", &m.Benc, []int{m.M}}, {"init.b_dec", &m.Bdec, []int{m.D}}} {
		if *t.to, err = f.F32(t.name, t.shape...); err != nil {
			return cfg, nil, err
		}
	}
	return cfg, m, nil
}
