package db_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/sparse"
	"github.com/saedb/saedb/internal/dbtest"
	"github.com/saedb/saedb/query/querytest"
)

// BenchmarkOverhead compares a whole query of a concept, snapshot and text to rows, with the call of the index alone. See BenchmarkQuery for SAEDB_LARGE.
func BenchmarkOverhead(b *testing.B) {
	dir := os.Getenv("SAEDB_LARGE")
	if dir == "" {
		dir = filepath.Join(b.TempDir(), "db")
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
	for _, one := range []struct {
		name string
		from int
	}{{"latent", 1}, {"group", 0}} {
		word := func(i int) string { return fmt.Sprintf("word%04d", one.from+i%64*8) }
		b.Run(one.name, func(b *testing.B) {
			i := 0
			querytest.Overhead(b, func() {
				i++
				concept, _ := src.Concept(word(i))
				var terms []index.Term
				for _, w := range concept.Group {
					terms = append(terms, index.Term(w))
				}
				_, err := sparse.Sum(ctx, src, terms, 10, nil)
				dbtest.Must(b, err)
			}, func() {
				for _, err := range d.Query(ctx, "concept = "+word(i)+" top 10", nil) {
					dbtest.Must(b, err)
				}
			})
		})
	}
}
