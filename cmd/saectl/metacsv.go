package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// csvForm is how the rows of a CSV file are to be read: its columns, and what they hold. A column's type is the narrowest that all
// its cells fit: whole numbers, numbers, true or false, else text, of which full RFC 3339 times become times. An empty cell is none.
type csvForm struct {
	comma   rune
	columns []string
	id      int // the column of the ids
	types   []cellType
}

// cellType is what a cell may hold; each includes those before it but for bools.
type cellType int

const (
	cellEmpty cellType = iota
	cellInt
	cellFloat
	cellBool
	cellText
)

// csvComma returns the separator of a file of that name; 0 for a file of JSON lines.
func csvComma(path string) rune {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".csv":
		return ','
	case ".tsv":
		return '\t'
	}
	return 0
}

// idColumns are the names that the column of the ids may have, the first of them that is there.
var idColumns = []string{"id", "file", "file_name"}

// indexCSV reads the file once, as index does: where each row is, and what the columns hold.
func (m *metaFile) indexCSV(comma rune) error {
	in := bufio.NewReader(m.f)
	skipped := int64(0)
	if mark, err := in.Peek(3); err == nil && bytes.Equal(mark, []byte("\ufeff")) {
		_, _ = in.Discard(3)
		skipped = 3
	}
	r := newCSV(in, comma)
	head, err := r.Read()
	if err != nil {
		return m.csvError(err)
	}
	m.form = &csvForm{comma: comma, columns: slices.Clone(head), id: -1, types: make([]cellType, len(head))}
	if err := m.form.check(); err != nil {
		return hint(fmt.Errorf("%s:1: %w", m.path, err), "the first line names the columns, such as id,year,place; give separators as they are in a .csv or .tsv")
	}
	for {
		offset := skipped + r.InputOffset()
		cells, err := r.Read()
		if err == io.EOF {
			return m.checkRows()
		}
		if err != nil {
			return m.csvError(err)
		}
		number, _ := r.FieldPos(0)
		id := cells[m.form.id]
		switch first, twice := m.lines[id]; {
		case id == "":
			return hint(fmt.Errorf("%s:%d: the row has no %s", m.path, number, m.form.columns[m.form.id]), "every row names its picture in that column")
		case twice:
			return hint(fmt.Errorf("%s:%d: id %q repeats; it first stands in line %d", m.path, number, id, first.number), "join the rows of one id")
		}
		for i, cell := range cells {
			m.form.types[i] = max(m.form.types[i], m.form.widen(i, cell))
		}
		m.lines[id] = &metaLine{number: number, offset: offset, length: int(skipped + r.InputOffset() - offset)}
	}
}

// checkRows reads every row as it will be stored: a fault is told before anything is written.
func (m *metaFile) checkRows() error {
	ids := slices.SortedFunc(maps.Keys(m.lines), func(a, b string) int { return cmp.Compare(m.lines[a].offset, m.lines[b].offset) })
	for _, id := range ids {
		if _, err := m.find(id); err != nil {
			return err
		}
		m.lines[id].used = false
	}
	return nil
}

func newCSV(r io.Reader, comma rune) *csv.Reader {
	c := csv.NewReader(r)
	c.Comma, c.ReuseRecord, c.LazyQuotes = comma, true, comma == '\t'
	return c
}

// csvError says where a file is no CSV.
func (m *metaFile) csvError(err error) error {
	var bad *csv.ParseError
	switch {
	case err == io.EOF:
		return hint(fmt.Errorf("%s: it is empty", m.path), "the first line names the columns, such as id,year,place")
	case errors.As(err, &bad):
		return fmt.Errorf("%s:%d: %w", m.path, bad.Line, bad.Err)
	}
	return fmt.Errorf("%s: %w", m.path, err)
}

// check finds the column of the ids, and refuses names that are missing or there twice.
func (f *csvForm) check() error {
	for i, name := range f.columns {
		f.columns[i] = strings.TrimSpace(name)
		if f.columns[i] == "" {
			return fmt.Errorf("column %d has no name", i+1)
		}
		if slices.Contains(f.columns[:i], f.columns[i]) {
			return fmt.Errorf("two columns are called %q", f.columns[i])
		}
	}
	for _, name := range idColumns {
		if f.id = slices.Index(f.columns, name); f.id >= 0 {
			f.types[f.id] = cellText
			return nil
		}
	}
	return fmt.Errorf("no column is called id, file or file_name; there are %q", f.columns)
}

// widen is the type that a column needs for one more cell.
func (f *csvForm) widen(column int, cell string) cellType {
	was := f.types[column]
	var now cellType
	if cell == "" {
		return was
	} else if _, err := strconv.ParseInt(cell, 10, 64); err == nil && !strings.HasPrefix(cell, "+") && !leadingZero(cell) {
		now = cellInt
	} else if isNumber(cell) {
		now = cellFloat
	} else if cell == "true" || cell == "false" {
		now = cellBool
	} else {
		return cellText
	}
	if was != cellEmpty && (was == cellBool) != (now == cellBool) { // bools and numbers have text alone in common
		return cellText
	}
	return max(was, now)
}

// leadingZero tells codes such as 007 from numbers.
func leadingZero(cell string) bool {
	digits := strings.TrimPrefix(cell, "-")
	return len(digits) > 1 && digits[0] == '0'
}

// isNumber reports whether a cell is a number as JSON writes one.
func isNumber(cell string) bool {
	var x float64
	return (cell[0] == '-' || cell[0] >= '0' && cell[0] <= '9') && json.Unmarshal([]byte(cell), &x) == nil
}

// line turns one row into the JSON object it stands for.
func (f *csvForm) line(row []byte) ([]byte, error) {
	cells, err := newCSV(bytes.NewReader(row), f.comma).Read()
	if err != nil {
		return nil, err
	}
	if len(cells) != len(f.columns) {
		return nil, csv.ErrFieldCount
	}
	object := map[string]any{}
	for i, cell := range cells {
		switch {
		case cell == "":
		case f.types[i] == cellText:
			object[f.columns[i]] = cell
		case f.types[i] == cellFloat && !strings.ContainsAny(cell, ".eE"):
			object[f.columns[i]] = json.RawMessage(cell + ".0")
		default:
			object[f.columns[i]] = json.RawMessage(cell)
		}
	}
	return json.Marshal(object)
}
