package npy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// matrix is what testdata/make.py saves in every type.
var matrix = []float32{1.5, -2, 0.25, 0, 65504, -0.125}

func TestReadWhatNumPyWrote(t *testing.T) {
	for _, c := range []struct {
		file       string
		rows, cols int
		data       []float32
	}{
		{"f2.npy", 2, 3, matrix},
		{"f4.npy", 2, 3, matrix},
		{"f8.npy", 2, 3, matrix},
		{"version2.npy", 2, 3, matrix},
		{"version3.npy", 2, 3, matrix},
		{"one-dimension.npy", 1, 3, matrix[:3]},
		{"no-rows.npy", 0, 3, []float32{}},
	} {
		m, err := ReadFile(filepath.Join("testdata", c.file))
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		if m.Rows != c.rows || m.Cols != c.cols || !reflect.DeepEqual(m.Data, c.data) {
			t.Errorf("%s: %d x %d %v, want %d x %d %v", c.file, m.Rows, m.Cols, m.Data, c.rows, c.cols, c.data)
		}
	}
}

func TestRefuseWithTheCure(t *testing.T) {
	for file, want := range map[string]string{
		"object.npy":           "object type \"|O\", a Python pickle, which can run code and is never read; convert it with np.save(path, arr.astype('float32'))",
		"fortran.npy":          "Fortran order, column after column; save it with np.save(path, np.ascontiguousarray(arr))",
		"big-endian.npy":       "big-endian (\">f4\"); convert it with",
		"integer.npy":          "type \"<i8\", not float16, float32 or float64; convert it with",
		"structured.npy":       "structured type; save one field",
		"scalar.npy":           "0 dimensions",
		"three-dimensions.npy": "3 dimensions [1 2 3]",
		"codes.npz":            "not a .npy file",
		"missing.npy":          "missing.npy",
	} {
		_, err := ReadFile(filepath.Join("testdata", file))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: error %v\nshould name the file and say: %s", file, err, want)
		}
	}
}

// file builds a version 1.0 file from a header's text and raw value bytes.
func file(dict string, body []byte) []byte {
	b := append([]byte(magic), 1, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(dict)))
	return append(append(b, dict...), body...)
}

func TestDamagedHeaders(t *testing.T) {
	for dict, want := range map[string]string{
		"":                                 `"" where "{" should be`,
		"{'descr': '<f4', 'shape': (1,)}":  "not the three keys",
		"{'descr': '<f4', 'descr': '<f4'}": `the key "descr" twice`,
		"{'descr': '<f4'":                  `no comma before ""`,
		"{'descr': '<f4":                   "a quotation without an end",
		"{'descr': [('x', '<f4'":           "a list without an end",
		"{'fortran_order': Maybe":          `"Maybe" where "False" should be`,
		"{'color': 1}":                     `the unknown key "color"`,
		"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}":                             `the dimension "-1,)}"`,
		"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}":           `the dimension "99999999999999999999…"`,
		"{'descr': '<f4', 'fortran_order': False, 'shape': (1 2)}":                             `the shape "2)}"`,
		"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} more":                         `"more" after the dictionary`,
		"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 0)}":                            "rows of no values",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 2)}":          "larger than memory can be",
		"{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2305843009213693952)}":          "larger than memory can be",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (2305843009213693951, 1)}":          "larger than memory can be",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 512)}":                 "truncated",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1)}" + strings.Repeat(" ", 900): "truncated",
	} {
		b := file(dict, nil)
		_, err := Read(bytes.NewReader(b), int64(len(b)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\nerror %v\nshould say %s", head(dict), err, want)
		}
		if _, err := Read(bytes.NewReader(b), -1); err == nil {
			t.Errorf("%s: read without an error where the size is not known", head(dict))
		}
	}
}

func TestEveryTruncationAndTrailingByte(t *testing.T) {
	whole, err := os.ReadFile("testdata/f2.npy")
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if _, err := Read(bytes.NewReader(whole[:n]), int64(n)); err == nil || !strings.Contains(err.Error(), "truncated") {
			t.Errorf("first %d bytes: error %v should say truncated", n, err)
		}
		if _, err := Read(bytes.NewReader(whole[:n]), -1); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("first %d bytes, size unknown: error %v should be an unexpected end", n, err)
		}
	}
	long := append(whole, 0)
	for _, size := range []int64{int64(len(long)), -1} {
		if _, err := Read(bytes.NewReader(long), size); err == nil || !strings.Contains(err.Error(), "trailing bytes") {
			t.Errorf("one byte more, size %d: error %v should say trailing bytes", size, err)
		}
	}
}

func TestWriteMatchesNumPy(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, 2, 3, matrix); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/f4.npy")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), want) {
		t.Errorf("wrote\n%q\nNumPy wrote\n%q", b.Bytes(), want)
	}
}

func TestWriterKeepsItsPromise(t *testing.T) {
	if err := Write(io.Discard, 2, 2, make([]float32, 3)); err == nil {
		t.Error("three values filled a 2 x 2 matrix")
	}
	w, err := NewWriter(io.Discard, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err == nil {
		t.Error("Close did not miss the row")
	}
	if err := w.WriteRow([]float32{1}); err == nil {
		t.Error("a row of one value was written to a matrix of width two")
	}
	if err := w.WriteRow([]float32{1, 2}); err != nil {
		t.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if err := w.WriteRow([]float32{1, 2}); err == nil {
		t.Error("a second row was written to a matrix of one")
	}
}

func TestReaderHandsOutRows(t *testing.T) {
	f, err := os.Open("testdata/f8.npy")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := NewReader(f, -1)
	if err != nil {
		t.Fatal(err)
	}
	row := make([]float32, r.Cols)
	for i := range r.Rows {
		if err := r.Next(row); err != nil {
			t.Fatalf("row %d: %v", i, err)
		}
		if !reflect.DeepEqual(row, matrix[3*i:3*i+3]) {
			t.Errorf("row %d is %v", i, row)
		}
	}
	for range 2 {
		if err := r.Next(row); err != io.EOF {
			t.Errorf("after the last row: %v, want io.EOF", err)
		}
	}
}

func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.npy")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds in testdata: ", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		known, err1 := Read(bytes.NewReader(b), int64(len(b)))
		unknown, err2 := Read(bytes.NewReader(b), -1)
		if (err1 == nil) != (err2 == nil) {
			t.Fatalf("with the size: %v; without: %v", err1, err2)
		}
		if err1 != nil {
			return
		}
		if len(known.Data) != known.Rows*known.Cols || known.Rows != unknown.Rows || len(known.Data) != len(unknown.Data) {
			t.Fatalf("%d x %d with %d values, without the size %d x %d", known.Rows, known.Cols, len(known.Data), unknown.Rows, unknown.Cols)
		}
		var again bytes.Buffer
		if err := Write(&again, known.Rows, known.Cols, known.Data); err != nil {
			t.Fatal(err)
		}
		back, err := Read(&again, -1)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range back.Data {
			if math.Float32bits(v) != math.Float32bits(known.Data[i]) {
				t.Fatalf("value %d came back as %g, was %g", i, v, known.Data[i])
			}
		}
	})
}
