//go:build cgo

package main

import (
	"math"
	"slices"
	"testing"

	"github.com/saedb/saedb/clip"
	"github.com/saedb/saedb/clip/picture"
	"github.com/saedb/saedb/cmd/saectl/internal/demo"
	"github.com/saedb/saedb/internal/npy"
)

// TestEncodingAgreesWithThePythonScript encodes thumbnails and words of the demo with the model that its vectors came from, and compares
// with what build/encode.py made of the same. Both files are float16, which rounds by up to 2^-12 of a number.
func TestEncodingAgreesWithThePythonScript(t *testing.T) {
	e, err := clip.Open(sharedModel, &clip.Options{Library: needEncoder(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	dim := e.Identity().Dim

	want, err := npy.ReadFile("internal/demo/testdata/thumbs.f16.npy")
	if err != nil {
		t.Fatal(err)
	}
	pictures, err := demo.Pictures()
	if err != nil {
		t.Fatal(err)
	}
	var tensors []float32
	for i := 0; i < len(pictures); i += 65 {
		p, err := picture.Decode(pictures[i].Thumb, nil)
		if err != nil {
			t.Fatal(err)
		}
		tensors = e.Tensor(tensors, p)
	}
	got, err := e.Pictures(t.Context(), tensors)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want.Data) {
		t.Fatalf("%d thumbnails, the script encoded %d", len(got)/dim, want.Rows)
	}
	for i := range want.Rows {
		if c := cosineOf(got[i*dim:][:dim], want.Data[i*dim:][:dim]); c < 0.9999 {
			t.Errorf("%s: cosine %.6f with the script's vector", pictures[65*i].ID, c)
		}
	}

	words, vectors, err := demo.Vocabulary()
	if err != nil {
		t.Fatal(err)
	}
	prompts := []string{"{}", "a photo of a {}", "a picture of a {}", "clip art of a {}"}
	var asked []string
	var expected []float32
	for i := 0; i < len(words); i += 50 {
		asked, expected = append(asked, words[i]), append(expected, vectors[i*dim:][:dim]...)
	}
	made, err := encodeWords(t.Context(), testApp(nil), e, asked, prompts)
	if err != nil {
		t.Fatal(err)
	}
	for i, word := range asked {
		if c := cosineOf(made.Data[i*dim:][:dim], expected[i*dim:][:dim]); c < 0.999999 {
			t.Errorf("%q: cosine %.7f with the script's vector", word, c)
		}
	}
	if slices.Equal(made.Data[:dim], made.Data[dim:2*dim]) {
		t.Error("two words have one vector")
	}
}

func cosineOf(a, b []float32) float64 {
	var dot, aa, bb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		dot, aa, bb = dot+x*y, aa+x*x, bb+y*y
	}
	return dot / math.Sqrt(aa*bb)
}
