package npy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/saedb/saedb/internal/vec"
)

// Reader hands out the rows of one .npy file in order and holds one row at a time. Rows and Cols are the header's.
type Reader struct {
	Rows, Cols int

	r     io.Reader
	width int    // bytes per value: 2, 4 or 8
	row   []byte // one row as stored
	next  int    // number of the row that Next reads
	err   error  // sticks once set
}

// NewReader reads the header of a .npy file of size bytes; size -1 means that the size is not known.
// Object types, Fortran order, big-endian values, more than two dimensions, and a shape that does not fill the
// file exactly are errors. r should be buffered where its reads are dear.
func NewReader(r io.Reader, size int64) (*Reader, error) {
	h, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	width, err := floatWidth(h.descr)
	if err != nil {
		return nil, err
	}
	rows, cols, err := matrixShape(h.shape)
	if err != nil {
		return nil, err
	}
	if h.fortran && rows > 1 && cols > 1 {
		return nil, errors.New("npy: the array is in Fortran order, column after column; save it with np.save(path, np.ascontiguousarray(arr))")
	}
	if err := fits(h, rows, cols, width, size); err != nil {
		return nil, err
	}
	return &Reader{Rows: rows, Cols: cols, r: r, width: width}, nil
}

// fits compares the bytes that the shape asks for with those that the file has.
func fits(h header, rows, cols, width int, size int64) error {
	want, ok := byteCount(rows, cols, width)
	if !ok || want > math.MaxInt64-h.bytes {
		return fmt.Errorf("npy: a %d x %d array of %s is larger than memory can be; the header is damaged", rows, cols, h.descr)
	}
	if have := size - h.bytes; size >= 0 && have != want {
		fault := "is truncated"
		if have > want {
			fault = "has trailing bytes"
		}
		return fmt.Errorf("npy: the file %s: a %d x %d array of %s takes %d bytes, %d follow the header; write or copy the file again", fault, rows, cols, h.descr, want, max(have, 0))
	}
	return nil
}

// Next reads the next row into dst, which has length Cols. After the last row it returns io.EOF, having made sure
// that nothing follows. Any other error sticks.
func (r *Reader) Next(dst []float32) error {
	if r.err == nil {
		r.err = r.read(dst)
	}
	return r.err
}

func (r *Reader) read(dst []float32) error {
	if r.next == r.Rows {
		return r.end()
	}
	if len(dst) != r.Cols {
		return fmt.Errorf("npy: a row of %d values does not fit a slice of %d", r.Cols, len(dst))
	}
	if err := r.fill(); err != nil {
		return cut(fmt.Sprintf("row %d of %d", r.next, r.Rows), err)
	}
	r.next++
	decode(dst, r.row, r.width)
	return nil
}

// fill reads one stored row. The buffer grows with the bytes that arrive, for the width of a row is only a claim.
func (r *Reader) fill() error {
	const step = 1 << 20
	want := r.Cols * r.width
	for have := 0; have < want; {
		n := min(want-have, step)
		if len(r.row) < have+n {
			r.row = append(r.row, make([]byte, have+n-len(r.row))...)
		}
		if _, err := io.ReadFull(r.r, r.row[have:have+n]); err != nil {
			return err
		}
		have += n
	}
	return nil
}

// end is reached after the last row: nothing may follow.
func (r *Reader) end() error {
	var b [1]byte
	switch _, err := io.ReadFull(r.r, b[:]); err {
	case nil:
		return fmt.Errorf("npy: the file has trailing bytes after its %d rows; write or copy the file again", r.Rows)
	case io.EOF:
		return io.EOF
	default:
		return fmt.Errorf("npy: reading the end of the file: %w", err)
	}
}

// decode turns little-endian values of width bytes into float32.
func decode(dst []float32, src []byte, width int) {
	switch width {
	case 2:
		vec.FromF16(dst, src)
	case 4:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
		}
	case 8:
		for i := range dst {
			dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:])))
		}
	}
}
