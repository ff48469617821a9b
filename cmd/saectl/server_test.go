package main

import (
	"context"
	"net/http/httptest"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/db/remote"
)

// serveDB holds a database open in this process, as saedb would, until the script ends, and sets $URL.
func serveDB(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: serve DIR [TOKEN]")
	}
	var o remote.Options
	if len(args) == 2 {
		o.Token = args[1]
	}
	d, err := db.Open(context.Background(), ts.MkAbs(args[0]), nil)
	ts.Check(err)
	s := httptest.NewServer(remote.Handler(d, o))
	d.Announce(s.URL)
	ts.Setenv("URL", s.URL)
	ts.Defer(func() {
		s.Close()
		ts.Check(d.Close())
	})
}
