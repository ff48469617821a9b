package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/saedb/saedb/db"
)

// dbFolder is the name of a database folder that nobody named.
const dbFolder = ".saedb"

// dbDir returns the folder of the database: --db, else $SAEDB_DIR, else the
// nearest .saedb upwards. Where there is none of them it is .saedb in the
// working directory for a command that creates, and an error for any other.
func (a *app) dbDir(create bool) (string, error) {
	if url := a.dbURL(); url != "" {
		return "", hint(fmt.Errorf("%s needs the folder of the database, and %s is a server", a.command, url),
			"run it where the folder is, after ending the server; query, explain, concepts, near, get and stats read through a server")
	}
	if a.flags.db != "" {
		return a.flags.db, nil
	}
	if dir := a.getenv("SAEDB_DIR"); dir != "" {
		return dir, nil
	}
	here, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("looking for %s: %w", dbFolder, err)
	}
	if dir, ok := nearestUpwards(here, dbFolder); ok {
		return dir, nil
	}
	if create {
		return dbFolder, nil
	}
	return "", hint(fmt.Errorf("no database: neither --db nor $SAEDB_DIR is set, and there is no %s folder in %s or above", dbFolder, here), creators)
}

// creators is the cure for a missing database.
const creators = "saectl import FILE.npy and saectl demo create one"

// nearestUpwards looks for a folder called name in dir and its parents.
func nearestUpwards(dir, name string) (string, bool) {
	for {
		candidate := filepath.Join(dir, name)
		if st, err := os.Stat(candidate); err == nil && st.IsDir() {
			return candidate, true
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", false
		}
		dir = parent
	}
}

// openDB opens the database that the flags and the environment name; with
// opts.Create it may be a new one. The caller closes it.
func (a *app) openDB(ctx context.Context, opts db.Options) (*db.DB, error) {
	dir, err := a.dbDir(opts.Create)
	if err != nil {
		return nil, err
	}
	d, err := db.Open(ctx, dir, &opts)
	switch {
	case errors.Is(err, db.ErrNoDatabase) && opts.Create:
		return nil, hint(fmt.Errorf("%s: something else is here, not a database", dir), "name a new or empty folder with --db")
	case errors.Is(err, db.ErrNoDatabase):
		return nil, hint(fmt.Errorf("%s: no database here", dir), creators)
	case errors.Is(err, db.ErrLocked):
		return nil, hint(err, "another process has it open; wait for it or end it; a saedb server is read through with --db http://HOST:PORT")
	}
	return d, err
}

// withDB runs f on the database and closes it. An error of f counts before one
// of closing.
func (a *app) withDB(ctx context.Context, opts db.Options, f func(*db.DB) error) error {
	d, err := a.openDB(ctx, opts)
	if err != nil {
		return err
	}
	err = f(d)
	if cerr := d.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("closing the database: %w", cerr)
	}
	return err
}

// manyRows is the number of items from which on a file of rows is worth its bytes.
const manyRows = 4096

// derive makes the derived files of a large database, so that the first search does not read all rows. That they cannot be
// made is worth a note: the searches only take longer.
func (a *app) derive(ctx context.Context, d *db.DB) error { return a.deriveBy(ctx, d, d.Derive) }

// deriveGraph is derive with a graph, where there are rows enough for one.
func (a *app) deriveGraph(ctx context.Context, d *db.DB) error {
	return a.deriveBy(ctx, d, d.DeriveGraph)
}

func (a *app) deriveBy(ctx context.Context, d *db.DB, derive func(context.Context) error) error {
	st, err := d.Stats(ctx)
	if err != nil || st.Items < manyRows {
		return err
	}
	if err := derive(ctx); err != nil && ctx.Err() == nil {
		a.note("the derived files could not be made, searches read all rows instead: %v", err)
	}
	return ctx.Err()
}
