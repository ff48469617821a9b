package concept

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/saedb/saedb/internal/npy"
)

func TestReadVocabCleansWordsWithTheirRows(t *testing.T) {
	nan := float32(math.NaN())
	lines := []struct {
		text   string
		vector []float32
		kept   bool
	}{
		{"\ufeffdog", []float32{3, 4}, true},
		{"  seascape \r", []float32{0, 2}, true},
		{"", []float32{1, 1}, false},
		{"dog", []float32{1, 0}, false},
		{"???", []float32{1, 0}, false},
		{"'t", []float32{1, 0}, false},
		{"0", []float32{1, 0}, false},
		{"caf\xe9", []float32{1, 0}, false},
		{"café", []float32{1, 0}, true},
		{"tab\there", []float32{1, 0}, false},
		{"犬", []float32{0, -1}, true},
		{"nothing", []float32{0, 0}, false},
		{"broken", []float32{nan, 1}, false},
		{strings.Repeat("long", 100), []float32{1, 0}, false},
		{"x-ray film", []float32{-2, 0}, true},
	}
	var text []string
	m := &npy.Matrix{Rows: len(lines), Cols: 2}
	var want Vocab
	for _, l := range lines {
		text = append(text, l.text)
		m.Data = append(m.Data, l.vector...)
		if l.kept {
			want.Words = append(want.Words, strings.TrimSpace(strings.TrimPrefix(l.text, "\ufeff")))
		}
	}
	for _, end := range []string{"", "\n"} {
		v, report, err := ReadVocab(strings.NewReader(strings.Join(text, "\n")+end), m)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(v.Words, want.Words) {
			t.Errorf("words %q, want %q", v.Words, want.Words)
		}
		if vectors := []float32{0.6, 0.8, 0, 1, 1, 0, 0, -1, -1, 0}; !slices.Equal(v.Vectors, vectors) || v.D != 2 {
			t.Errorf("vectors %v of width %d, want %v", v.Vectors, v.D, vectors)
		}
		const says = "15 lines, 5 words kept; left out: 1 blank (line 3), 1 not UTF-8 (line 8), 5 no word (first line 5), 1 duplicate (line 4), 2 zero or NaN vector (first line 12)"
		if report.String() != says {
			t.Errorf("report: %s\nwant:   %s", report, says)
		}
	}
}

func TestReadVocabFaults(t *testing.T) {
	two := &npy.Matrix{Rows: 2, Cols: 1, Data: []float32{1, 1}}
	for text, want := range map[string]string{
		"a\nb\nc":  "3 lines of words and 2 rows of vectors",
		"a\n":      "1 lines of words and 2 rows of vectors",
		"":         "0 lines of words and 2 rows of vectors",
		"a\n\nb\n": "3 lines of words and 2 rows of vectors",
		"1\n2\n":   "2 lines, 0 words kept",
	} {
		_, _, err := ReadVocab(strings.NewReader(text), two)
		if !errors.Is(err, ErrVocab) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v should say %q", text, err, want)
		}
	}
	v, _, err := ReadVocab(strings.NewReader("a\nb\n"), nil)
	if err != nil || !reflect.DeepEqual(v, &Vocab{Words: []string{"a", "b"}}) {
		t.Errorf("words alone: %+v, %v", v, err)
	}
}
