package remote_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/db/remote"
	"github.com/saedb/saedb/query"
)

func Example() {
	ctx := context.Background()
	inMemory := func(o *pebble.Options) { o.FS = vfs.NewMem() } // leave out for a folder on disk
	d, err := db.Create(ctx, "pictures.saedb", &db.Options{Tune: inMemory})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	_, err = d.Put(ctx, db.Item{ID: "beach.jpg", Vec: []float32{3, 4, 0}}, db.Item{ID: "tower.jpg", Vec: []float32{0, 0, 1}})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(remote.Handler(d, remote.Options{})) // what cmd/saedb does, with a listener of its own
	defer server.Close()

	c, err := remote.Dial(ctx, server.URL, "")
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	for row, err := range c.Query(ctx, "near vector $v in dense top 1", query.Params{"v": []float32{1, 1, 0}}, nil) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%d %s %.2f\n", row.Rank, row.ID, row.Score)
	}
	// Output: 1 beach.jpg 0.99
}
