//go:build linux && (amd64 || arm64) && !nogpu

package main

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/saedb/saedb/internal/cudadrv/fake"
	"github.com/saedb/saedb/sae/cuda"
)

// TestReport writes a report of the fake driver: of what is compared, not of time.
func TestReport(t *testing.T) {
	path, err := fake.Build(t.TempDir(), os.DirFS("../kernel"))
	if errors.Is(err, fake.ErrNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := fake.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	ok, err := report(&out, cuda.Options{Driver: path}, 3, 0)
	if err != nil || !ok {
		t.Fatalf("%v, %v\n%s", ok, err, out.String())
	}
	for _, word := range []string{"Fake Device", "widest: d=2048", "topk.ptx"} {
		if !strings.Contains(out.String(), word) {
			t.Errorf("the report has no %q:\n%s", word, out.String())
		}
	}
	if n := f.Left(); n != 0 {
		t.Errorf("%d things were not given back", n)
	}
}
