package clip

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
)

// tiny is a model of a few kilobytes; make.py beside it makes it, and golden.json with NumPy.
//
//go:embed testdata/tiny/model.json testdata/tiny/*.onnx testdata/tiny/vocab.txt testdata/tiny/golden.json
var tiny embed.FS

// SelfTest runs a tiny model that is part of the program through an ONNX Runtime library, and compares what comes out with what NumPy made
// of the same. Errors satisfy errors.Is with ErrNoCgo or ErrNoRuntime.
func SelfTest(ctx context.Context, library string) (err error) {
	dir, err := os.MkdirTemp("", "saedb-selftest")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := unpackTiny(dir); err != nil {
		return err
	}
	data, err := tiny.ReadFile("testdata/tiny/golden.json")
	if err != nil {
		return err
	}
	var golden struct {
		Picture []float32            // of the numbers that tinyPicture makes
		Texts   map[string][]float32 // of the texts
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		return err
	}
	e, err := Open(dir, &Options{Library: library, Threads: 1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	got, err := e.Pictures(ctx, tinyPicture())
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrNoRuntime, library, err)
	}
	if !about(got, golden.Picture) {
		return fmt.Errorf("%w: %s makes %v of the test picture, want %v", ErrNoRuntime, library, got, golden.Picture)
	}
	for text, want := range golden.Texts {
		got, err := e.Texts(ctx, []string{text})
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrNoRuntime, library, err)
		}
		if !about(got, want) {
			return fmt.Errorf("%w: %s makes %v of the test text %q, want %v", ErrNoRuntime, library, got, text, want)
		}
	}
	return nil
}

// unpackTiny writes the files of the tiny model to a folder.
func unpackTiny(dir string) error {
	files, err := tiny.ReadDir("testdata/tiny")
	if err != nil {
		return err
	}
	for _, f := range files {
		data, err := tiny.ReadFile("testdata/tiny/" + f.Name())
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, f.Name()), data, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// tinyPicture is the tensor that make.py made the golden vector of.
func tinyPicture() []float32 {
	x := make([]float32, 3*8*8)
	for i := range x {
		x[i] = float32(i%7-3) / 4
	}
	return x
}

// about reports whether two vectors are equal but for rounding.
func about(a, b []float32) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if d := float64(a[i] - b[i]); !(math.Abs(d) < 1e-5) {
			return false
		}
	}
	return true
}
