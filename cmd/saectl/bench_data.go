package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	recipe "github.com/saedb/saedb/internal/bench"
	"github.com/saedb/saedb/internal/npy"
)

// benchData is what was asked of `bench data`.
type benchData struct {
	rows, queries int
	codes         []int
	seed          uint64
	out           string
}

func newBenchDataCmd(a *app) *cobra.Command {
	var b benchData
	cmd := &cobra.Command{
		Use:   "data --out DIR",
		Short: "Write vectors by recipe to measure search on",
		Long: `data writes unit vectors that lie as the image vectors of CLIP do to DIR/base.npy,
and queries for them: pictures.npy from the same cloud and texts.npy, which lie
outside of it. The same seed gives the same vectors.

With --codes K it writes codes instead, as a TopK autoencoder of 4,096 latents would
make them of such pictures, K active in each: DIR/codesK.npz, and those of other
pictures to DIR/queriesK.npz (SciPy CSR).`,
		Example: "  saectl bench data --rows 100000 --queries 1000 --out vectors\n" +
			"  saectl bench data --rows 100000 --queries 1000 --codes 32,512 --out codes",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := b.write(); err != nil {
				return err
			}
			return a.printBench(map[string]any{"out": b.out, "rows": b.rows, "queries": b.queries, "width": recipe.Width, "codes": b.codes, "seed": b.seed})
		},
	}
	f := cmd.Flags()
	f.IntVar(&b.rows, "rows", 20_000, "vectors to search")
	f.IntVar(&b.queries, "queries", 1000, "queries of each kind")
	f.IntSliceVar(&b.codes, "codes", nil, "write codes of so many active latents")
	f.Uint64Var(&b.seed, "seed", 1, "seed of all random choices")
	f.StringVar(&b.out, "out", "", "folder to write to")
	require(cmd, "out")
	return cmd
}

func (b *benchData) write() error {
	if b.rows < 1 || b.queries < 1 {
		return errors.New("--rows and --queries must be at least 1")
	}
	for _, k := range b.codes {
		if k < 1 || k > recipe.Latents {
			return hint(fmt.Errorf("--codes %d", k), "from 1 to %d latents can be active", recipe.Latents)
		}
	}
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return err
	}
	if len(b.codes) > 0 {
		return b.writeCodes()
	}
	d := recipe.NewDense(b.rows, b.queries, b.seed)
	for name, rows := range map[string][]float32{"base.npy": d.Base, "pictures.npy": d.Pictures, "texts.npy": d.Texts} {
		err := writeWhole(filepath.Join(b.out, name), func(w io.Writer) error {
			return npy.Write(w, len(rows)/recipe.Width, recipe.Width, rows)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *benchData) writeCodes() error {
	for _, k := range b.codes {
		base, held := recipe.NewSparse(b.rows, b.queries, k, b.seed)
		for name, codes := range map[string]*recipe.Codes{"codes": base, "queries": held} {
			path := filepath.Join(b.out, fmt.Sprintf("%s%d.npz", name, k))
			if err := writeWhole(path, func(w io.Writer) error { return npy.WriteCSR(w, csrOf(codes)) }); err != nil {
				return err
			}
		}
	}
	return nil
}

func csrOf(codes *recipe.Codes) *npy.CSR {
	c := &npy.CSR{Rows: codes.Len(), Cols: recipe.Latents, Data: codes.Acts}
	for i := range codes.Len() + 1 {
		c.Indptr = append(c.Indptr, int64(i*codes.K))
	}
	for _, l := range codes.Latents {
		c.Indices = append(c.Indices, int32(l))
	}
	return c
}
