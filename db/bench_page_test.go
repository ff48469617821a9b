package db_test

import (
	"os"
	"strings"
	"testing"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/query/querytest"
)

// BenchmarkReferencePage parses and compiles every query of docs/query.md that is no error, on the pictures of that page.
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
	for _, text := range page.Queries {
		if _, err := query.Compile(b.Context(), text, src, nil); err != nil {
			continue // the page shows errors as well
		}
		b.Run(strings.ReplaceAll(text, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := query.Compile(b.Context(), text, src, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
