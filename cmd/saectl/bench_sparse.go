package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/sparse"
	"github.com/saedb/saedb/internal/npy"
)

// benchSparse is what was asked of `bench sparse`.
type benchSparse struct {
	codes, queries, mode, measure string
	k, passes                     int
}

func newBenchSparseCmd(a *app) *cobra.Command {
	var b benchSparse
	cmd := &cobra.Command{
		Use:   "sparse --codes codes.npz --queries q.npz",
		Short: "Measure search over sparse codes",
		Long: `sparse builds an inverted index over the rows of --codes and searches it for each
row of --queries, one after the other. Both are SciPy CSR files (save_npz), the
values above zero. The score is the dot product, or the cosine with --measure
cosine. Recall is against a plain look at every row.`,
		Example: "  saectl export --codes codes.npz && saectl bench sparse --codes codes.npz --queries codes.npz",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := b.run(cmd.Context())
			if err != nil {
				return err
			}
			return a.printBench(r)
		},
	}
	f := cmd.Flags()
	f.StringVar(&b.codes, "codes", "", "codes to search (SciPy CSR .npz)")
	f.StringVar(&b.queries, "queries", "", "codes to search for (SciPy CSR .npz)")
	f.StringVar(&b.mode, "mode", "exact", "how to search: exact")
	f.StringVar(&b.measure, "measure", "dot", "score: dot or cosine")
	f.IntVar(&b.k, "k", 10, "rows to find")
	f.IntVar(&b.passes, "passes", 5, "passes over the queries")
	require(cmd, "codes", "queries")
	return cmd
}

func (b *benchSparse) run(ctx context.Context) (*searchResult, error) {
	switch {
	case b.mode != "exact":
		return nil, hint(fmt.Errorf("unknown mode %q", b.mode), "this version measures exact")
	case b.measure != "dot" && b.measure != "cosine":
		return nil, hint(fmt.Errorf("unknown measure %q", b.measure), "measures are dot and cosine")
	case b.k < 1 || b.passes < 1:
		return nil, errors.New("--k and --passes must be at least 1")
	}
	codes, err := readCSR(b.codes)
	if err != nil {
		return nil, err
	}
	queries, err := readCSR(b.queries)
	if err != nil {
		return nil, err
	}
	if codes.Cols != queries.Cols {
		return nil, fmt.Errorf("%s has %d latents and %s has %d: they must come from one autoencoder", b.queries, queries.Cols, b.codes, codes.Cols)
	}
	watch := startWatch()
	ix := sparse.New()
	var bytes int64
	for i := range codes.Rows {
		latents, acts := codeOf(codes, i)
		if err := ix.Put(uint32(i), latents, acts); err != nil {
			return nil, fmt.Errorf("%s: %w", b.codes, err)
		}
		bytes += 8 * int64(len(latents))
	}
	build := watch.stop()
	asked := make([][]index.Term, 0, queries.Rows)
	for q := range queries.Rows {
		if t := termsOf(queries, q); len(t) > 0 { // an empty code asks for nothing
			asked = append(asked, t)
		}
	}
	if len(asked) == 0 {
		return nil, fmt.Errorf("%s: no row with a latent: nothing to search for", b.queries)
	}
	search := ix.Sum
	if b.measure == "cosine" {
		search = ix.Cosine
	}
	found, series, err := timeSearches(len(asked), b.passes, func(q int) ([]index.Hit, error) {
		return search(ctx, asked[q], b.k, nil)
	})
	if err != nil {
		return nil, err
	}
	truth, err := b.truth(ctx, codes, asked)
	if err != nil {
		return nil, err
	}
	return &searchResult{
		CPU: series.cpu(len(asked)), Wall: series.wall(len(asked)), QPS: 1000 / series.wall(len(asked)).Median,
		Recall: recall(found, truth, b.k), Returned: meanHits(found, b.k),
		BuildMS: build.Wall.Seconds() * 1000, Bytes: bytes, Machine: thisMachine(),
		Settings: map[string]any{"mode": b.mode, "measure": b.measure, "k": b.k, "rows": codes.Rows, "latents": codes.Cols,
			"queries": len(asked), "passes": b.passes},
	}, nil
}

// truth looks at every row for every query.
func (b *benchSparse) truth(ctx context.Context, codes *npy.CSR, asked [][]index.Term) ([][]uint32, error) {
	rows := sparse.NewRows()
	for i := range codes.Rows {
		latents, acts := codeOf(codes, i)
		if err := rows.Put(uint32(i), latents, acts); err != nil {
			return nil, err
		}
	}
	search := rows.Sum
	if b.measure == "cosine" {
		search = rows.Cosine
	}
	truth := make([][]uint32, len(asked))
	for q, terms := range asked {
		hits, err := search(ctx, terms, b.k, nil)
		if err != nil {
			return nil, err
		}
		for _, h := range hits[:min(b.k, len(hits))] {
			truth[q] = append(truth[q], h.Ord)
		}
	}
	return truth, nil
}

func readCSR(path string) (*npy.CSR, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	c, err := npy.ReadCSR(f, st.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// codeOf is row i as a code: stored zeros are left out.
func codeOf(c *npy.CSR, i int) (latents []uint32, acts []float32) {
	cols, values := c.Row(i)
	for j, v := range values {
		if v != 0 {
			latents, acts = append(latents, uint32(cols[j])), append(acts, v)
		}
	}
	return latents, acts
}

// termsOf is row i as the terms of a query.
func termsOf(c *npy.CSR, i int) []index.Term {
	latents, acts := codeOf(c, i)
	terms := make([]index.Term, len(latents))
	for j, l := range latents {
		terms[j] = index.Term{Latent: l, W: acts[j]}
	}
	slices.SortFunc(terms, func(a, b index.Term) int { return cmp.Compare(a.Latent, b.Latent) })
	return terms
}
