// Package npy reads and writes the two NumPy files that vectors and codes travel in: .npy matrices of floats and
// SciPy's .npz form of a sparse matrix in compressed rows (CSR).
//
// Three types matter. A Matrix is a whole file in memory, a Reader hands out one row after the other so that an import
// of a million vectors holds one row at a time, and a CSR is a sparse matrix. Everything becomes float32: float16 is
// exact, float64 is rounded to nearest. Values are not judged here: NaN and infinities pass through.
//
// What a file claims about itself is never trusted: where the size is known, a shape that does not fit it is refused
// before anything is allocated; where it is not, memory grows only with the bytes that really arrive. Nothing in this
// package is safe for concurrent use of one value; separate values are independent.
package npy

import (
	"bufio"
	"fmt"
	"io"
	"os"
)

// Matrix is a dense row-major matrix: row i is Data[i*Cols : (i+1)*Cols].
type Matrix struct {
	Rows, Cols int
	Data       []float32
}

// Row returns row i; it shares memory with the matrix.
func (m *Matrix) Row(i int) []float32 { return m.Data[i*m.Cols : (i+1)*m.Cols : (i+1)*m.Cols] }

// ReadFile reads the .npy file at path whole. Errors name the path.
func ReadFile(path string) (*Matrix, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size := int64(-1)
	if st, err := f.Stat(); err == nil && st.Mode().IsRegular() {
		size = st.Size()
	}
	m, err := Read(bufio.NewReaderSize(f, 1<<16), size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// Read reads one .npy file of size bytes from r whole; size -1 means that the size is not known.
// A one-dimensional array of d values becomes one row of width d.
func Read(r io.Reader, size int64) (*Matrix, error) {
	rd, err := NewReader(r, size)
	if err != nil {
		return nil, err
	}
	m := &Matrix{Cols: rd.Cols}
	if size >= 0 { // NewReader has found that the rows fit into size bytes
		m.Data = make([]float32, 0, rd.Rows*rd.Cols)
	}
	row := make([]float32, rd.Cols)
	for {
		err := rd.Next(row)
		if err == io.EOF {
			return m, nil
		}
		if err != nil {
			return nil, err
		}
		m.Data = append(m.Data, row...)
		m.Rows++
	}
}

// Write writes a rows x cols matrix as a version 1.0 .npy file of little-endian float32. The same matrix always
// gives the same bytes. It is an error if data does not hold rows*cols values.
func Write(w io.Writer, rows, cols int, data []float32) error {
	if rows < 0 || cols < 0 || len(data) != rows*cols {
		return fmt.Errorf("npy: %d values do not fill a %d x %d matrix", len(data), rows, cols)
	}
	wr, err := NewWriter(w, rows, cols)
	if err != nil {
		return err
	}
	for i := range rows {
		if err := wr.WriteRow(data[i*cols : (i+1)*cols]); err != nil {
			return err
		}
	}
	return wr.Close()
}
