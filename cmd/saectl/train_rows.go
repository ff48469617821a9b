package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/sae/train"
)

// defaultHoldout is the share of rows kept back where nothing is said: enough to
// measure on, few enough not to be missed.
const defaultHoldout = "0.1"

// split is the rows to train on and those kept back, each ascending.
type split struct{ trained, held []int }

// splitRows reads --rows and --holdout. Rows are all of the database, or those
// listed. Kept back is a share of them, or the rows listed or asked for, wherever
// they are; with --rows and nothing said about a holdout, it is all other rows.
func splitRows(ctx context.Context, d *db.DB, ids idList, rowsFile, holdout string, seed uint64) (split, error) {
	all := make([]int, len(ids))
	for i := range all {
		all[i] = i
	}
	s := split{trained: all}
	var err error
	if rowsFile != "" {
		if s.trained, err = listedRows(ids, rowsFile); err != nil {
			return s, err
		}
		s.held = without(all, s.trained)
	}
	if holdout == "" && rowsFile != "" {
		return s, s.check()
	}
	if holdout == "" {
		holdout = defaultHoldout
	}
	if share, err := strconv.ParseFloat(holdout, 64); err == nil {
		return s.share(share, seed)
	}
	if st, err := os.Stat(holdout); err == nil && st.Mode().IsRegular() {
		s.held, err = listedRows(ids, holdout)
		if err != nil {
			return s, err
		}
	} else if s.held, err = askedRows(ctx, d, ids, "--holdout", holdout); err != nil {
		return s, hint(err, "--holdout takes a share such as 0.1, a file of ids, or a query such as 'split = test'")
	}
	s.trained = without(s.trained, s.held)
	return s, s.check()
}

// share keeps back a share of the rows to train on, at random by the seed.
func (s split) share(share float64, seed uint64) (split, error) {
	if !(share >= 0 && share < 1) {
		return s, hint(fmt.Errorf("--holdout %v: a share is from 0 up to 1", share), "0.1 keeps one row in ten back")
	}
	trained, held := train.Split(len(s.trained), share, seed)
	pick := func(from []int) []int {
		rows := make([]int, len(from))
		for i, at := range from {
			rows[i] = s.trained[at]
		}
		return rows
	}
	s.trained, s.held = pick(trained), pick(held)
	return s, s.check()
}

func (s split) check() error {
	if len(s.trained) == 0 {
		return hint(errors.New("no rows are left to train on"), "keep fewer rows back, or list others with --rows")
	}
	return nil
}

// listedRows reads a file of ids, one a line.
func listedRows(ids idList, path string) ([]int, error) {
	listed, err := readIDs(path, map[string]string{})
	if err != nil {
		return nil, err
	}
	return ids.rows(listed, path)
}

// askedRows asks the database for rows with the query that a flag was given.
func askedRows(ctx context.Context, d *db.DB, ids idList, flag, text string) ([]int, error) {
	var asked []string
	for row, err := range d.Query(ctx, text, nil) {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
		id, err := idsOnly(row.ID, text)
		if err != nil {
			return nil, err
		}
		asked = append(asked, id)
	}
	return ids.rows(asked, flag)
}
