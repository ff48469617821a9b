package npy

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// CSR is a sparse matrix in compressed rows: the entries of row i are Indices[Indptr[i]:Indptr[i+1]], ascending columns,
// and the values beside them in Data. len(Indptr) is Rows+1.
type CSR struct {
	Rows, Cols int
	Indptr     []int64
	Indices    []int32
	Data       []float32
}

// Row returns the columns and values of row i; they share memory with the matrix.
func (c *CSR) Row(i int) ([]int32, []float32) {
	lo, hi := c.Indptr[i], c.Indptr[i+1]
	return c.Indices[lo:hi:hi], c.Data[lo:hi:hi]
}

// Validate returns an error that names the first thing wrong: lengths, row bounds, a column out of range, columns
// of a row out of order or twice.
func (c *CSR) Validate() error {
	if c.Rows < 0 || c.Cols < 0 || len(c.Indptr) != c.Rows+1 {
		return fmt.Errorf("npy: a sparse matrix of %d x %d with %d row bounds; there should be one more than rows", c.Rows, c.Cols, len(c.Indptr))
	}
	if len(c.Indices) != len(c.Data) || c.Indptr[0] != 0 || c.Indptr[c.Rows] != int64(len(c.Data)) {
		return fmt.Errorf("npy: a sparse matrix with %d columns, %d values and row bounds from %d to %d; they should agree", len(c.Indices), len(c.Data), c.Indptr[0], c.Indptr[c.Rows])
	}
	for i := range c.Rows {
		lo, hi := c.Indptr[i], c.Indptr[i+1]
		if lo > hi || hi > int64(len(c.Data)) {
			return fmt.Errorf("npy: row %d of a sparse matrix runs from %d to %d", i, lo, hi)
		}
		last := int32(-1)
		for _, j := range c.Indices[lo:hi] {
			if j <= last || int(j) >= c.Cols {
				return fmt.Errorf("npy: row %d of a sparse matrix has column %d after %d, of %d columns; in SciPy call sort_indices and sum_duplicates first", i, j, last, c.Cols)
			}
			last = j
		}
	}
	return nil
}

// WriteCSR writes c in the layout of scipy.sparse.save_npz. The parts are stored, not deflated: codes deflate badly, and
// so the same matrix gives the same bytes with every release of Go.
func WriteCSR(w io.Writer, c *CSR) error {
	if err := c.Validate(); err != nil {
		return err
	}
	z := zip.NewWriter(w)
	parts := []struct {
		name, descr, shape string
		data               any
	}{
		{"indices", "<i4", fmt.Sprintf("(%d,)", len(c.Indices)), c.Indices},
		{"indptr", "<i8", fmt.Sprintf("(%d,)", len(c.Indptr)), c.Indptr},
		{"format", "|S3", "()", []byte("csr")},
		{"shape", "<i8", "(2,)", []int64{int64(c.Rows), int64(c.Cols)}},
		{"data", "<f4", fmt.Sprintf("(%d,)", len(c.Data)), c.Data},
	}
	for _, p := range parts {
		f, err := z.CreateHeader(&zip.FileHeader{Name: p.name + ".npy", Method: zip.Store})
		if err != nil {
			return fmt.Errorf("npy: writing %s.npy: %w", p.name, err)
		}
		if err := writeHeader(f, p.descr, p.shape); err != nil {
			return err
		}
		if err := binary.Write(f, binary.LittleEndian, p.data); err != nil {
			return fmt.Errorf("npy: writing %s.npy: %w", p.name, err)
		}
	}
	return z.Close()
}

