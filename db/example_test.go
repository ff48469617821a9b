package db_test

import (
	"context"
	"fmt"
	"log"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/query/build"
	"github.com/saedb/saedb/query/syntax"
)

func Example() {
	ctx := context.Background()
	inMemory := func(o *pebble.Options) { o.FS = vfs.NewMem() } // leave out for a folder on disk
	d, err := db.Create(ctx, "pictures.saedb", &db.Options{Tune: inMemory})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()

	_, err = d.Put(ctx,
		db.Item{ID: "beach.jpg", Vec: []float32{3, 4, 0}, Meta: map[string]any{"year": int64(2021)}},
		db.Item{ID: "dunes.jpg", Vec: []float32{4, 3, 0}, Meta: map[string]any{"year": int64(2019)}},
		db.Item{ID: "tower.jpg", Vec: []float32{0, 0, 1}, Meta: map[string]any{"year": int64(2021)}})
	if err != nil {
		log.Fatal(err)
	}
	for row, err := range d.Query(ctx, `near image "beach.jpg" in dense where meta.year < 2021 top 1`, nil) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%d %s %.2f\n", row.Rank, row.ID, row.Score)
	}
	// Output: 1 dunes.jpg 0.96
}

func ExampleDB_QueryTree() {
	ctx := context.Background()
	inMemory := func(o *pebble.Options) { o.FS = vfs.NewMem() } // leave out for a folder on disk
	d, err := db.Create(ctx, "pictures.saedb", &db.Options{Tune: inMemory})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	_, err = d.Put(ctx,
		db.Item{ID: "beach.jpg", Vec: []float32{3, 4, 0}, Meta: map[string]any{"year": int64(2021)}},
		db.Item{ID: "dunes.jpg", Vec: []float32{4, 3, 0}, Meta: map[string]any{"year": int64(2019)}})
	if err != nil {
		log.Fatal(err)
	}
	q := build.Near(build.Image("beach.jpg")).In(syntax.SpaceDense).Where(build.Lt("meta.year", 2021)).Top(1)
	for row, err := range d.QueryTree(ctx, q.Tree(), nil) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%d %s %.2f\n", row.Rank, row.ID, row.Score)
	}
	// Output: 1 dunes.jpg 0.96
}
