package demo

import (
	"bytes"
	"image/jpeg"
	"io/fs"
	"math"
	"slices"
	"strings"
	"testing"
)

func pictures(t *testing.T) []Picture {
	t.Helper()
	p, err := Pictures()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func vocabulary(t *testing.T) ([]string, []float32) {
	t.Helper()
	words, vectors, err := Vocabulary()
	if err != nil {
		t.Fatal(err)
	}
	return words, vectors
}

func TestPicturesAreWhole(t *testing.T) {
	all := pictures(t)
	if len(all) < 1200 || len(all) > 3000 {
		t.Errorf("%d pictures, want 1,200 to 3,000", len(all))
	}
	licences := []string{"public domain", "MIT", "CC0-1.0", "CC-BY-4.0"}
	last := ""
	for _, p := range all {
		if p.ID <= last {
			t.Errorf("%s comes after %s: ids must ascend and differ", p.ID, last)
		}
		last = p.ID
		if p.Title == "" || p.Category == "" || p.Author == "" || len(p.Keywords) == 0 {
			t.Errorf("%s lacks a title, category, author or keyword: %+v", p.ID, p.Keywords)
		}
		if !slices.Contains(licences, p.Licence) {
			t.Errorf("%s: licence %q is not one that may ship", p.ID, p.Licence)
		}
		if !slices.IsSorted(p.Keywords) || len(slices.Compact(slices.Clone(p.Keywords))) != len(p.Keywords) {
			t.Errorf("%s: keywords not sorted or repeated: %q", p.ID, p.Keywords)
		}
		img, err := jpeg.Decode(bytes.NewReader(p.Thumb))
		if err != nil {
			t.Errorf("%s: thumbnail: %v", p.ID, err)
			continue
		}
		if b := img.Bounds(); max(b.Dx(), b.Dy()) != 128 {
			t.Errorf("%s: thumbnail is %v, want 128 on the longest side", p.ID, b)
		}
		if len(p.Vec) != Dim || !usable(p.Vec) {
			t.Errorf("%s: vector of %d values is not %d finite ones with a length above zero", p.ID, len(p.Vec), Dim)
		}
	}
}

func TestVocabularyIsClean(t *testing.T) {
	words, vectors := vocabulary(t)
	if len(words) < 4500 || len(vectors) != len(words)*Dim {
		t.Fatalf("%d words and %d values, want at least 4,500 words of %d values", len(words), len(vectors), Dim)
	}
	for i, w := range words {
		if i > 0 && w <= words[i-1] {
			t.Errorf("%q comes after %q: words must ascend and differ", w, words[i-1])
		}
		if w != strings.ToLower(strings.TrimSpace(w)) || w == "" {
			t.Errorf("%q is not a plain lower-case word", w)
		}
		if !usable(vectors[i*Dim : (i+1)*Dim]) {
			t.Errorf("%q has no usable vector", w)
		}
	}
	for _, w := range strings.Fields("dog cat horse bird flower car tree house landscape seascape sunset portrait beach") {
		if _, ok := slices.BinarySearch(words, w); !ok {
			t.Errorf("the vocabulary lacks %q", w)
		}
	}
}

// The words a reader tries first must lead to pictures that carry them: plain cosine of text and picture.
func TestWordsFindTheirPictures(t *testing.T) {
	all := pictures(t)
	words, vectors := vocabulary(t)
	for _, tc := range []struct {
		word string
		want int // of the first ten
	}{{"flower", 8}, {"car", 8}, {"fruit", 9}, {"insect", 9}, {"drink", 9}, {"vehicle", 9}} {
		i, ok := slices.BinarySearch(words, tc.word)
		if !ok {
			t.Errorf("the vocabulary lacks %q", tc.word)
			continue
		}
		text := vectors[i*Dim : (i+1)*Dim]
		order := slices.Clone(all)
		slices.SortStableFunc(order, func(a, b Picture) int {
			return compare(cosine(text, b.Vec), cosine(text, a.Vec))
		})
		right := 0
		for _, p := range order[:10] {
			if slices.Contains(p.Keywords, tc.word) {
				right++
			}
		}
		if right < tc.want {
			t.Errorf("%q: %d of the first ten pictures carry it, want %d", tc.word, right, tc.want)
		}
	}
}

func TestDataStaysSmall(t *testing.T) {
	var total int64
	err := fs.WalkDir(data, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		total += info.Size()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if total > 16e6 {
		t.Errorf("embedded files hold %d bytes, want at most 16 MB", total)
	}
}

func TestCreditsNameEveryPhotographer(t *testing.T) {
	credits, err := Credits()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pictures(t) {
		if strings.HasPrefix(p.ID, "photo/") && !strings.Contains(credits, p.ID+": "+p.Author+", "+p.Licence) {
			t.Errorf("CREDITS.txt has no line for %s by %s", p.ID, p.Author)
		}
	}
	for _, notice := range []string{"WordNet 3.0 Copyright 2006 by Princeton University", "Copyright (c) Microsoft Corporation"} {
		if !strings.Contains(credits, notice) {
			t.Errorf("CREDITS.txt lacks the notice %q", notice)
		}
	}
}

func usable(v []float32) bool {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return sum > 0 && !math.IsInf(sum, 0) && !math.IsNaN(sum)
}

func cosine(a, b []float32) float64 {
	var dot, aa, bb float64
	for i := range a {
		dot += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	return dot / math.Sqrt(aa*bb)
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
