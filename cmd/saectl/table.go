package main

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// tableWindow is how many rows a table holds back to choose its column widths.
// A screen shows some fifty; a thousand settle the widths and start writing
// well before a large result is complete.
const tableWindow = 1000

// table lays out cells in aligned columns. Rows beyond the window use the
// widths of the first ones; a wider cell then pushes its neighbours.
type table struct {
	cols     []column
	limit    int  // columns of the screen; the last cell is cut to fit; 0: no limit
	headless bool // no line of column names
	held     [][]string
	widths   []int // nil while rows are held back
}

func newTable(cols []column, limit int) *table {
	return &table{cols: cols, limit: limit}
}

// add takes one row, and writes to b what is ready.
func (t *table) add(b *bytes.Buffer, cells []string) {
	flat := make([]string, len(cells))
	for i, c := range cells {
		flat[i] = oneLine(c)
	}
	if t.widths != nil {
		t.row(b, flat)
		return
	}
	if t.held = append(t.held, flat); len(t.held) == tableWindow {
		t.flush(b)
	}
}

// flush writes the rows held back. It writes nothing for an empty table.
func (t *table) flush(b *bytes.Buffer) {
	if len(t.held) == 0 {
		return
	}
	rows := t.held
	if !t.headless {
		names := make([]string, len(t.cols))
		for i, c := range t.cols {
			names[i] = c.Name
		}
		rows = append([][]string{names}, rows...)
	}
	t.widths = make([]int, len(t.cols))
	for _, row := range rows {
		for i, c := range row {
			t.widths[i] = max(t.widths[i], utf8.RuneCountInString(c))
		}
	}
	for _, row := range rows {
		t.row(b, row)
	}
	t.held = nil
}

// row writes one line: two spaces between columns, none at the end.
func (t *table) row(b *bytes.Buffer, cells []string) {
	var l strings.Builder
	for i, c := range cells {
		if i > 0 {
			l.WriteString("  ")
		}
		pad := strings.Repeat(" ", max(0, t.widths[i]-utf8.RuneCountInString(c)))
		if t.cols[i].Right {
			l.WriteString(pad + c)
		} else {
			l.WriteString(c + pad)
		}
	}
	b.WriteString(cut(strings.TrimRight(l.String(), " "), t.limit))
	b.WriteByte('\n')
}

// oneLine keeps a cell on its line: control characters become U+FFFD, line
// breaks and tabs a space.
func oneLine(s string) string {
	return printable(strings.NewReplacer("\r\n", " ", "\n", " ", "\t", " ", "\x00", "\uFFFD").Replace(s))
}

// cut shortens s to n runes, the last of them an ellipsis. n 0: no limit.
func cut(s string, n int) string {
	if n <= 0 || utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}
