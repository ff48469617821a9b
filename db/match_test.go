package db_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
	"github.com/saedb/saedb/query"
)

// TestMatchAgainstTheScan asks the metadata index many random predicates, and compares with asking the predicate about
// every item's metadata.
func TestMatchAgainstTheScan(t *testing.T) {
	seed := uint64(5)
	rng := rand.New(rand.NewPCG(seed, 0))
	long := strings.Repeat("long", 80)
	day := func(n int) time.Time { return time.Date(2020, 1, n, 0, 0, 0, n, time.UTC) }
	values := []any{
		int64(0), int64(-3), int64(7), int64(1 << 60), int64(1<<60 + 1), 0.0, math.Copysign(0, -1), 7.0, 7.5, -3.25, float64(1 << 60),
		"", "a", "ab", "a\x00b", "b", long, long + "x", long + "y", true, false, day(1), day(2), day(31),
	}
	pick := func() any { return values[rng.IntN(len(values))] }
	fields := []string{"x", "y", "label"}
	d := dbtest.MustOpen(t)
	for i := range 120 {
		meta := map[string]any{}
		for _, f := range fields {
			switch rng.IntN(4) {
			case 0:
			case 1:
				meta[f] = []string{"a", "b", long + "x", ""}[rng.IntN(3):]
			default:
				meta[f] = pick()
			}
		}
		_, err := d.Put(ctx, db.Item{ID: fmt.Sprintf("dir%d/%03d.jpg", i%3, i), Vec: []float32{1, float32(i)}, Meta: meta})
		dbtest.Must(t, err)
	}
	s, err := d.Snapshot()
	dbtest.Must(t, err)
	defer s.Close()
	src, err := db.SourceOf(ctx, s)
	dbtest.Must(t, err)
	preds := []query.Pred{
		{Field: "path", Op: query.Glob, Values: []any{"dir1/*"}},
		{Field: "path", Op: query.Eq, Values: []any{"dir0/000.jpg"}},
		{Field: "id", Op: query.Eq, Values: []any{"dir0/000.jpg"}},
		{Field: "id", Op: query.Glob, Values: []any{"*5.jpg"}},
		{Field: "nobody", Op: query.Exists},
	}
	for range 1500 {
		p := query.Pred{Field: []string{"meta.x", "meta.y", "label"}[rng.IntN(3)], Op: query.Op(rng.IntN(int(query.Exists) + 1))}
		switch p.Op {
		case query.Exists:
		case query.Glob:
			p.Values = []any{[]string{"*", "a*", "?", "long*x", long + "*", "", "a?b"}[rng.IntN(7)]}
		case query.Between:
			p.Values = []any{pick(), pick()}
		case query.In:
			p.Values = []any{pick(), pick(), pick()}
		default:
			p.Values = []any{pick()}
		}
		preds = append(preds, p)
	}
	live, err := src.All(ctx)
	dbtest.Must(t, err)
	answered := 0
	for _, p := range preds {
		got, err := src.Match(ctx, p)
		dbtest.Must(t, err)
		answered += int(got.GetCardinality())
		for it := live.Iterator(); it.HasNext(); {
			ord := it.Next()
			meta, err := src.Meta(ctx, ord)
			dbtest.Must(t, err)
			if meta["id"], err = src.ID(ctx, ord); err != nil {
				t.Fatal(err)
			}
			if want := p.Match(meta[p.Field]); want != got.Contains(ord) {
				t.Fatalf("seed %d: %s: item with %v: index %v, scan %v", seed, p, meta[p.Field], !want, want)
			}
		}
	}
	if answered < 1000 {
		t.Errorf("the predicates found %d items in all: too few to mean anything", answered)
	}
}
