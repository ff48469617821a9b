package main

import (
	"errors"
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
outside of it. The same seed gives the same vectors.`,
		Example: "  saectl bench data --rows 100000 --queries 1000 --out vectors",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := b.write(); err != nil {
				return err
			}
			return a.printBench(map[string]any{"out": b.out, "rows": b.rows, "queries": b.queries, "width": recipe.Width, "seed": b.seed})
		},
	}
	f := cmd.Flags()
	f.IntVar(&b.rows, "rows", 20_000, "vectors to search")
	f.IntVar(&b.queries, "queries", 1000, "queries of each kind")
	f.Uint64Var(&b.seed, "seed", 1, "seed of all random choices")
	f.StringVar(&b.out, "out", "", "folder to write to")
	require(cmd, "out")
	return cmd
}

func (b *benchData) write() error {
	if b.rows < 1 || b.queries < 1 {
		return errors.New("--rows and --queries must be at least 1")
	}
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return err
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
