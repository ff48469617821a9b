package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/saedb/saedb/internal/npy"
)

// writeInts writes rows of one number each as NumPy does.
func writeInts(t *testing.T, path string, values []int64) {
	t.Helper()
	head := fmt.Sprintf("{'descr': '<i8', 'fortran_order': False, 'shape': (%d, 1), }", len(values))
	head += strings.Repeat(" ", 127-10-len(head)) + "\n"
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(head)), byte(len(head)>>8))
	b = append(b, head...)
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Queries that are rows are their own nearest; the object says how many were found, whatever that is.
func TestOneObjectForEachBreadth(t *testing.T) {
	dir, r := t.TempDir(), rand.New(rand.NewPCG(1, 1))
	rows := make([]float32, 500*8)
	for i := range rows {
		rows[i] = float32(r.NormFloat64())
	}
	var file bytes.Buffer
	if err := npy.Write(&file, 500, 8, rows); err != nil {
		t.Fatal(err)
	}
	base, truth := filepath.Join(dir, "base.npy"), filepath.Join(dir, "truth.npy")
	if err := os.WriteFile(base, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	own := make([]int64, 500)
	for i := range own {
		own[i] = int64(i)
	}
	writeInts(t, truth, own)
	args := []string{"--base", base, "--queries", base, "--truth", truth, "--k", "1", "--ef", "20,100"}
	var out bytes.Buffer
	if err := run(append(args, "--step"), strings.NewReader("\n\n"), &out); err != nil {
		t.Fatal(err)
	}
	n := 0
	for d := json.NewDecoder(&out); d.More(); n++ {
		var got result
		if err := d.Decode(&got); err != nil {
			t.Fatal(err)
		}
		if got.Recall < 0 || got.Recall > 1 || got.Wrong != int((1-got.Recall)*500+.5) || got.QPS <= 0 {
			t.Errorf("%+v", got)
		}
	}
	if n != 4 {
		t.Errorf("%d objects in two rounds of two breadths", n)
	}
	if err := run([]string{"--base", base, "--queries", base, "--truth", base}, strings.NewReader(""), &out); err == nil {
		t.Error("a truth of other numbers is taken")
	}
}
