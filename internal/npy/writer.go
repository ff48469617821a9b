package npy

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// Writer writes one .npy file of float32 rows, row by row, so that an export holds one row at a time.
// The number of rows stands in the header and is promised beforehand; Close checks it.
type Writer struct {
	w          io.Writer
	rows, cols int
	written    int
	buf        []byte
}

// NewWriter writes the header of a rows x cols matrix.
func NewWriter(w io.Writer, rows, cols int) (*Writer, error) {
	return NewArrayWriter(w, rows, cols)
}

// NewArrayWriter writes the header of an array whose rows have a shape of their own, such as pictures (n, 3, side, side); a row
// is written as all its values one after the other.
func NewArrayWriter(w io.Writer, rows int, row ...int) (*Writer, error) {
	shape, cols := strconv.Itoa(rows), 1
	for _, n := range row {
		shape += ", " + strconv.Itoa(n)
		cols *= max(n, 0)
	}
	if rows < 0 || cols <= 0 {
		return nil, fmt.Errorf("npy: an array of shape (%s) cannot be written", shape)
	}
	if err := writeHeader(w, "<f4", "("+shape+")"); err != nil {
		return nil, err
	}
	return &Writer{w: w, rows: rows, cols: cols}, nil
}

// WriteRow writes the next row, which has the promised width.
func (w *Writer) WriteRow(row []float32) error {
	if len(row) != w.cols {
		return fmt.Errorf("npy: row %d has %d values, the header says %d", w.written, len(row), w.cols)
	}
	if w.written == w.rows {
		return fmt.Errorf("npy: a row too many: the header says %d", w.rows)
	}
	w.buf = w.buf[:0]
	for _, v := range row {
		w.buf = binary.LittleEndian.AppendUint32(w.buf, math.Float32bits(v))
	}
	if _, err := w.w.Write(w.buf); err != nil {
		return fmt.Errorf("npy: writing row %d: %w", w.written, err)
	}
	w.written++
	return nil
}

// Close returns an error if rows are missing. It does not close the writer below.
func (w *Writer) Close() error {
	if w.written != w.rows {
		return fmt.Errorf("npy: %d rows were written, the header says %d", w.written, w.rows)
	}
	return nil
}

// writeHeader writes a version 1.0 header, padded so that the values start at a multiple of 64 bytes.
func writeHeader(w io.Writer, descr, shape string) error {
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, shape)
	const before = len(magic) + 4 // version and length
	pad := 63 - (before+len(dict))%64
	dict += strings.Repeat(" ", pad) + "\n"
	head := append([]byte(magic), 1, 0)
	head = binary.LittleEndian.AppendUint16(head, uint16(len(dict)))
	if _, err := w.Write(append(head, dict...)); err != nil {
		return fmt.Errorf("npy: writing the header: %w", err)
	}
	return nil
}
