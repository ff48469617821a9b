package npy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// ReadIntsFile reads a whole .npy file of int32 or int64 rows, such as the row numbers of nearest neighbours. An array of
// one dimension becomes one row. Errors name the path.
func ReadIntsFile(path string) ([][]int64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	rows, err := readInts(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return rows, nil
}

func readInts(file []byte) ([][]int64, error) {
	r := bytes.NewReader(file)
	h, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	width := map[string]int{"<i4": 4, "<i8": 8}[h.descr]
	if width == 0 {
		return nil, fmt.Errorf("npy: the array is of type %q, not int32 or int64; convert it with np.save(path, arr.astype('int64'))", h.descr)
	}
	rows, cols, err := matrixShape(h.shape)
	if err != nil {
		return nil, err
	}
	if h.fortran && rows > 1 && cols > 1 {
		return nil, errors.New("npy: the array is in Fortran order, column after column; save it with np.save(path, np.ascontiguousarray(arr))")
	}
	if err := fits(h, rows, cols, width, int64(len(file))); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	out := make([][]int64, rows)
	for i := range out {
		out[i] = make([]int64, cols)
		for j := range out[i] {
			at := body[(i*cols+j)*width:]
			if width == 4 {
				out[i][j] = int64(int32(binary.LittleEndian.Uint32(at)))
			} else {
				out[i][j] = int64(binary.LittleEndian.Uint64(at))
			}
		}
	}
	return out, nil
}
