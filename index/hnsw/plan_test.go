package hnsw_test

import (
	"testing"

	"github.com/saedb/saedb/index/hnsw"
)

func TestDecide(t *testing.T) {
	for _, c := range []struct {
		name string
		s    hnsw.Situation
		want string
	}{
		{"a small index", hnsw.Situation{Nodes: 900, Passing: 900, K: 10},
			"scan of 900 rows: there is no graph below 1024"},
		{"a picture", hnsw.Situation{Graph: true, Nodes: 100_000, Passing: 100_000, K: 10},
			"walk over 100000 rows: it costs as much as a scan of 1024 (ef 64, for a query among the rows)"},
		{"a text", hnsw.Situation{Graph: true, Nodes: 100_000, Passing: 100_000, K: 10, Outside: true},
			"walk over 100000 rows: it costs as much as a scan of 4096 (ef 256, for a query far from all rows, as texts are from pictures)"},
		{"a text among few", hnsw.Situation{Graph: true, Nodes: 3000, Passing: 3000, K: 10, Outside: true},
			"scan of 3000 rows: a walk would cost as much as 4096 (ef 256, for a query far from all rows, as texts are from pictures)"},
		{"half of the rows", hnsw.Situation{Graph: true, Nodes: 100_000, Passing: 50_000, K: 10},
			"walk over 100000 rows: it costs as much as a scan of 2048 (ef 64, for a query among the rows; 128 because 50000 of 100000 rows may be answered)"},
		{"a text among half of the rows", hnsw.Situation{Graph: true, Nodes: 100_000, Passing: 50_000, K: 10, Outside: true},
			"walk over 100000 rows: it costs as much as a scan of 16384 (ef 512, for a query far from all rows among a part of them; 1024 because 50000 of 100000 rows may be answered)"},
		{"a text where some are deleted", hnsw.Situation{Graph: true, Nodes: 100_000, Passing: 90_000, K: 10, Outside: true},
			"walk over 100000 rows: it costs as much as a scan of 4544 (ef 256, for a query far from all rows, as texts are from pictures; 284 because 90000 of 100000 rows may be answered)"},
		{"a picture in a million", hnsw.Situation{Graph: true, Nodes: 1_000_000, Passing: 1_000_000, K: 10},
			"walk over 1000000 rows: it costs as much as a scan of 2048 (ef 128 among so many rows, for a query among the rows)"},
		{"a text in a million", hnsw.Situation{Graph: true, Nodes: 1_000_000, Passing: 1_000_000, K: 10, Outside: true},
			"walk over 1000000 rows: it costs as much as a scan of 10224 (ef 639 among so many rows, for a query far from all rows, as texts are from pictures)"},
		{"one row of a hundred", hnsw.Situation{Graph: true, Nodes: 100_000, Passing: 1000, K: 10},
			"scan of 1000 rows: a walk would cost as much as 102400 (ef 64, for a query among the rows; 6400 because 1000 of 100000 rows may be answered)"},
		{"hardly a row", hnsw.Situation{Graph: true, Nodes: 100_000, Passing: 20, K: 10},
			"scan of 20 rows: so few are scored in any case"},
		{"no row", hnsw.Situation{Graph: true, Nodes: 100_000, K: 10},
			"scan of 0 rows: so few are scored in any case"},
		{"many hits", hnsw.Situation{Graph: true, Nodes: 100_000, Passing: 100_000, K: 1000},
			"walk over 100000 rows: it costs as much as a scan of 24000 (ef 64, for a query among the rows; 1500 for 1000 hits)"},
		{"ef as asked for", hnsw.Situation{Graph: true, Nodes: 1_000_000, Passing: 1_000_000, K: 10, Ef: 1000},
			"walk over 1000000 rows: it costs as much as a scan of 16000 (ef 1000, as asked for)"},
	} {
		if got := hnsw.Decide(c.s).String(); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

func TestDecideNeverWalksWithoutAGraph(t *testing.T) {
	for _, k := range []int{1, 10, 1 << 40} {
		for _, nodes := range []int{0, 1, 5000} {
			p := hnsw.Decide(hnsw.Situation{Nodes: nodes, Passing: nodes, K: k})
			if !p.Scan {
				t.Errorf("k %d, %d rows: %v", k, nodes, p)
			}
		}
	}
}
