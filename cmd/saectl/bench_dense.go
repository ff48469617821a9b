package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/flat"
	"github.com/saedb/saedb/index/hnsw"
	"github.com/saedb/saedb/internal/npy"
)

// benchDense is what was asked of `bench dense`.
type benchDense struct {
	base, queries, truth, index, samples string
	k, threads, passes, batch, breadth   int
	ef                                   []int
	step                                 bool
	stdin                                io.Reader

	seed              uint64   // of filters and of the rows that are replaced
	filters           []string // see newRestriction
	turnover, updates int
	save, open        string // files of graphs
}

func newBenchDenseCmd(a *app) *cobra.Command {
	var b benchDense
	cmd := &cobra.Command{
		Use:   "dense --base base.npy --queries q.npy",
		Short: "Measure nearest-neighbour search over vectors",
		Long: `dense builds an index over the rows of --base and searches it for the rows of
--queries, --batch of them at a time. Rows are divided by their norms. It prints
the build time, the bytes of the index and of them those beyond the float32 rows,
queries per second, recall@k, and how many of the first k hits are wrong: score
less than the k-th true neighbour. The truth is --truth, an .npy of row numbers,
nearest first; without it, a plain exact search in float64.

Kinds of index: flat, also called exact, finds what can be nearest by rows that are
rounded to bytes and scores that from the float32 rows, which makes it exact; f32
is its slow twin, that scores all rows. hnsw walks a graph and finds nearly all; it
prints one object for each --ef, how many rows a walk keeps in mind (0: the default
for the kind of query). parted lays rows in groups and looks at some of them, which
is fast where many queries come together; there --ef is how many groups. --samples are queries that it learns from when it is built,
texts among pictures for example.

--filter lets a share of the rows be answered, drawn at random (0.01), or those around
one of the rows (near:0.01), and prints one object for each. --turnover 3 builds hnsw
of a part of the rows and three times deletes half of it, row by row, and puts as many
new ones; it prints that graph ("worn") beside one that is built of what is left.
--updates replaces so many rows and prints the time of a deletion and of a put. --save
writes the graph to a file, and --open searches one where it is mapped, and prints how
long it takes to open and, besides, to read all of it.

--step waits for a line on stdin before each round of measurements, and ends with
its input: another program can measure its own index in between.`,
		Example: "  saectl bench dense --base base.npy --queries q.npy --k 10\n" +
			"  saectl bench data --rows 100000 --queries 1000 --out D && saectl bench dense --base D/base.npy --queries D/texts.npy --batch 1000\n" +
			"  saectl bench dense --base D/base.npy --queries D/texts.npy --index hnsw --ef 32,64,128",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b.stdin = a.stdin
			return b.run(cmd.Context(), func(r *searchResult) error { return a.printBench(r) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&b.base, "base", "", "vectors to search (.npy)")
	f.StringVar(&b.queries, "queries", "", "vectors to search for (.npy)")
	f.StringVar(&b.truth, "truth", "", "row numbers of the true neighbours (.npy)")
	f.StringVar(&b.index, "index", "flat", "kind of index: flat, exact, f32, hnsw, parted")
	f.IntVar(&b.k, "k", 10, "neighbours to find")
	f.IntSliceVar(&b.ef, "ef", nil, "breadths of the search, for hnsw and parted")
	f.IntVar(&b.breadth, "breadth", 0, "breadth of the search when hnsw is built; 0: its default")
	f.StringVar(&b.samples, "samples", "", "queries that hnsw learns from (.npy)")
	f.IntVar(&b.batch, "batch", 1, "queries asked at once")
	f.IntVar(&b.threads, "threads", 1, "goroutines of one search")
	f.IntVar(&b.passes, "passes", 5, "passes over the queries")
	f.StringSliceVar(&b.filters, "filter", nil, "shares of the rows that may be answered: at random 0.01, around a row near:0.01")
	f.IntVar(&b.turnover, "turnover", 0, "times that half of the rows are replaced, for hnsw")
	f.IntVar(&b.updates, "updates", 0, "rows that are deleted and put again, for hnsw")
	f.Uint64Var(&b.seed, "seed", 1, "seed of --filter, --turnover and --updates")
	f.StringVar(&b.save, "save", "", "file to write the graph to")
	f.StringVar(&b.open, "open", "", "file of a graph to search instead of building one")
	f.BoolVar(&b.step, "step", false, "wait for a line on stdin before each round")
	require(cmd, "base", "queries")
	return cmd
}

// rounds yields once, or for each line on stdin.
func rounds(step bool, stdin io.Reader) func(yield func() bool) {
	return func(yield func() bool) {
		if !step {
			yield()
			return
		}
		for lines := bufio.NewScanner(stdin); lines.Scan() && yield(); {
		}
	}
}

// searchResult is what the search measurements print.
type searchResult struct {
	CPU      spread  `json:"cpu"`
	Wall     spread  `json:"wall"`
	QPS      float64 `json:"qps"`
	Recall   float64 `json:"recall"`
	Wrong    *int    `json:"wrong,omitempty"` // hits that are not among the k nearest
	Returned float64 `json:"returned"`        // mean number of hits, at most k
	BuildMS  float64 `json:"build_ms"`
	BuildCPU float64 `json:"build_cpu_ms,omitempty"`
	Bytes    int64   `json:"bytes"`
	Beyond   int64   `json:"bytes_beyond_rows,omitempty"`
	Machine  machine `json:"machine"`
	Settings any     `json:"settings"`

	Opening *opening `json:"open,omitempty"`
	Updates *updates `json:"updates,omitempty"`
}

// denseIndex is a kind of index to measure.
type denseIndex interface {
	SearchBatch(ctx context.Context, qs [][]float32, k int, f index.Filter) ([][]index.Hit, error)
}

// broadIndex is a denseIndex that is filled at once and looks as broadly as it is told to.
type broadIndex interface {
	SearchBatch(ctx context.Context, qs [][]float32, k int, f index.Filter) ([][]index.Hit, error)
	fill(ctx context.Context, base, samples *npy.Matrix) error
	setBreadth(n int)
}

// newIndex returns an empty index of the kind that was asked for.
func (b *benchDense) newIndex(dim int) (denseIndex, error) {
	if b.index == "hnsw" {
		return &graphIndex{Index: hnsw.New(dim, hnsw.Options{Threads: b.threads, Breadth: b.breadth})}, nil
	}
	for flag, given := range map[string]bool{
		"--ef": len(b.ef) > 0 && b.index != "parted", "--samples": b.samples != "", "--breadth": b.breadth != 0, "--turnover": b.turnover > 0,
		"--updates": b.updates > 0, "--save": b.save != "", "--open": b.open != "",
	} {
		if given {
			return nil, hint(fmt.Errorf("%s has no meaning for the index %s", flag, b.index), "leave %s out", flag)
		}
	}
	switch b.index {
	case "parted":
		return &partedIndex{threads: b.threads}, nil
	case "flat", "exact":
		return flat.NewRounded(dim, b.threads), nil
	case "f32":
		return flat.New(dim, b.threads), nil
	}
	return nil, hint(fmt.Errorf("unknown index %q", b.index), "this version measures flat, also called exact, f32, its slow twin, hnsw and parted")
}

// contestant is an index as it is measured, and what it took to make it.
type contestant struct {
	denseIndex
	name    string // "worn" or "fresh" after a turnover
	build   lap
	opening *opening
	updates *updates
	live    index.Filter // rows that are in it; nil: all
}

// run measures, and hands over one result for each setting.
func (b *benchDense) run(ctx context.Context, tell func(*searchResult) error) error {
	base, queries, samples, err := b.read()
	if err != nil {
		return err
	}
	contestants, err := b.contestants(ctx, base, samples)
	if err != nil {
		return err
	}
	restrictions, err := b.restrictions(ctx, base, queries, contestants[0].live)
	if err != nil {
		return err
	}
	if _, ok := contestants[0].denseIndex.(broadIndex); !ok || len(b.ef) == 0 {
		b.ef = []int{0}
	}
	for range rounds(b.step, b.stdin) {
		for _, ef := range b.ef {
			for _, r := range restrictions {
				for _, c := range contestants {
					result, err := b.measure(ctx, c, ef, base, queries, r)
					if err == nil {
						err = tell(result)
					}
					if err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// contestants makes what is measured: one index, or two after a turnover.
func (b *benchDense) contestants(ctx context.Context, base, samples *npy.Matrix) ([]*contestant, error) {
	if b.turnover > 0 && b.index == "hnsw" {
		return b.turnedOver(ctx, base, samples)
	}
	ix, err := b.newIndex(base.Cols)
	if err != nil {
		return nil, err
	}
	c := &contestant{denseIndex: ix}
	if g, ok := ix.(*graphIndex); ok && b.open != "" {
		c.opening, err = b.openGraph(g, base)
	} else {
		watch := startWatch()
		err = fillIndex(ctx, ix, base, samples)
		c.build = watch.stop()
	}
	if err == nil && b.updates > 0 {
		c.updates, err = b.update(ix.(*graphIndex), base)
	}
	if err == nil && b.save != "" {
		err = saveGraph(b.save, ix.(*graphIndex))
	}
	return []*contestant{c}, err
}

// read reads the vectors and holds them against each other. samples is nil if there are none.
func (b *benchDense) read() (base, queries, samples *npy.Matrix, err error) {
	if base, err = readUnit(b.base); err != nil {
		return nil, nil, nil, err
	}
	if queries, err = readUnit(b.queries); err != nil {
		return nil, nil, nil, err
	}
	if b.samples != "" {
		if samples, err = readUnit(b.samples); err != nil {
			return nil, nil, nil, err
		}
	}
	least := min(b.k, b.passes, b.threads, b.batch)
	switch {
	case queries.Cols != base.Cols:
		err = fmt.Errorf("%s has vectors of width %d and %s of width %d: they must be of one kind", b.queries, queries.Cols, b.base, base.Cols)
	case samples != nil && samples.Cols != base.Cols:
		err = fmt.Errorf("%s has vectors of width %d and %s of width %d: they must be of one kind", b.samples, samples.Cols, b.base, base.Cols)
	case least < 1:
		err = errors.New("--k, --passes, --threads and --batch must be at least 1")
	case b.turnover > 0 && (b.truth != "" || b.open != "" || b.save != "" || b.updates > 0 || len(b.filters) > 0):
		err = hint(errors.New("--turnover measures two graphs of a part of the rows"), "leave out --truth, --open, --save, --updates and --filter")
	case b.open != "" && b.samples != "":
		err = hint(errors.New("--samples is for a graph that is built"), "leave out --open, or --samples")
	case queries.Rows == 0 || base.Rows == 0:
		err = errors.New("no rows to measure: --base and --queries need at least one each")
	}
	return base, queries, samples, err
}

func fillIndex(ctx context.Context, ix denseIndex, base, samples *npy.Matrix) error {
	if g, ok := ix.(broadIndex); ok {
		return g.fill(ctx, base, samples)
	}
	x := ix.(interface {
		Put(ord uint32, v []float32) error
	})
	for i := range base.Rows {
		if err := x.Put(uint32(i), base.Row(i)); err != nil {
			return err
		}
	}
	return nil
}

// measure searches with one setting.
func (b *benchDense) measure(ctx context.Context, c *contestant, ef int, base, queries *npy.Matrix, r *restriction) (*searchResult, error) {
	broad, ok := c.denseIndex.(broadIndex)
	if ok {
		broad.setBreadth(ef)
	}
	asked := make([][]float32, queries.Rows)
	for i := range asked {
		asked[i] = queries.Row(i)
	}
	found, series, err := timeBatches(len(asked), b.batch, b.passes, func(lo, hi int) ([][]index.Hit, error) {
		return c.SearchBatch(ctx, asked[lo:hi], b.k, r.filter)
	})
	if err != nil {
		return nil, err
	}
	wrong := wrongHits(base, queries, found, r.truth, b.k)
	rows, beyond := bytesOf(c.denseIndex, base)
	settings := map[string]any{"index": b.index, "k": b.k, "rows": base.Rows, "width": base.Cols, "queries": queries.Rows,
		"threads": b.threads, "passes": b.passes, "batch": b.batch, "truth": b.truth}
	if ok {
		settings["ef"], settings["samples"], settings["breadth"] = ef, b.samples, b.breadth
	}
	if r.filter != nil {
		settings["filter"], settings["passing"] = r.name, r.filter.GetCardinality()
	}
	if c.name != "" {
		settings["graph"], settings["turnover"], settings["rows"] = c.name, b.turnover, c.live.GetCardinality()
	}
	return &searchResult{
		CPU: series.cpu(queries.Rows), Wall: series.wall(queries.Rows), QPS: 1000 / series.wall(queries.Rows).Median,
		Recall: recall(found, r.truth, b.k), Wrong: &wrong, Returned: meanHits(found, b.k),
		BuildMS: c.build.Wall.Seconds() * 1000, BuildCPU: c.build.CPU.Seconds() * 1000, Opening: c.opening, Updates: c.updates,
		Bytes: rows + beyond, Beyond: beyond, Machine: thisMachine(), Settings: settings,
	}, nil
}

// bytesOf is the memory of an index: its float32 rows, and what it knows of beside them.
func bytesOf(ix denseIndex, base *npy.Matrix) (rows, beyond int64) {
	if x, ok := ix.(interface{ Bytes() (rows, rest int64) }); ok {
		return x.Bytes()
	}
	return int64(base.Rows) * int64(base.Cols) * 4, 0
}

// wrongHits counts, of the first k hits of each query, those whose score is below that of the last true neighbour. Scores that differ
// by less than float32 can tell are equal.
func wrongHits(base, queries *npy.Matrix, found [][]index.Hit, truth [][]uint32, k int) int {
	const same = 2e-6
	wrong := 0
	for q, near := range truth {
		if len(near) == 0 {
			continue
		}
		last := dot64(base.Row(int(near[len(near)-1])), queries.Row(q))
		for _, h := range found[q][:min(k, len(found[q]))] {
			if dot64(base.Row(int(h.Ord)), queries.Row(q)) < last-same {
				wrong++
			}
		}
	}
	return wrong
}

func dot64(a, b []float32) (sum float64) {
	for j, v := range a {
		sum += float64(v) * float64(b[j])
	}
	return sum
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
		rows[i].ord, rows[i].dot = uint32(i), dot64(base.Row(i), q)
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

// timeSearches asks every query by itself; see timeBatches.
func timeSearches(queries, passes int, search func(q int) ([]index.Hit, error)) ([][]index.Hit, laps, error) {
	return timeBatches(queries, 1, passes, func(q, _ int) ([][]index.Hit, error) {
		hits, err := search(q)
		return [][]index.Hit{hits}, err
	})
}

// timeBatches asks all queries, batch by batch, once unmeasured, then passes times measured. It returns the hits of the first round and
// one lap for each pass.
func timeBatches(queries, batch, passes int, search func(lo, hi int) ([][]index.Hit, error)) ([][]index.Hit, laps, error) {
	var found [][]index.Hit
	var series laps
	for pass := range passes + 1 {
		watch := startWatch()
		for lo := 0; lo < queries; lo += batch {
			hits, err := search(lo, min(lo+batch, queries))
			if err != nil {
				return nil, nil, err
			}
			if pass == 0 {
				found = append(found, hits...)
			}
		}
		if pass > 0 {
			series = append(series, watch.stop())
		}
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
