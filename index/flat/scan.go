package flat

import (
	"context"
	"iter"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/internal/vec"
)

// Row is a stored vector of unit length and its ordinal.
type Row struct {
	Ord uint32
	Vec []float32
}

// Scan is Index.Search as one loop, over rows that need be valid only until the next. Every ordinal comes once. It holds
// nothing but the hits, so it also searches what does not fit in memory.
func Scan(ctx context.Context, rows iter.Seq2[Row, error], q []float32, k int, f index.Filter) ([]index.Hit, error) {
	if err := index.CheckK(k); err != nil {
		return nil, err
	}
	unit, err := index.Unit(q, len(q))
	if err != nil {
		return nil, err
	}
	best := index.NewBest(k)
	var score [1]float32
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := index.CheckRow(row.Ord, row.Vec, len(unit)); err != nil {
			return nil, err
		}
		if f == nil || f.Contains(row.Ord) {
			vec.Product(score[:], unit, row.Vec, len(unit))
			best.Offer(index.Hit{Ord: row.Ord, Score: score[0]})
		}
	}
	return best.Hits(), nil
}
