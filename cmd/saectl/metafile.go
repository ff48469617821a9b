package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/saedb/saedb/db"
)

// maxMetaLine is the longest line of a metadata file: what the database stores
// for one item, with room for the quotes and escapes of JSON.
const maxMetaLine = 4 * db.MaxMeta

// metaFile finds the lines of a metadata file by id. It keeps where the lines
// are, not what they say, so a file larger than memory is no trouble.
type metaFile struct {
	path  string
	f     *os.File
	lines map[string]*metaLine
	form  *csvForm // of a CSV file; nil: JSON lines
}

// metaLine is the place of one line.
type metaLine struct {
	number int   // 1-based
	offset int64 // of its first byte
	length int
	used   bool // an imported row has asked for it
}

// openMeta reads the file once: every line must be a JSON object with an id of
// its own that can be stored as metadata; of a .csv or .tsv, every row must have
// one. Empty lines are passed over. The caller closes it.
func openMeta(path string) (*metaFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	m := &metaFile{path: path, f: f, lines: map[string]*metaLine{}}
	if comma := csvComma(path); comma != 0 {
		err = m.indexCSV(comma)
	} else {
		err = m.index()
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return m, nil
}

func (m *metaFile) index() error {
	var offset int64
	next := offset
	sc := bufio.NewScanner(m.f)
	sc.Buffer(nil, maxMetaLine)
	sc.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		advance, token, err := bufio.ScanLines(data, atEOF)
		next += int64(advance)
		return advance, token, err
	})
	number := 0
	for ; sc.Scan(); offset = next {
		number++
		if len(bytes.TrimSpace(sc.Bytes())) == 0 {
			continue
		}
		id, _, err := parseMetaLine(sc.Bytes())
		switch first, twice := m.lines[id]; {
		case err != nil:
			return hint(fmt.Errorf("%s:%d: %w", m.path, number, err), `one JSON object a line, such as {"id":"a.jpg","year":2020}`)
		case id == "":
			return hint(fmt.Errorf("%s:%d: the object has no id", m.path, number), `every line names its row, as in {"id":"a.jpg","year":2020}`)
		case twice:
			return hint(fmt.Errorf("%s:%d: id %q repeats; it first stands in line %d", m.path, number, id, first.number), "join the lines of one id")
		}
		m.lines[id] = &metaLine{number: number, offset: offset, length: len(sc.Bytes())}
	}
	if err := sc.Err(); errors.Is(err, bufio.ErrTooLong) {
		return fmt.Errorf("%s:%d: the line is longer than %d bytes", m.path, number+1, maxMetaLine)
	} else if err != nil {
		return fmt.Errorf("%s: %w", m.path, err)
	}
	return nil
}

// parseMetaLine reads one line. Where it has no id, its file or file_name is one.
func parseMetaLine(line []byte) (id string, meta map[string]any, err error) {
	id, meta, err = db.ParseMeta(line)
	for _, key := range []string{"file", "file_name"} {
		if name, ok := meta[key].(string); ok && id == "" {
			delete(meta, key)
			id = name
		}
	}
	return id, meta, err
}

// find returns the metadata of an id, nil if the file has no line for it.
func (m *metaFile) find(id string) (map[string]any, error) {
	l, ok := m.lines[id]
	if !ok {
		return nil, nil
	}
	l.used = true
	buf := make([]byte, l.length)
	if _, err := m.f.ReadAt(buf, l.offset); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", m.path, l.number, err)
	}
	line, err := buf, error(nil)
	if m.form != nil {
		line, err = m.form.line(buf)
	}
	if err != nil {
		return nil, fmt.Errorf("%s:%d: %w", m.path, l.number, err)
	}
	again, meta, err := parseMetaLine(line)
	if err == nil && again != id {
		err = errors.New("the file has changed since the import began")
	}
	if err != nil {
		return nil, fmt.Errorf("%s:%d: %w", m.path, l.number, err)
	}
	return meta, nil
}

// unused returns the numbers of the lines that nobody asked for, ascending.
func (m *metaFile) unused() []int {
	var numbers []int
	for _, l := range m.lines {
		if !l.used {
			numbers = append(numbers, l.number)
		}
	}
	slices.Sort(numbers)
	return numbers
}

func (m *metaFile) close() error { return m.f.Close() }
