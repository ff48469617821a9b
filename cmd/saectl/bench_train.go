package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/internal/safetensors"
	"github.com/saedb/saedb/sae/cuda"
	"github.com/saedb/saedb/sae/train"
)

// benchTrain is what was asked of `bench train`.
type benchTrain struct {
	vectors, golden, dump string
	preset                string
	variant, backend      string
	precision             string
	latents, k, batch     int
	steps, threads        int
	seed                  uint64
}

func newBenchTrainCmd(a *app) *cobra.Command {
	var b benchTrain
	cmd := &cobra.Command{
		Use:   "train --vectors x.npy",
		Short: "Measure training steps, or replay a parity file",
		Long: `train runs --steps training steps on the rows of --vectors and prints the time of a
step and the loss of each. With --golden it replays a parity file instead, the run
of another trainer from the same weights over the same batches, and prints the
losses, their largest relative difference and that of the final weights.`,
		Example: `  saectl bench train --vectors x.npy --latents 4096 --k 32 --batch 128 --steps 200
  saectl bench train --golden topk.safetensors --dump final.safetensors`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if b.golden != "" {
				r, err := b.replay()
				if err != nil {
					return err
				}
				return a.printBench(r)
			}
			r, err := b.run(a, func() error { return cmd.Context().Err() })
			if err != nil {
				return err
			}
			return a.printBench(r)
		},
	}
	f := cmd.Flags()
	f.StringVar(&b.vectors, "vectors", "", "rows to train on (.npy)")
	f.StringVar(&b.golden, "golden", "", "parity file to replay (.safetensors)")
	f.StringVar(&b.dump, "dump", "", "with --golden: write the final W_enc, b_enc, W_dec, b_dec here")
	f.StringVar(&b.preset, "preset", "default", "settings that the other flags change")
	f.StringVar(&b.variant, "variant", "topk", "kind of autoencoder: topk, batchtopk, nested, matryoshka or relu")
	f.StringVar(&b.backend, "backend", "cpu", "what runs the steps: auto, cpu or cuda")
	registerPrecision(f, &b.precision)
	f.IntVar(&b.latents, "latents", 4096, "number of latents")
	f.IntVar(&b.k, "k", 32, "active latents of a code")
	f.IntVar(&b.batch, "batch", 128, "rows of a step")
	f.IntVar(&b.steps, "steps", 200, "steps to measure")
	f.IntVar(&b.threads, "threads", 1, "goroutines of a step (0: one for each processor)")
	f.Uint64Var(&b.seed, "seed", 1, "seed of weights and batches")
	return cmd
}

// trainResult is what `bench train` prints.
type trainResult struct {
	CPU      spread    `json:"cpu"`
	Wall     spread    `json:"wall"`
	Rate     float64   `json:"vectors_per_second"`
	Losses   []float64 `json:"losses"`
	Machine  machine   `json:"machine"`
	Settings any       `json:"settings"`
}

// run measures steps on batches drawn at random. The first steps, up to three,
// find memory cold and are measured all the same: the median does not see them.
func (b *benchTrain) run(a *app, interrupted func() error) (*trainResult, error) {
	if b.vectors == "" {
		return nil, hint(errors.New("nothing to measure on"), "give --vectors x.npy, or --golden FILE")
	}
	if err := checkVariant(b.variant); err != nil {
		return nil, err
	}
	if err := checkBackend(b.backend); err != nil {
		return nil, err
	}
	rows, err := readUnit(b.vectors)
	if err != nil {
		return nil, err
	}
	if b.steps < 1 || rows.Rows == 0 {
		return nil, errors.New("--steps and the rows of --vectors must be at least 1")
	}
	cfg, err := train.Preset(b.preset)
	if err != nil {
		return nil, err
	}
	cfg.Latents, cfg.K, cfg.Batch, cfg.Seed = b.latents, b.k, b.batch, b.seed
	if err := (&trainFlags{variant: b.variant, set: func(string) bool { return false }}).resolveVariant(&cfg); err != nil {
		return nil, err
	}
	if cfg.Threads = b.threads; cfg.Threads == 0 {
		cfg.Threads = runtime.GOMAXPROCS(0)
	}
	data := train.Rows{D: rows.Cols, X: rows.Data}
	init, err := train.Init(cfg, data)
	if err != nil {
		return nil, err
	}
	backend, chosen, err := a.newBackend(b.backend, cuda.Precision(b.precision), cfg, init)
	if err != nil {
		return nil, err
	}
	defer backend.Close()

	random := rand.New(rand.NewPCG(b.seed, 0))
	batch := make([]float32, 0, cfg.Batch*rows.Cols)
	var losses []float64
	var series laps
	for range b.steps {
		if err := interrupted(); err != nil {
			return nil, err
		}
		batch = batch[:0]
		for range cfg.Batch {
			batch = init.Standardise(batch, rows.Row(random.IntN(rows.Rows)))
		}
		watch := startWatch()
		step, err := backend.Step(batch, cfg.LR)
		if err != nil {
			return nil, err
		}
		series = append(series, watch.stop())
		losses = append(losses, step.Loss)
	}
	wall := series.wall(1)
	return &trainResult{
		CPU: series.cpu(1), Wall: wall, Rate: float64(cfg.Batch) * 1000 / wall.Median, Losses: losses, Machine: thisMachine(),
		Settings: map[string]any{"preset": b.preset, "variant": b.variant, "backend": chosen, "latents": cfg.Latents, "k": cfg.K,
			"batch": cfg.Batch, "steps": b.steps, "threads": cfg.Threads, "seed": b.seed, "width": rows.Cols, "rows": rows.Rows, "lr": cfg.LR},
	}, nil
}

// replay compares our steps with those of a parity file.
func (b *benchTrain) replay() (*train.GoldenReport, error) {
	f, err := os.Open(b.golden)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	file, err := safetensors.Read(f, st.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.golden, err)
	}
	report, err := train.Golden(file, max(1, b.threads))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.golden, err)
	}
	if b.dump != "" {
		if err := writeTensors(b.dump, report.Final); err != nil {
			return nil, err
		}
	}
	return &report, nil
}

func writeTensors(path string, tensors *safetensors.File) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := safetensors.Write(f, tensors); err != nil {
		f.Close() // the first error is the one to tell
		return fmt.Errorf("%s: %w", path, err)
	}
	return f.Close()
}
