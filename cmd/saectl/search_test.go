//go:build cgo

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/saedb/saedb/clip"
	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/query"
)

const (
	sharedModel  = "../../../shared/models/lit-small"
	sharedPhotos = "../../../shared/data/flickr8k"
)

// needEncoder returns the file of ONNX Runtime's library, or skips a test that needs it, the stand-in model and its photographs.
func needEncoder(t *testing.T) (library string) {
	t.Helper()
	for _, path := range []string{sharedModel, sharedPhotos} {
		if _, err := os.Stat(path); err != nil {
			t.Skipf("needs the stand-in encoder and its photographs: %v", err)
		}
	}
	library, err := clip.FindRuntime("", os.Getenv)
	if err != nil {
		t.Skip(err)
	}
	return library
}

// TestCaptionsFindTheirPictures indexes the test photographs and asks for each by its five captions. Python, with the same
// model, finds 78.5 % of them among the first ten.
func TestCaptionsFindTheirPictures(t *testing.T) {
	library := needEncoder(t)
	type caption struct{ file, text string }
	f, err := os.Open(filepath.Join(sharedPhotos, "captions.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var captions []caption
	var files []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var line struct {
			File, Split string
			Captions    []string
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if line.Split != "test" {
			continue
		}
		files = append(files, filepath.Join(sharedPhotos, line.File))
		for _, text := range line.Captions {
			captions = append(captions, caption{filepath.Base(line.File), text})
		}
	}
	if len(files) != 510 {
		t.Fatalf("%d test photographs, want 510", len(files))
	}
	if testing.Short() {
		captions = captions[:200]
	}
	dir := filepath.Join(t.TempDir(), "db")
	if _, stderr, status := call(t, append([]string{"index", "--db", dir, "--model", sharedModel, "--ort-lib", library}, files...)...); status != statusDone {
		t.Fatalf("index: %s", stderr)
	}
	a := osApp()
	a.flags.db = dir
	asker := &asker{a: a, flags: encoderFlags{model: sharedModel, library: library}}
	defer asker.close()
	found := 0
	err = a.withDB(t.Context(), db.Options{ReadOnly: true, Embed: asker.text}, func(d *db.DB) error {
		asker.d = d
		for _, c := range captions {
			for row, err := range d.Query(t.Context(), "near text $text top 10", query.Params{"text": c.text}) {
				if err != nil {
					return fmt.Errorf("%q: %w", c.text, err)
				}
				if row.ID == c.file {
					found++
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	recall := float64(found) / float64(len(captions))
	t.Logf("R@10 of %d captions over %d pictures: %.4f", len(captions), len(files), recall)
	if recall < 0.76 {
		t.Errorf("R@10 is %.4f, want at least 0.76", recall)
	}
}
