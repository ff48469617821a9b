package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/flat"
	"github.com/saedb/saedb/internal/npy"
)

// benchDense is what was asked of `bench dense`.
type benchDense struct {
	base, queries, truth, index string
	k, threads, passes          int
	ef                          []int
}

func newBenchDenseCmd(a *app) *cobra.Command {
	var b benchDense
	cmd := &cobra.Command{
		Use:   "dense --base base.npy --queries q.npy",
		Short: "Measure nearest-neighbour search over vectors",
		Long: `dense builds an index over the rows of --base and searches it for each row of
--queries, one after the other. Rows are divided by their norms. It prints the
build time, the bytes of the rows, queries per second and recall@k. The truth is
--truth, an .npy of row numbers, nearest first; without it, a plain exact search.`,
		Example: "  saectl bench dense --base base.npy --queries q.npy --k 10",
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
	f.StringVar(&b.base, "base", "", "vectors to search (.npy)")
	f.StringVar(&b.queries, "queries", "", "vectors to search for (.npy)")
	f.StringVar(&b.truth, "truth", "", "row numbers of the true neighbours (.npy)")
	f.StringVar(&b.index, "index", "flat", "kind of index: flat")
	f.IntVar(&b.k, "k", 10, "neighbours to find")
	f.IntSliceVar(&b.ef, "ef", nil, "breadths of the search, for graph indexes")
	f.IntVar(&b.threads, "threads", 1, "goroutines of one search")
	f.IntVar(&b.passes, "passes", 5, "passes over the queries")
	require(cmd, "base", "queries")
	return cmd
}

// searchResult is what the search measurements print.
type searchResult struct {
	CPU      spread  `json:"cpu"`
	Wall     spread  `json:"wall"`
	QPS      float64 `json:"qps"`
	Recall   float64 `json:"recall"`
	Returned float64 `json:"returned"` // mean number of hits, at most k
	BuildMS  float64 `json:"build_ms"`
	Bytes    int64   `json:"bytes"`
	Machine  machine `json:"machine"`
	Settings any     `json:"settings"`
}

func (b *benchDense) run(ctx context.Context) (*searchResult, error) {
	if b.index != "flat" {
		return nil, hint(fmt.Errorf("unknown index %q", b.index), "this version measures flat, the exact search")
	}
	if len(b.ef) > 0 {
		return nil, hint(errors.New("--ef has no meaning for the flat index: it always looks at every row"), "leave --ef out")
	}
	base, err := readUnit(b.base)
	if err != nil {
		return nil, err
	}
	queries, err := readUnit(b.queries)
	if err != nil {
		return nil, err
	}
	switch {
	case queries.Cols != base.Cols:
		return nil, fmt.Errorf("%s has vectors of width %d and %s of width %d: they must be of one kind", b.queries, queries.Cols, b.base, base.Cols)
	case b.k < 1 || b.passes < 1 || b.threads < 1:
		return nil, errors.New("--k, --passes and --threads must be at least 1")
	case queries.Rows == 0 || base.Rows == 0:
		return nil, errors.New("no rows to measure: --base and --queries need at least one each")
	}
	watch := startWatch()
	ix := flat.New(base.Cols, b.threads)
	for i := range base.Rows {
		if err := ix.Put(uint32(i), base.Row(i)); err != nil {
			return nil, err
		}
	}
	build := watch.stop()
	truth, err := b.trueNeighbours(ctx, base, queries)
	if err != nil {
		return nil, err
	}
	found, series, err := timeSearches(queries.Rows, b.passes, func(q int) ([]index.Hit, error) {
		return ix.Search(ctx, queries.Row(q), b.k, nil)
	})
	if err != nil {
		return nil, err
	}
	return &searchResult{
		CPU: series.cpu(queries.Rows), Wall: series.wall(queries.Rows), QPS: 1000 / series.wall(queries.Rows).Median,
		Recall: recall(found, truth, b.k), Returned: meanHits(found, b.k),
		BuildMS: build.Wall.Seconds() * 1000, Bytes: int64(base.Rows) * int64(base.Cols) * 4, Machine: thisMachine(),
		Settings: map[string]any{"index": b.index, "k": b.k, "rows": base.Rows, "width": base.Cols, "queries": queries.Rows,
			"threads": b.threads, "passes": b.passes, "truth": b.truth},
	}, nil
}

// trueNeighbours reads the truth or makes it with the plain loop over all rows.
func (b *benchDense) trueNeighbours(ctx context.Context, base, queries *npy.Matrix) ([][]uint32, error) {
	if b.truth != "" {
		return readTruth(b.truth, queries.Rows, base.Rows, b.k)
	}
	truth := make([][]uint32, queries.Rows)
	for q := range truth {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		truth[q] = nearestByLoop(base, queries.Row(q), b.k)
	}
	return truth, nil
}

// nearestByLoop is exact search as one would write it on paper, in float64.
func nearestByLoop(base *npy.Matrix, q []float32, k int) []uint32 {
	type row struct {
		ord uint32
		dot float64
	}
	rows := make([]row, base.Rows)
	for i := range rows {
		rows[i].ord = uint32(i)
		for j, v := range base.Row(i) {
			rows[i].dot += float64(v) * float64(q[j])
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		switch {
		case a.dot > b.dot:
			return -1
		case a.dot < b.dot:
			return 1
		}
		return 0
	})
	near := make([]uint32, min(k, len(rows)))
	for i := range near {
		near[i] = rows[i].ord
	}
	return near
}

// readTruth reads the row numbers of true neighbours: one row for each query.
func readTruth(path string, queries, rows, k int) ([][]uint32, error) {
	m, err := npy.ReadIntsFile(path)
	if err != nil {
		return nil, err
	}
	if len(m) != queries {
		return nil, fmt.Errorf("%s has %d rows for %d queries: it needs one for each", path, len(m), queries)
	}
	truth := make([][]uint32, queries)
	for q, near := range m {
		if len(near) < min(k, rows) {
			return nil, fmt.Errorf("%s has %d neighbours a query, --k asks for %d", path, len(near), k)
		}
		for _, n := range near[:min(k, rows)] {
			if n < 0 || n >= int64(rows) {
				return nil, rowError(path, q, fmt.Errorf("neighbour %d is not a row of the base, which has %d", n, rows))
			}
			truth[q] = append(truth[q], uint32(n))
		}
	}
	return truth, nil
}

// timeSearches asks every query once unmeasured, then passes times measured. It
// returns the hits of the first round and one lap for each pass.
func timeSearches(queries, passes int, search func(q int) ([]index.Hit, error)) ([][]index.Hit, laps, error) {
	found := make([][]index.Hit, queries)
	for q := range found {
		hits, err := search(q)
		if err != nil {
			return nil, nil, err
		}
		found[q] = hits
	}
	var series laps
	for range passes {
		watch := startWatch()
		for q := range queries {
			if _, err := search(q); err != nil {
				return nil, nil, err
			}
		}
		series = append(series, watch.stop())
	}
	return found, series, nil
}

// recall is the share of true neighbours that are among the first k hits.
func recall(found [][]index.Hit, truth [][]uint32, k int) float64 {
	hit, all := 0, 0
	for q, near := range truth {
		all += len(near)
		for _, h := range found[q][:min(k, len(found[q]))] {
			if slices.Contains(near, h.Ord) {
				hit++
			}
		}
	}
	if all == 0 {
		return 1
	}
	return float64(hit) / float64(all)
}

// meanHits is the mean number of hits of a query, at most k of each.
func meanHits(found [][]index.Hit, k int) float64 {
	n := 0
	for _, hits := range found {
		n += min(k, len(hits))
	}
	return float64(n) / float64(max(1, len(found)))
}
