package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// raw builds a file from a header text and data, without any check.
func raw(header string, data string) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

func readBytes(b []byte) (*File, error) { return Read(bytes.NewReader(b), int64(len(b))) }

func TestWriteThenRead(t *testing.T) {
	var f File
	f.Metadata = map[string]string{"k": "8", "a": "ä\n\""}
	f.PutF32("w", []float32{1, -2, 3, 4.5, 0, 6}, 2, 3)
	f.PutF32("list", []float32{7, 8})
	f.PutF32("empty", nil, 0, 4)
	f.PutF32("one", []float32{9}, []int{}...)
	f.PutI64("ids", []int64{-1, math.MaxInt64})
	var out bytes.Buffer
	if err := Write(&out, &f); err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := Write(&again, &f); err != nil || !bytes.Equal(out.Bytes(), again.Bytes()) {
		t.Errorf("the second time other bytes were written (%v)", err)
	}
	if n := binary.LittleEndian.Uint64(out.Bytes()); n%8 != 0 {
		t.Errorf("the data begins at %d, not at a multiple of eight", n+8)
	}
	g, err := readBytes(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(g.Names()) != "[empty ids list one w]" || g.Metadata["a"] != "ä\n\"" {
		t.Errorf("names %v, metadata %v", g.Names(), g.Metadata)
	}
	if w, err := g.F32("w", 2, -1); err != nil || !slices.Equal(w, []float32{1, -2, 3, 4.5, 0, 6}) {
		t.Errorf("w is %v (%v)", w, err)
	}
	if ids, err := g.I64("ids", 2); err != nil || ids[0] != -1 || ids[1] != math.MaxInt64 {
		t.Errorf("ids are %v (%v)", ids, err)
	}
	if wide, err := g.F64("list"); err != nil || !slices.Equal(wide, []float64{7, 8}) {
		t.Errorf("list widened is %v (%v)", wide, err)
	}
}

func TestReadWidensEveryType(t *testing.T) {
	f, err := readBytes(raw(
		`{"bf":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},"h":{"dtype":"F16","shape":[5],"data_offsets":[4,14]},"i":{"dtype":"I32","shape":[1],"data_offsets":[14,18]},"d":{"dtype":"F64","shape":[],"data_offsets":[18,26]}}`,
		"\x80\x3f\x00\xc0"+"\x00\x3c\x01\x00\xff\xfb\x00\x7c\x00\x80"+"\xfe\xff\xff\xff"+"\x00\x00\x00\x00\x00\x00\xf8\x3f"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"bf": "[1 -2]", "h": "[1 5.9604645e-08 -65504 +Inf -0]", "d": "[1.5]"} {
		if got, err := f.F32(name); fmt.Sprint(got) != want {
			t.Errorf("%s is %v (%v), want %s", name, got, err, want)
		}
	}
	if got, err := f.I64("i"); fmt.Sprint(got) != "[-2]" {
		t.Errorf("i is %v (%v)", got, err)
	}
	if got, err := f.F64("d"); fmt.Sprint(got) != "[1.5]" {
		t.Errorf("d is %v (%v)", got, err)
	}
}

func TestAskingForWhatIsNotThere(t *testing.T) {
	var f File
	f.PutF32("w", []float32{1, 2}, 2, 1)
	f.PutI64("i", []int64{3})
	for _, c := range []struct {
		err  func() error
		says string
	}{
		{func() error { _, err := f.F32("v"); return err }, `no tensor "v"; the file has ["i" "w"]`},
		{func() error { _, err := f.F32("w", 2); return err }, `"w" has shape [2 1], not [2]`},
		{func() error { _, err := f.F32("w", 1, -1); return err }, `not [1 -1]`},
		{func() error { _, err := f.F32("i"); return err }, `"i" is I64, a floating-point tensor is needed`},
		{func() error { _, err := f.I64("w"); return err }, `"w" is F32, an integer tensor is needed`},
	} {
		if err := c.err(); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("got %v, want %q", err, c.says)
		}
	}
	f.Tensors["w"] = Tensor{DType: F32, Shape: []int{3}, Data: make([]byte, 8)}
	if err := Write(&bytes.Buffer{}, &f); err == nil || !strings.Contains(err.Error(), "needs 12 bytes, it has 8") {
		t.Errorf("a tensor of the wrong length was written (%v)", err)
	}
}

func TestReadRefuses(t *testing.T) {
	entry := func(dtype, shape, place string) string {
		return fmt.Sprintf(`{"dtype":%q,"shape":%s,"data_offsets":%s}`, dtype, shape, place)
	}
	good := entry("F32", "[2]", "[0,8]")
	for _, c := range []struct{ name, header, data, says string }{
		{"no object", `[]`, "", "not a JSON object"},
		{"broken JSON", `{"a":`, "", "header"},
		{"text behind", `{}{}`, "", "text follows"},
		{"a name twice", `{"a":` + good + `,"a":` + good + `}`, "12345678", "named twice"},
		{"unknown type", `{"a":` + entry("F8_E4M3", "[8]", "[0,8]") + `}`, "12345678", `type "F8_E4M3" is not one of`},
		{"too few bytes for the shape", `{"a":` + entry("F32", "[3]", "[0,8]") + `}`, "12345678", "needs 12 bytes"},
		{"negative length", `{"a":` + entry("F32", "[-2]", "[0,8]") + `}`, "12345678", "negative length"},
		{"product overflows", `{"a":` + entry("F32", "[4294967296,4294967296]", "[0,0]") + `}`, "", "too large"},
		{"zero hides an overflow", `{"a":` + entry("F32", "[9223372036854775807,0]", "[0,0]") + `}`, "", "too large"},
		{"offsets beyond int64", `{"a":` + entry("F32", "[2]", "[18446744073709551608,18446744073709551615]") + `}`, "", "needs 8 bytes"},
		{"overlap", `{"a":` + good + `,"b":` + entry("F32", "[2]", "[4,12]") + `}`, "123456789012", "begins at 4, the one before it ends at 8"},
		{"hole", `{"a":` + entry("F32", "[1]", "[4,8]") + `}`, "12345678", "begins at 4"},
		{"behind the end", `{"a":` + entry("F32", "[4]", "[0,16]") + `}`, "12345678", "take 16 bytes, the file has 8"},
		{"bytes left over", `{"a":` + good + `}`, "12345678extra", "the file has 13"},
		{"no shape", `{"a":{"dtype":"F32","data_offsets":[0,4]}}`, "1234", "shape and two data_offsets"},
		{"metadata of numbers", `{"__metadata__":{"k":1}}`, "", "metadata"},
	} {
		if _, err := readBytes(raw(c.header, c.data)); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want ErrFormat with %q", c.name, err, c.says)
		}
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "seven bytes": make([]byte, 7), "an empty header": make([]byte, 8),
		"a header longer than the file": append(binary.LittleEndian.AppendUint64(nil, 100), '{', '}'),
		"a header of 2^63 bytes":        binary.LittleEndian.AppendUint64(nil, 1<<63),
	} {
		if _, err := readBytes(b); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v, want ErrFormat", name, err)
		}
	}
	// The size is what a caller was told; the bytes may still be fewer.
	short := raw(`{"a":`+good+`}`, "1234")
	if _, err := Read(bytes.NewReader(short), int64(len(short)+4)); !errors.Is(err, ErrFormat) {
		t.Errorf("a file shorter than its size: %v, want ErrFormat", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(raw(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"__metadata__":{"k":"v"}}`, "12345678"))
	f.Add(raw(`{"a":{"dtype":"F16","shape":[],"data_offsets":[0,2]},"b":{"dtype":"I64","shape":[0],"data_offsets":[2,2]}}`, "12"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := readBytes(b)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		var out bytes.Buffer
		if err := Write(&out, file); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := readBytes(out.Bytes())
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if !slices.Equal(file.Names(), again.Names()) {
			t.Fatalf("names %q became %q", file.Names(), again.Names())
		}
		for n, x := range file.Tensors {
			if y := again.Tensors[n]; x.DType != y.DType || !slices.Equal(x.Shape, y.Shape) || !bytes.Equal(x.Data, y.Data) {
				t.Fatalf("tensor %q changed", n)
			}
		}
	})
}
