package npy

import (
	"archive/zip"
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"
)

// codes is what testdata/make.py saves with SciPy.
func codes() *CSR {
	return &CSR{Rows: 3, Cols: 4, Indptr: []int64{0, 2, 2, 3}, Indices: []int32{1, 3, 0}, Data: []float32{0.5, 2.25, 1.75}}
}

func readCSR(b []byte) (*CSR, error) { return ReadCSR(bytes.NewReader(b), int64(len(b))) }

func TestReadWhatSciPyWrote(t *testing.T) {
	for _, name := range []string{"codes.npz", "codes-stored.npz"} {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := readCSR(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !reflect.DeepEqual(got, codes()) {
			t.Errorf("%s: %+v, want %+v", name, got, codes())
		}
	}
	b, err := os.ReadFile("testdata/columns.npz")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readCSR(b); err == nil || !strings.Contains(err.Error(), "call tocsr()") {
		t.Errorf("a matrix of compressed columns: error %v should name tocsr()", err)
	}
}

func TestCSRRoundTripIsDeterministic(t *testing.T) {
	var a, b bytes.Buffer
	for _, w := range []*bytes.Buffer{&a, &b} {
		if err := WriteCSR(w, codes()); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("the same matrix gave different bytes")
	}
	got, err := readCSR(a.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, codes()) {
		t.Errorf("came back as %+v", got)
	}
	z, err := zip.NewReader(bytes.NewReader(a.Bytes()), int64(a.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
	}
	if want := []string{"indices.npy", "indptr.npy", "format.npy", "shape.npy", "data.npy"}; !reflect.DeepEqual(names, want) {
		t.Errorf("parts %v, SciPy writes %v", names, want)
	}
}

func TestCSRFaults(t *testing.T) {
	for want, spoil := range map[string]func(*CSR){
		"one more than rows":                        func(c *CSR) { c.Indptr = c.Indptr[:3] },
		"they should agree":                         func(c *CSR) { c.Indptr[3] = 2 },
		"column 4 after":                            func(c *CSR) { c.Indices[1] = 4 },
		"column 1 after 1":                          func(c *CSR) { c.Indices[1] = 1 },
		"row 0 of a sparse matrix runs from 0 to 9": func(c *CSR) { c.Indptr[1] = 9 },
		"row 1 of a sparse matrix runs from 2 to 1": func(c *CSR) { c.Indptr[1], c.Indptr[2] = 2, 1 },
		"column -1":                                 func(c *CSR) { c.Indices[0] = -1 },
		"row bounds from 1":                         func(c *CSR) { c.Indptr[0] = 1 },
	} {
		c := codes()
		spoil(c)
		err := WriteCSR(&bytes.Buffer{}, c)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v should say %q", err, want)
		}
	}
	if _, err := readCSR([]byte("PK?")); err == nil || !strings.Contains(err.Error(), "save_npz") {
		t.Errorf("a short file: error %v should name save_npz", err)
	}
	var empty bytes.Buffer
	if err := zip.NewWriter(&empty).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := readCSR(empty.Bytes()); err == nil || !strings.Contains(err.Error(), "format.npy of the sparse matrix: it is missing") {
		t.Errorf("an archive without parts: error %v should name the part", err)
	}
}

func FuzzReadCSR(f *testing.F) {
	for _, name := range []string{"codes.npz", "codes-stored.npz", "columns.npz"} {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := readCSR(b)
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := WriteCSR(&again, c); err != nil {
			t.Fatalf("a matrix that was read cannot be written: %v", err)
		}
	})
}
