package db_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/internal/dbtest"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/sae/concept"
)

// groupNames calls latent i wordi and binds every eighth word to a group of eight latents.
func groupNames(m int) *concept.Names {
	n := dbtest.Names(m)
	for i := 0; i < m; i += 8 {
		group := make([]concept.Weight, 8)
		for j := range group {
			group[j] = concept.Weight{Latent: uint32((i + 37*j) % m), W: float32(8-j) / 36}
		}
		n.Concepts[i].Group = group
	}
	return n
}

// BenchmarkQuery asks a database of 100,000 items, open and warm, in process. The folder of one that was made before may be given in SAEDB_LARGE.
func BenchmarkQuery(b *testing.B) {
	dir := os.Getenv("SAEDB_LARGE")
	if dir == "" {
		dir = filepath.Join(b.TempDir(), "db")
	}
	if _, err := os.Stat(dir); err != nil {
		large(b, dir)
	}
	d, err := db.Open(ctx, dir, nil)
	dbtest.Must(b, err)
	defer d.Close()
	dbtest.Must(b, d.SetNames(ctx, "m", groupNames(largeLatents)))
	s, err := d.Snapshot()
	dbtest.Must(b, err)
	defer s.Close()
	src, err := db.SourceOf(ctx, s)
	dbtest.Must(b, err)
	for _, q := range []struct{ name, text string }{
		{"latent", "concept = word%04d top 10"},
		{"group", "concept = word%04[2]d top 10"},
		{"and", "concept = word%04d and concept = word%04d top 10"},
		{"threshold", "concept = word%04d >= 50%% top 10"},
		{"count", "count concept = word%04[2]d"},
		{"near", "near image i%04d in latent top 10"},
		{"describe", "describe concept word%04[2]d"},
		{"listing", "concepts order by mean top 10"},
	} {
		b.Run(q.name, func(b *testing.B) {
			counted := &counter{Source: src}
			ask := func(i int) {
				text := fmt.Sprintf(q.text, 1+i%64*8, i%64*8)
				if !strings.Contains(q.text, "%0") {
					text = q.text
				} else if !strings.Contains(q.text, "[2]") && strings.Count(q.text, "%04d") == 1 {
					text = fmt.Sprintf(q.text, 1+i%64*8)
				}
				plan, err := query.Compile(ctx, text, counted, nil)
				dbtest.Must(b, err)
				for _, err := range plan.Run(ctx, counted) {
					dbtest.Must(b, err)
				}
			}
			for i := range 64 { // what is asked for is in the cache
				ask(i)
			}
			b.ResetTimer()
			counted.codes = 0
			i := 0
			for ; b.Loop(); i++ {
				ask(i)
			}
			b.ReportMetric(float64(counted.codes)/float64(i), "codes/op")
		})
	}
}

// counter counts the codes that are looked up.
type counter struct {
	query.Source
	codes int
}

func (c *counter) Codes(ctx context.Context, f index.Filter) iter.Seq2[index.Coded, error] {
	if f != nil {
		c.codes += int(f.GetCardinality())
	}
	return c.Source.Codes(ctx, f)
}
