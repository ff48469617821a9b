package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/saedb/saedb/db"
)

// readIDs reads a file of ids, one a line: every line is an id, none is empty,
// none occurs twice, here or in seen, to which they are added with their place.
func readIDs(path string, seen map[string]string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	ids, err := scanIDs(f, path, seen)
	if err != nil {
		return nil, err
	}
	return ids, nil
}

func scanIDs(r io.Reader, path string, seen map[string]string) ([]string, error) {
	var ids []string
	sc := bufio.NewScanner(r)
	for sc.Scan() {
		id := sc.Text()
		place := fmt.Sprintf("%s:%d", path, len(ids)+1)
		switch first, twice := seen[id]; {
		case id == "":
			return nil, hint(fmt.Errorf("%s: the line is empty", place), "one id a line, as many as the vectors file has rows")
		case len(id) > db.MaxID || !utf8.ValidString(id):
			return nil, hint(fmt.Errorf("%s: id %.40q cannot be stored", place, id), "an id is UTF-8 of 1 to %d bytes", db.MaxID)
		case twice:
			return nil, hint(fmt.Errorf("%s: id %q repeats; it first stands in %s", place, id, first), "give every row an id of its own")
		}
		seen[id] = place
		ids = append(ids, id)
	}
	if err := sc.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, fmt.Errorf("%s:%d: the line is longer than any id: is this a file of ids, one a line?", path, len(ids)+1)
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return ids, nil
}
