package hnsw_test

import (
	"testing"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/hnsw"
	"github.com/saedb/saedb/index/indextest"
)

// TestIndex runs the suite of all indexes: on graphs from the eighth row on, which are far smaller than any that a search would meet, and
// as users have it, without a graph at this size.
func TestIndex(t *testing.T) {
	t.Run("graph", func(t *testing.T) {
		indextest.Dense(t, 0.9, func(dim int) index.Mutable { return hnsw.New(dim, hnsw.Options{Exact: 8, Threads: 2}) })
	})
	t.Run("default", func(t *testing.T) {
		indextest.Dense(t, 1, func(dim int) index.Mutable { return hnsw.New(dim, hnsw.Options{}) })
	})
}
