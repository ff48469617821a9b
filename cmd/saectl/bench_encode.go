package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/internal/npy"
	"github.com/saedb/saedb/sae"
)

// benchEncode is what was asked of `bench encode`.
type benchEncode struct {
	vectors, model, dump    string
	backend                 string
	threads, passes, window int
}

func newBenchEncodeCmd(a *app) *cobra.Command {
	var b benchEncode
	cmd := &cobra.Command{
		Use:   "encode --vectors x.npy --model FILE|DIR",
		Short: "Measure the encoder of an autoencoder",
		Long: `encode turns the rows of --vectors into codes, --batch rows at a time, and prints
the time of a batch and the vectors per second. --model is a model file (saectl
export --sae-file) or a SAELens folder. --dump writes the codes as SciPy reads
them, so that they can be compared with another program's.`,
		Example: "  saectl export --sae-file m.sae && saectl bench encode --vectors x.npy --model m.sae",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := b.run(cmd.Context(), a)
			if err != nil {
				return err
			}
			return a.printBench(r)
		},
	}
	f := cmd.Flags()
	f.StringVar(&b.vectors, "vectors", "", "rows to encode (.npy)")
	f.StringVar(&b.model, "model", "", "model file or SAELens folder")
	f.IntVar(&b.threads, "threads", 1, "goroutines (0: one for each processor)")
	f.StringVar(&b.backend, "backend", backendCPU, "what encodes: auto, cpu or cuda")
	f.IntVar(&b.passes, "passes", 5, "passes over the rows")
	f.IntVar(&b.window, "batch", 1024, "rows encoded by one call")
	f.StringVar(&b.dump, "dump", "", "write the codes here (.npz, compressed rows)")
	require(cmd, "vectors", "model")
	return cmd
}

// encodeResult is what `bench encode` prints.
type encodeResult struct {
	CPU      spread  `json:"cpu"`
	Wall     spread  `json:"wall"`
	Rate     float64 `json:"vectors_per_second"`
	Active   float64 `json:"l0_count"`
	Machine  machine `json:"machine"`
	Settings any     `json:"settings"`
}

func (b *benchEncode) run(ctx context.Context, a *app) (*encodeResult, error) {
	m, err := readModel(b.model)
	if err != nil {
		return nil, err
	}
	rows, err := readUnit(b.vectors)
	if err != nil {
		return nil, err
	}
	switch {
	case rows.Cols != m.D:
		return nil, fmt.Errorf("%s has vectors of width %d, the model is made for %d", b.vectors, rows.Cols, m.D)
	case b.passes < 1 || b.window < 1 || b.threads < 0 || rows.Rows == 0:
		return nil, errors.New("--passes, --batch and the rows of --vectors must be at least 1")
	case b.threads == 0:
		b.threads = runtime.GOMAXPROCS(0)
	}
	e, chosen, err := a.newCoder(b.backend, m)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	var codes []sae.Code
	var series laps
	active, seen := 0, 0
	for range b.passes {
		for from := 0; from < rows.Rows; from += b.window {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			to := min(rows.Rows, from+b.window)
			watch := startWatch()
			if codes, err = e.EncodeBatch(codes, rows.Data[from*m.D:to*m.D], b.threads); err != nil {
				return nil, err
			}
			if took := watch.stop(); to-from == min(b.window, rows.Rows) { // a shorter last batch would look fast
				series = append(series, took)
			}
			for _, c := range codes {
				active += c.Len()
			}
			seen += len(codes)
		}
	}
	if b.dump != "" {
		if codes, err = e.EncodeBatch(nil, rows.Data, b.threads); err != nil {
			return nil, err
		}
		if err := writeWhole(b.dump, func(w io.Writer) error { return npy.WriteCSR(w, codeMatrix(codes, m.M)) }); err != nil {
			return nil, err
		}
	}
	wall := series.wall(1)
	return &encodeResult{
		CPU: series.cpu(1), Wall: wall, Rate: float64(min(b.window, rows.Rows)) * 1000 / wall.Median,
		Active: float64(active) / float64(seen), Machine: thisMachine(),
		Settings: map[string]any{"latents": m.M, "k": m.K, "width": m.D, "rows": rows.Rows, "batch": min(b.window, rows.Rows),
			"backend": chosen, "threads": b.threads, "passes": b.passes},
	}, nil
}

// codeMatrix lays codes out as a matrix with a column for each latent.
func codeMatrix(codes []sae.Code, latents int) *npy.CSR {
	c := &npy.CSR{Rows: len(codes), Cols: latents, Indptr: make([]int64, 1, len(codes)+1)}
	for _, code := range codes {
		for i, l := range code.Latents {
			c.Indices, c.Data = append(c.Indices, int32(l)), append(c.Data, code.Acts[i])
		}
		c.Indptr = append(c.Indptr, int64(len(c.Data)))
	}
	return c
}
