package main

import (
	"cmp"
	"context"
	"errors"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/db/remote"
)

// reader is what both a database in a folder and one behind a server answer, besides queries.
type reader interface {
	Get(ctx context.Context, id string) (db.Item, error)
	Stats(ctx context.Context) (db.Stats, error)
	Fingerprint(ctx context.Context) (string, error)
}

// dbURL returns the URL of the server that --db or $SAEDB_DIR names; "" where they name a folder, or nothing.
func (a *app) dbURL() string {
	if name := cmp.Or(a.flags.db, a.getenv("SAEDB_DIR")); remote.IsURL(name) {
		return name
	}
	return ""
}

// withReader runs f on the database, wherever it is.
func (a *app) withReader(ctx context.Context, f func(reader) error) error {
	if url := a.dbURL(); url != "" {
		return a.withServer(ctx, url, func(c *remote.Client) error { return f(c) })
	}
	return a.withDB(ctx, db.Options{ReadOnly: true}, func(d *db.DB) error { return f(d) })
}

// withServer runs f on the server at url.
func (a *app) withServer(ctx context.Context, url string, f func(*remote.Client) error) error {
	c, err := remote.Dial(ctx, url, a.getenv("SAEDB_TOKEN"))
	if err == nil {
		defer c.Close()
		err = f(c)
	}
	switch {
	case errors.Is(err, remote.ErrNoServer):
		return hint(err, "start one where the database is: saedb --db DIR")
	case errors.Is(err, remote.ErrToken):
		return hint(err, "set $SAEDB_TOKEN to what the server's --token-file holds")
	}
	return err
}
