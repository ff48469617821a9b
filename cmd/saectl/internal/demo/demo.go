// Package demo holds the pictures and words that ship with saectl, so that a first look needs nothing but the program.
//
// A Picture is a thumbnail, its metadata and the vector a small joint image-text encoder gave the full-size picture;
// the vocabulary is a list of everyday words with the vectors of the same encoder's text side. Both come from the
// scripts in build, whose README names sources, licences and measured figures. The encoder is a small stand-in: its
// vectors show how saedb works, not how well CLIP sees.
//
// The files in data, all read-only and bound into the program:
//
//	index.jsonl      one JSON object a line, ascending id: id, bytes (length of its thumbnail), title, category,
//	                 keywords (ascending), author, licence
//	thumbs.bin       the JPEG thumbnails one after the other, in the order of index.jsonl, nothing between them
//	vectors.f16.npy  float16, one row of 512 a picture, same order; not unit norm
//	vocab.txt        one word or two-word name a line, ascending
//	vocab.f16.npy    float16, one row of 512 a word, same order
//	CREDITS.txt      licences and authors of all of the above
package demo

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/saedb/saedb/internal/npy"
)

//go:embed data
var data embed.FS

// Dim is the width of every vector of the demo.
const Dim = 512

// Picture is one picture of the demo.
type Picture struct {
	ID       string    // "clipart/...", "render/..." or "photo/...": source and name
	Thumb    []byte    // JPEG, at most 128 pixels a side
	Title    string    // as its author gave it, in any language
	Category string    // one of about fifteen: animals, food, plants, ...
	Author   string    // to be credited; "unknown" where the source does not tell
	Licence  string    // "public domain", "MIT", "CC0-1.0" or "CC-BY-4.0"
	Keywords []string  // lower-case English nouns, ascending
	Vec      []float32 // Dim values, not unit norm
}

// row is one line of index.jsonl.
type row struct {
	ID, Title, Category, Author, Licence string
	Keywords                             []string
	Bytes                                int
}

// Pictures returns all pictures, ascending by ID. The caller owns what it gets. An error means that the program was
// built from damaged files.
func Pictures() ([]Picture, error) {
	index, err := data.ReadFile("data/index.jsonl")
	if err != nil {
		return nil, err
	}
	thumbs, err := data.ReadFile("data/thumbs.bin")
	if err != nil {
		return nil, err
	}
	vectors, err := matrix("data/vectors.f16.npy")
	if err != nil {
		return nil, err
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(index), "\n"), "\n")
	if len(lines) != vectors.Rows {
		return nil, fmt.Errorf("demo: index.jsonl has %d lines, vectors.f16.npy %d rows; rebuild them together", len(lines), vectors.Rows)
	}
	pictures := make([]Picture, len(lines))
	for i, line := range lines {
		var r row
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			return nil, fmt.Errorf("demo: index.jsonl line %d: %w", i+1, err)
		}
		if r.Bytes < 0 || r.Bytes > len(thumbs) {
			return nil, fmt.Errorf("demo: index.jsonl line %d wants %d bytes of thumbs.bin, %d are left; rebuild them together", i+1, r.Bytes, len(thumbs))
		}
		pictures[i] = Picture{
			ID: r.ID, Thumb: thumbs[:r.Bytes:r.Bytes], Title: r.Title, Category: r.Category,
			Author: r.Author, Licence: r.Licence, Keywords: r.Keywords, Vec: vectors.Row(i),
		}
		thumbs = thumbs[r.Bytes:]
	}
	if len(thumbs) > 0 {
		return nil, fmt.Errorf("demo: thumbs.bin has %d bytes more than index.jsonl tells; rebuild them together", len(thumbs))
	}
	return pictures, nil
}

// Vocabulary returns the words, ascending, and their vectors: row i, Dim wide, belongs to words[i]. Rows are close to
// unit norm, not exactly. The caller owns both slices.
func Vocabulary() (words []string, vectors []float32, err error) {
	text, err := data.ReadFile("data/vocab.txt")
	if err != nil {
		return nil, nil, err
	}
	m, err := matrix("data/vocab.f16.npy")
	if err != nil {
		return nil, nil, err
	}
	words = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(words) != m.Rows {
		return nil, nil, fmt.Errorf("demo: vocab.txt has %d lines, vocab.f16.npy %d rows; rebuild them together", len(words), m.Rows)
	}
	return words, m.Data, nil
}

// Credits returns the licences and authors of pictures and words, as plain text.
func Credits() (string, error) {
	text, err := data.ReadFile("data/CREDITS.txt")
	return string(text), err
}

// matrix reads one of the embedded vector files.
func matrix(name string) (*npy.Matrix, error) {
	b, err := data.ReadFile(name)
	if err != nil {
		return nil, err
	}
	m, err := npy.Read(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, fmt.Errorf("demo: %s: %w", name, err)
	}
	if m.Cols != Dim {
		return nil, fmt.Errorf("demo: %s is %d wide, want %d", name, m.Cols, Dim)
	}
	return m, nil
}
