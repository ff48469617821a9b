package flat_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/flat"
)

// fixed is a table in memory as a file would have it.
func fixed(twin *table) (ords []uint32, rows []float32) {
	for ord := range twin.rows {
		ords = append(ords, ord)
	}
	slices.Sort(ords)
	for _, ord := range ords {
		rows = append(rows, twin.rows[ord]...)
	}
	return ords, rows
}

// TestFixedRoundedAgreesToTheBit tries tables of many shapes, with rows that are left out and filters of any width, against the plain loop.
func TestFixedRoundedAgreesToTheBit(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 4))
		twin := random(r, 800+r.IntN(1500), 1+r.IntN(100))
		near(r, twin)
		ords, rows := fixed(twin)
		c := flat.Round(rows, flat.MeanOf(rows, twin.dim), 2)
		x := flat.NewFixed(twin.dim, 1+int(seed%3), ords, rows, nil).Rounded(c, nil)
		skip := roaring.New()
		for range int(seed%4) * 100 {
			skip.Add(ords[r.IntN(len(ords))])
		}
		left := &table{dim: twin.dim, rows: map[uint32][]float32{}}
		for ord, v := range twin.rows {
			if !skip.Contains(ord) {
				left.rows[ord] = v
			}
		}
		var filter index.Filter
		if seed%2 == 1 {
			filter = roaring.New()
			for range len(ords) / int(1+seed%20) {
				filter.Add(ords[r.IntN(len(ords))])
			}
		}
		for range 10 {
			q := random(r, 1, twin.dim).rows[0]
			want, err := flat.Scan(t.Context(), left.all(), q, 7, filter)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := x.SearchWithout(t.Context(), q, 7, filter, skip); err != nil || !slices.Equal(got, want) {
				t.Fatalf("seed %d: %v, %v\nwant %v", seed, got, err, want)
			}
		}
	}
}

// TestFixedRoundedAsksBeforeItReads: a block that is not well ends the search with what was said of it, be it of bytes or of rows.
func TestFixedRoundedAsksBeforeItReads(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 5))
	twin := random(r, 2000, 20)
	ords, rows := fixed(twin)
	c := flat.Round(rows, flat.MeanOf(rows, twin.dim), 2)
	fault := errors.New("damaged")
	refuse := func(int, int) error { return fault }
	few := roaring.BitmapOf(ords[3], ords[1999])
	for _, filter := range []index.Filter{nil, few} {
		for name, x := range map[string]*flat.Fixed{
			"bytes": flat.NewFixed(twin.dim, 2, ords, rows, nil).Rounded(c, refuse),
			"rows":  flat.NewFixed(twin.dim, 2, ords, rows, refuse).Rounded(c, nil),
		} {
			if hits, err := x.Search(t.Context(), twin.rows[ords[5]], 3, filter); !errors.Is(err, fault) || hits != nil {
				t.Errorf("%s: %v, %v", name, hits, err)
			}
		}
	}
}
