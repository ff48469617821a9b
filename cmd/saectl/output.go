package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// column heads a column of a table.
type column struct {
	Name  string
	Right bool // numbers: aligned to the right
}

// line is one row of a result in all the shapes a format may ask for.
type line struct {
	JSON  any      // json, jsonl
	Cells []string // table, csv, tsv: one for each column
	Path  string   // paths; empty: this kind of row has none
}

// printer writes rows in the format of the app, each as soon as it can be
// written. It is used by one goroutine: print for each row, then close.
type printer struct {
	a     *app
	cols  []column
	rows  int
	table *table
}

// printer returns a printer for rows of these columns.
func (a *app) printer(cols ...column) *printer {
	p := &printer{a: a, cols: cols}
	if a.format == formatTable {
		p.table = newTable(cols, a.width)
		p.table.headless = len(cols) == 1 && cols[0].Name == ""
	}
	return p
}

// print writes one row.
func (p *printer) print(l line) error {
	var b bytes.Buffer
	if p.rows == 0 {
		p.writeHead(&b)
	}
	if err := p.writeRow(&b, l); err != nil {
		return err
	}
	p.rows++
	return p.a.write(b.Bytes())
}

// close ends the output. It returns errNothing when no row was printed.
func (p *printer) close() error {
	var b bytes.Buffer
	switch {
	case p.a.format == formatJSON && p.rows == 0:
		b.WriteString("[]\n")
	case p.a.format == formatJSON:
		b.WriteString("\n]\n")
	case p.a.format == formatTable:
		p.table.flush(&b)
	}
	if err := p.a.write(b.Bytes()); err != nil {
		return err
	}
	if p.rows == 0 {
		return errNothing
	}
	return nil
}

func (p *printer) writeHead(b *bytes.Buffer) {
	switch p.a.format {
	case formatJSON:
		b.WriteString("[\n")
	case formatCSV, formatTSV:
		names := make([]string, len(p.cols))
		for i, c := range p.cols {
			names[i] = c.Name
		}
		p.a.writeCells(b, names)
	}
}

func (p *printer) writeRow(b *bytes.Buffer, l line) error {
	switch p.a.format {
	case formatTable:
		p.table.add(b, l.Cells)
	case formatCSV, formatTSV:
		p.a.writeCells(b, l.Cells)
	case formatPaths:
		if l.Path == "" {
			return hint(errors.New("--format paths: these rows have no path"), "use another format: table, json, jsonl, csv or tsv")
		}
		b.WriteString(l.Path)
		b.WriteByte(p.a.pathEnd())
	case formatJSON:
		if p.rows > 0 {
			b.WriteString(",\n")
		}
		if err := encodeJSON(b, l.JSON); err != nil {
			return err
		}
		b.Truncate(b.Len() - 1) // the newline belongs to the separator
	case formatJSONL:
		return encodeJSON(b, l.JSON)
	}
	return nil
}

// printObject writes one object: JSON when the format is json (indented) or
// jsonl (one line), else text, which ends in a newline of its own or gets one.
func (a *app) printObject(v any, text string) error {
	switch a.format {
	case formatJSON, formatJSONL:
		var b bytes.Buffer
		if err := encodeJSON(&b, v); err != nil {
			return err
		}
		if a.format == formatJSON {
			var wide bytes.Buffer
			if err := json.Indent(&wide, b.Bytes(), "", "  "); err != nil {
				return err
			}
			b = wide
		}
		return a.write(b.Bytes())
	case formatTable:
		return a.write([]byte(strings.TrimRight(text, "\n") + "\n"))
	}
	return hint(fmt.Errorf("--format %s is for rows, and this is one object", a.format), "use table, json or jsonl")
}

// printOutcome tells what a command has done: on a terminal the sentence, in
// JSON formats the object, with the sentence as a note unless JSON was asked for.
func (a *app) printOutcome(v any, sentence string) error {
	if a.format == formatJSONL && !a.chosen() {
		a.note("%s", sentence)
	}
	return a.printObject(v, sentence)
}

// facts lays out pairs of name and value as two aligned columns.
func facts(pairs ...string) string {
	var b bytes.Buffer
	t := newTable([]column{{}, {}}, 0)
	t.headless = true
	for i := 0; i+1 < len(pairs); i += 2 {
		t.add(&b, pairs[i:i+2])
	}
	t.flush(&b)
	return b.String()
}

// write sends finished bytes to stdout; on a terminal without the characters
// that would move its cursor.
func (a *app) write(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	if a.terminal {
		_, err := io.WriteString(a.stdout, printable(string(data)))
		return err
	}
	_, err := a.stdout.Write(data)
	return err
}

// writeCells writes one line of csv or tsv. A tab or newline inside a tsv cell
// becomes a space, so that a line is a row for every reader.
func (a *app) writeCells(b *bytes.Buffer, cells []string) {
	if a.format == formatTSV {
		flat := strings.NewReplacer("\t", " ", "\n", " ", "\r", " ")
		for i, c := range cells {
			if i > 0 {
				b.WriteByte('\t')
			}
			b.WriteString(flat.Replace(c))
		}
		b.WriteByte('\n')
		return
	}
	w := csv.NewWriter(b)
	_ = w.Write(cells) // a bytes.Buffer takes everything
	w.Flush()
}

func (a *app) pathEnd() byte {
	if a.flags.zero {
		return 0
	}
	return '\n'
}

// encodeJSON appends v and a newline, with <, > and & as they are.
func encodeJSON(b *bytes.Buffer, v any) error {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// printable replaces what a terminal would obey rather than show: control
// characters other than newline, tab and NUL separators, and the marks that
// change the direction of writing.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t', r == 0:
			return r
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return '\uFFFD'
		}
		return r
	}, s)
}
