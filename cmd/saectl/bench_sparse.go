package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/sparse"
	"github.com/saedb/saedb/internal/npy"
)

// benchSparse is what was asked of `bench sparse`.
type benchSparse struct {
	codes, queries, truth, mode, measure string
	k, passes, effort                    int
	step                                 bool
	stdin                                io.Reader
}

func newBenchSparseCmd(a *app) *cobra.Command {
	var b benchSparse
	cmd := &cobra.Command{
		Use:   "sparse --codes codes.npz --queries q.npz",
		Short: "Measure search over sparse codes",
		Long: `sparse builds an inverted index over the rows of --codes and searches it for each
row of --queries, one after the other. Both are SciPy CSR files (save_npz), the
values above zero. The score is the dot product, or the cosine with --measure
cosine. Recall is against --truth, an .npy of row numbers, nearest first; without
it, against a plain look at every row.

Modes: exact misses nothing. cut reads the postings of some of a query's latents and
scores --effort rows exactly, those of the largest sums (0: the default); queries
of fewer than 128 latents are answered exactly all the same.

--step waits for a line on stdin before each round of measurements, and ends with
its input: another program can measure its own index in between.`,
		Example: "  saectl export --codes codes.npz && saectl bench sparse --codes codes.npz --queries codes.npz\n" +
			"  saectl bench data --rows 100000 --codes 32,512 --out D && saectl bench sparse --codes D/codes512.npz --queries D/queries512.npz --mode cut",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b.stdin = a.stdin
			return b.run(cmd.Context(), func(r *searchResult) error { return a.printBench(r) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&b.codes, "codes", "", "codes to search (SciPy CSR .npz)")
	f.StringVar(&b.queries, "queries", "", "codes to search for (SciPy CSR .npz)")
	f.StringVar(&b.truth, "truth", "", "row numbers of the true neighbours (.npy)")
	f.StringVar(&b.mode, "mode", "exact", "how to search: exact, cut")
	f.StringVar(&b.measure, "measure", "dot", "score: dot or cosine")
	f.IntVar(&b.k, "k", 10, "rows to find")
	f.IntVar(&b.passes, "passes", 5, "passes over the queries")
	f.IntVar(&b.effort, "effort", 0, "rows that --mode cut scores")
	f.BoolVar(&b.step, "step", false, "wait for a line on stdin before each round")
	require(cmd, "codes", "queries")
	return cmd
}

// check refuses what cannot be measured.
func (b *benchSparse) check() error {
	switch {
	case b.mode != "exact" && b.mode != "cut":
		return hint(fmt.Errorf("unknown mode %q", b.mode), "modes are exact and cut")
	case b.measure != "dot" && b.measure != "cosine":
		return hint(fmt.Errorf("unknown measure %q", b.measure), "measures are dot and cosine")
	case b.k < 1 || b.passes < 1:
		return errors.New("--k and --passes must be at least 1")
	case b.effort < 0 || b.effort > 0 && b.mode != "cut":
		return hint(fmt.Errorf("--effort %d with --mode %s", b.effort, b.mode), "it is for --mode cut, and a number of rows")
	}
	return nil
}

// run measures, and hands over one result for each round.
func (b *benchSparse) run(ctx context.Context, tell func(*searchResult) error) error {
	if err := b.check(); err != nil {
		return err
	}
	codes, asked, err := b.read()
	if err != nil {
		return err
	}
	watch := startWatch()
	ix := sparse.New()
	for i := range codes.Rows {
		latents, acts := codeOf(codes, i)
		if err := ix.Put(uint32(i), latents, acts); err != nil {
			return fmt.Errorf("%s: %w", b.codes, err)
		}
	}
	held, rest := ix.Bytes()
	build := watch.stop()
	truth, err := b.trueRows(ctx, codes, asked)
	if err != nil {
		return err
	}
	search := b.searchOf(ix)
	for range rounds(b.step, b.stdin) {
		found, series, err := timeSearches(len(asked), b.passes, func(q int) ([]index.Hit, error) { return search(ctx, asked[q]) })
		if err != nil {
			return err
		}
		err = tell(&searchResult{
			CPU: series.cpu(len(asked)), Wall: series.wall(len(asked)), QPS: 1000 / series.wall(len(asked)).Median,
			Recall: recall(found, truth, b.k), Returned: meanHits(found, b.k),
			BuildMS: build.Wall.Seconds() * 1000, BuildCPU: build.CPU.Seconds() * 1000, Bytes: held + rest, Beyond: rest, Machine: thisMachine(),
			Settings: map[string]any{"mode": b.mode, "measure": b.measure, "k": b.k, "rows": codes.Rows, "latents": codes.Cols,
				"queries": len(asked), "passes": b.passes, "effort": b.effort, "truth": b.truth},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// read reads the codes, and the queries that ask for something.
func (b *benchSparse) read() (codes *npy.CSR, asked [][]index.Term, err error) {
	if codes, err = readCSR(b.codes); err != nil {
		return nil, nil, err
	}
	queries, err := readCSR(b.queries)
	if err != nil {
		return nil, nil, err
	}
	if codes.Cols != queries.Cols {
		return nil, nil, fmt.Errorf("%s has %d latents and %s has %d: they must come from one autoencoder", b.queries, queries.Cols, b.codes, codes.Cols)
	}
	for q := range queries.Rows {
		if t := termsOf(queries, q); len(t) > 0 { // an empty code asks for nothing
			asked = append(asked, t)
		} else if b.truth != "" {
			return nil, nil, fmt.Errorf("%s: row %d has no latent: with --truth every row must ask for something", b.queries, q)
		}
	}
	if len(asked) == 0 {
		return nil, nil, fmt.Errorf("%s: no row with a latent: nothing to search for", b.queries)
	}
	return codes, asked, nil
}

// searchOf is the search that was asked for.
func (b *benchSparse) searchOf(ix *sparse.Index) func(context.Context, []index.Term) ([]index.Hit, error) {
	search := ix.SumWith
	if b.measure == "cosine" {
		search = ix.CosineWith
	}
	effort := index.Exact
	if b.mode == "cut" {
		effort = index.Effort(b.effort)
	}
	return func(ctx context.Context, terms []index.Term) ([]index.Hit, error) {
		return search(ctx, terms, b.k, nil, effort)
	}
}

// trueRows reads the truth, or looks at every row for every query.
func (b *benchSparse) trueRows(ctx context.Context, codes *npy.CSR, asked [][]index.Term) ([][]uint32, error) {
	if b.truth != "" {
		return readTruth(b.truth, len(asked), codes.Rows, b.k)
	}
	truth := make([][]uint32, len(asked))
	for q, terms := range asked {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		truth[q] = b.bestRows(codes, terms)
	}
	return truth, nil
}

// bestRows is exact search as one would write it on paper, in float64.
func (b *benchSparse) bestRows(codes *npy.CSR, terms []index.Term) (rows []uint32) {
	weights := make([]float64, codes.Cols)
	for _, t := range terms {
		weights[t.Latent] = float64(t.W)
	}
	type scored struct {
		row   uint32
		score float64
	}
	var all []scored
	for i := range codes.Rows {
		cols, values := codes.Row(i)
		dot, squares := 0.0, 0.0
		for j, v := range values {
			dot += weights[cols[j]] * float64(v)
			squares += float64(v) * float64(v)
		}
		if b.measure == "cosine" {
			dot /= math.Sqrt(squares)
		}
		if dot > 0 {
			all = append(all, scored{uint32(i), dot})
		}
	}
	slices.SortFunc(all, func(a, b scored) int { return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.row, b.row)) })
	for _, s := range all[:min(b.k, len(all))] {
		rows = append(rows, s.row)
	}
	return rows
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
