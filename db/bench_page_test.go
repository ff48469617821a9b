package db_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/query/querytest"
)

// BenchmarkReferencePage parses and compiles every query of docs/query.md that is no error, on the pictures of that page. It reports the processor time of the
// slowest of them, and of the one in the middle; -v says which is the slowest.
func BenchmarkReferencePage(b *testing.B) {
	text, err := os.ReadFile("../docs/query.md")
	dbtest.Must(b, err)
	page, err := querytest.ParsePage(string(text))
	dbtest.Must(b, err)
	d := dbtest.MustOpen(b)
	dbtest.Load(b, d, page.Pictures)
	s, err := d.Snapshot()
	dbtest.Must(b, err)
	defer s.Close()
	src, err := db.SourceOf(b.Context(), s)
	dbtest.Must(b, err)
	var texts []string
	for _, text := range page.Queries {
		if _, err := query.Compile(b.Context(), text, src, nil); err == nil { // the page shows errors as well
			texts = append(texts, text)
		}
	}
	spent := make([]time.Duration, len(texts))
	const turn = 100
	rounds := 0
	for ; b.Loop(); rounds++ {
		for i, text := range texts {
			begun := cpuTime()
			for range turn {
				if _, err := query.Compile(b.Context(), text, src, nil); err != nil {
					b.Fatal(err)
				}
			}
			spent[i] += cpuTime() - begun
		}
	}
	slowest := slices.Index(spent, slices.Max(spent))
	b.Logf("the slowest of %d: %s", len(texts), texts[slowest])
	slices.Sort(spent)
	each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / float64(turn*rounds) }
	b.ReportMetric(each(spent[len(spent)-1]), "slowest-ns")
	b.ReportMetric(each(spent[len(spent)/2]), "median-ns")
}
