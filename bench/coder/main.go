// Command coder measures github.com/coder/hnsw, a graph for nearest vectors in Go, as `saectl bench dense --index hnsw` measures that of saedb: the same
// files, the same judgement, one JSON object for each breadth of a search. bench/peers/dense.py runs it.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/coder/hnsw"

	"github.com/saedb/saedb/internal/npy"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "coder:", err)
		os.Exit(2)
	}
}

// settings are what was asked for.
type settings struct {
	base, queries, truth, ef string
	k, m, breadth, passes    int
	step                     bool
}

func run(args []string, in io.Reader, out io.Writer) error {
	var s settings
	f := flag.NewFlagSet("coder", flag.ContinueOnError)
	f.StringVar(&s.base, "base", "", "vectors to search (.npy)")
	f.StringVar(&s.queries, "queries", "", "vectors to search for (.npy)")
	f.StringVar(&s.truth, "truth", "", "row numbers of the true neighbours, nearest first (.npy)")
	f.IntVar(&s.k, "k", 10, "neighbours to find")
	f.IntVar(&s.m, "m", 16, "links of a row")
	f.IntVar(&s.breadth, "breadth", 200, "breadth of the search when the graph is built")
	f.StringVar(&s.ef, "ef", "20,200", "breadths of the search")
	f.IntVar(&s.passes, "passes", 1, "passes over the queries")
	f.BoolVar(&s.step, "step", false, "wait for a line on stdin before each round")
	if err := f.Parse(args); err != nil {
		return err
	}
	base, err := npy.ReadFile(s.base)
	if err != nil {
		return err
	}
	queries, err := npy.ReadFile(s.queries)
	if err != nil {
		return err
	}
	truth, err := npy.ReadIntsFile(s.truth)
	if err != nil {
		return err
	}
	if len(truth) != queries.Rows || queries.Cols != base.Cols || s.k < 1 || s.passes < 1 {
		return fmt.Errorf("%s, %s and %s do not belong together, or --k or --passes is below 1", s.base, s.queries, s.truth)
	}
	breadths, err := numbers(s.ef)
	if err != nil {
		return err
	}
	return s.measure(base, queries, truth, breadths, in, out)
}

func numbers(list string) (all []int, err error) {
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, nil
}

// result is what is printed, under the names that saectl has for it.
type result struct {
	CPU      spread         `json:"cpu"` // milliseconds a query
	QPS      float64        `json:"qps"`
	Recall   float64        `json:"recall"`
	Wrong    int            `json:"wrong"`
	BuildCPU float64        `json:"build_cpu_ms"`
	Settings map[string]any `json:"settings"`
}

type spread struct {
	Median float64 `json:"median"`
	Best   float64 `json:"best"`
}

func (s settings) measure(base, queries *npy.Matrix, truth [][]int64, breadths []int, in io.Reader, out io.Writer) error {
	start := cpuTime()
	g := hnsw.NewGraph[int]()
	g.M, g.EfSearch, g.Rng = s.m, s.breadth, rand.New(rand.NewSource(1)) // the rest is its default
	for i := range base.Rows {
		g.Add(hnsw.MakeNode(i, base.Row(i)))
	}
	built := cpuTime() - start
	lines := bufio.NewScanner(in)
	for first := true; first && !s.step || s.step && lines.Scan(); first = false {
		for _, ef := range breadths {
			g.EfSearch = ef
			r := s.search(g, base, queries, truth)
			r.BuildCPU = built.Seconds() * 1000
			r.Settings = map[string]any{"index": "coder/hnsw", "ef": ef, "m": s.m, "breadth": s.breadth, "k": s.k, "rows": base.Rows, "queries": queries.Rows}
			if err := json.NewEncoder(out).Encode(r); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}

// search asks every query, passes times.
func (s settings) search(g *hnsw.Graph[int], base, queries *npy.Matrix, truth [][]int64) *result {
	r, found := &result{}, make([][]hnsw.Node[int], queries.Rows)
	var took []float64
	for range s.passes {
		start := cpuTime()
		for q := range found {
			found[q] = g.Search(queries.Row(q), s.k)
		}
		took = append(took, (cpuTime()-start).Seconds()*1000/float64(queries.Rows))
	}
	slices.Sort(took)
	r.CPU = spread{Median: took[len(took)/2], Best: took[0]}
	r.QPS = 1000 / r.CPU.Median
	k := min(s.k, base.Rows)
	for q, hits := range found {
		last := dot(base.Row(int(truth[q][k-1])), queries.Row(q))
		good := 0
		for _, h := range hits[:min(k, len(hits))] {
			if dot(base.Row(h.Key), queries.Row(q)) >= last-2e-6 { // float32 cannot tell less
				good++
			}
		}
		r.Wrong += k - good
	}
	r.Recall = 1 - float64(r.Wrong)/float64(k*len(found))
	return r
}

func dot(a, b []float32) (sum float64) {
	for i, v := range a {
		sum += float64(v) * float64(b[i])
	}
	return sum
}
