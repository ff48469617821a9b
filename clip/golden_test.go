//go:build cgo

package clip_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/saedb/saedb/clip"
	"github.com/saedb/saedb/clip/picture"
)

const litSmall = "../../shared/models/lit-small"

// openShared opens the stand-in model, or skips.
func openShared(t testing.TB) clip.Encoder {
	t.Helper()
	if _, err := os.Stat(litSmall); err != nil {
		t.Skipf("lit-small is not here: %v", err)
	}
	library, err := clip.FindRuntime("", os.Getenv)
	if err != nil {
		t.Skip(err)
	}
	e, err := clip.Open(litSmall, &clip.Options{Library: library})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// golden is what an independent script computed: the first numbers and the norm of each vector.
type golden struct {
	File  string
	Text  string
	First []float64
	Norm  float64
}

// differs returns the largest difference of a vector from the golden one, as a share of the norm.
func (g golden) differs(v []float32) float64 {
	var sum, most float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	for i, want := range g.First {
		most = max(most, math.Abs(float64(v[i])-want))
	}
	return max(most, math.Abs(math.Sqrt(sum)-g.Norm)) / g.Norm
}

func TestVectorsAgreeWithTheReference(t *testing.T) {
	e := openShared(t)
	data, err := os.ReadFile(filepath.Join(litSmall, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want struct{ Images, Texts []golden }
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	if len(want.Images) < 8 || len(want.Texts) < 12 {
		t.Fatalf("the golden file holds %d pictures and %d texts", len(want.Images), len(want.Texts))
	}
	texts := make([]string, len(want.Texts))
	for i, g := range want.Texts {
		texts[i] = g.Text
	}
	vectors, err := e.Texts(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	dim := e.Identity().Dim
	for i, g := range want.Texts {
		if d := g.differs(vectors[i*dim:][:dim]); d > 1e-4 {
			t.Errorf("%q differs by %.2g of its norm", g.Text, d)
		}
	}
	var tensors []float32
	for _, g := range want.Images {
		file, err := os.ReadFile(filepath.Join(litSmall, g.File))
		if err != nil {
			t.Fatal(err)
		}
		p, err := picture.Decode(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		tensors = e.Tensor(tensors, p)
	}
	if vectors, err = e.Pictures(t.Context(), tensors); err != nil {
		t.Fatal(err)
	}
	for i, g := range want.Images {
		d := g.differs(vectors[i*dim:][:dim])
		t.Logf("%s: %.2g of its norm", g.File, d)
		if d > 1e-4 {
			t.Errorf("%s differs by %.2g of its norm", g.File, d)
		}
	}
}
