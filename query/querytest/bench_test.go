package querytest

import (
	"fmt"
	"testing"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/sparse"
	"github.com/saedb/saedb/query"
)

// BenchmarkConcept compares a whole query, text to rows, with the call of the index alone.
func BenchmarkConcept(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		src := newCrowd(n, 4096, 32, false)
		for _, word := range []string{"group1", "group8", "group64"} {
			concept, _ := src.Concept(word)
			var terms []index.Term
			for _, w := range concept.Group {
				terms = append(terms, index.Term(w))
			}
			b.Run(fmt.Sprintf("n=%d/%s/index", n, word), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if hits, err := sparse.Sum(b.Context(), src, terms, 10, nil); err != nil || len(hits) < 10 {
						b.Fatal(len(hits), err)
					}
				}
			})
			b.Run(fmt.Sprintf("n=%d/%s/query", n, word), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					rows := 0
					plan, err := query.Compile(b.Context(), "concept = "+word, src, nil)
					if err != nil {
						b.Fatal(err)
					}
					for _, err := range plan.Run(b.Context(), src) {
						if err != nil {
							b.Fatal(err)
						}
						rows++
					}
					if rows != 10 {
						b.Fatal(rows)
					}
				}
			})
		}
	}
}