// ReadCSR reads a matrix that scipy.sparse.save_npz wrote, from size bytes of r. Indices may be of 32 or 64 bits, values
// of any float type; the matrix is validated.
func ReadCSR(r io.ReaderAt, size int64) (*CSR, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("npy: not an .npz file: %w; save the matrix with scipy.sparse.save_npz", err)
	}
	n := &npz{parts: map[string]*zip.File{}}
	for _, f := range z.File {
		n.parts[f.Name] = f
	}
	if format := n.text("format"); n.err == nil && format != "csr" {
		return nil, fmt.Errorf("npy: a sparse matrix in the format %q; call tocsr() before save_npz", format)
	}
	shape, indptr, indices := n.ints("shape"), n.ints("indptr"), n.ints("indices")
	data := n.floats("data")
	switch {
	case n.err != nil:
		return nil, n.err
	case len(shape) != 2 || shape[0] < 0 || shape[1] < 0 || shape[0] >= math.MaxInt32 || shape[1] > math.MaxInt32:
		return nil, fmt.Errorf("npy: a sparse matrix of shape %v; two dimensions of at most %d are read", shape, math.MaxInt32)
	}
	c := &CSR{Rows: int(shape[0]), Cols: int(shape[1]), Indptr: indptr, Data: data, Indices: make([]int32, len(indices))}
	for i, j := range indices {
		if j < 0 || j >= shape[1] {
			return nil, fmt.Errorf("npy: a sparse matrix of %d columns has an entry in column %d", shape[1], j)
		}
		c.Indices[i] = int32(j)
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c, nil
}

// npz reads the named arrays of an .npz file. The first fault sticks in err.
type npz struct {
	parts map[string]*zip.File
	err   error
}

// array returns the header and the value bytes of the one-dimensional or scalar array called name.
func (n *npz) array(name string) (header, []byte) {
	if n.err != nil {
		return header{}, nil
	}
	h, body, err := readPart(n.parts[name+".npy"])
	if err != nil {
		n.err = fmt.Errorf("npy: %s.npy of the sparse matrix: %w", name, err)
	}
	return h, body
}

// readPart reads one array. Memory grows with the bytes that arrive, not with what the archive claims.
func readPart(f *zip.File) (header, []byte, error) {
	if f == nil {
		return header{}, nil, errors.New("it is missing; save the matrix with scipy.sparse.save_npz")
	}
	r, err := f.Open()
	if err != nil {
		return header{}, nil, err
	}
	defer r.Close()
	h, err := readHeader(r)
	if err != nil {
		return h, nil, err
	}
	if len(h.shape) > 1 {
		return h, nil, fmt.Errorf("it has the shape %v, not one dimension", h.shape)
	}
	var body bytes.Buffer
	if _, err := io.Copy(&body, r); err != nil {
		return h, nil, err
	}
	return h, body.Bytes(), nil
}

// count checks that the bytes of an array are as many as its shape says and returns the number of values.
func (n *npz) count(name string, h header, body []byte, width int) int {
	want := 1
	if len(h.shape) == 1 {
		want = h.shape[0]
	}
	if n.err == nil && (len(body)%width != 0 || len(body)/width != want) {
		n.err = fmt.Errorf("npy: %s.npy of the sparse matrix claims %d values of %d bytes and has %d bytes", name, want, width, len(body))
	}
	if n.err != nil {
		return 0
	}
	return want
}

func (n *npz) text(name string) string {
	h, body := n.array(name)
	if n.err == nil && h.descr == "<U3" { // text of an old SciPy: UTF-32
		short := make([]byte, 0, len(body)/4)
		for i := 0; i < len(body); i += 4 {
			short = append(short, body[i])
		}
		return string(short)
	}
	return string(bytes.TrimRight(body, "\x00"))
}

func (n *npz) ints(name string) []int64 {
	h, body := n.array(name)
	width := map[string]int{"<i4": 4, "<i8": 8}[h.descr]
	if n.err == nil && width == 0 {
		n.err = fmt.Errorf("npy: %s.npy of the sparse matrix is of type %q, not int32 or int64", name, h.descr)
		return nil
	}
	out := make([]int64, n.count(name, h, body, max(width, 1)))
	for i := range out {
		if width == 4 {
			out[i] = int64(int32(binary.LittleEndian.Uint32(body[4*i:])))
		} else {
			out[i] = int64(binary.LittleEndian.Uint64(body[8*i:]))
		}
	}
	return out
}

func (n *npz) floats(name string) []float32 {
	h, body := n.array(name)
	if n.err != nil {
		return nil
	}
	width, err := floatWidth(h.descr)
	if err != nil {
		n.err = fmt.Errorf("npy: %s.npy of the sparse matrix: %w", name, err)
		return nil
	}
	out := make([]float32, n.count(name, h, body, width))
	decode(out, body, width)
	return out
}
