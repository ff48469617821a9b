package concept

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/saedb/saedb/internal/npy"
	"github.com/saedb/saedb/internal/vec"
)

// Vocab is the words that latents may be called by, and the direction of each in the space of the pictures.
type Vocab struct {
	Words   []string
	Vectors []float32 // (len(Words), D) row-major, rows of unit length; nil where only words are known
	D       int
}

// Vector returns the unit vector of word i; it shares memory with the vocabulary.
func (v *Vocab) Vector(i int) []float32 { return v.Vectors[i*v.D : (i+1)*v.D : (i+1)*v.D] }

// Report says what ReadVocab left out and why, by line numbers that count from 1.
type Report struct {
	Lines, Kept                                   int
	Blank, NotUTF8, NotWord, Duplicate, BadVector []int
}

// String is one line: "5 lines, 3 words kept; left out: 1 blank (line 2), 1 duplicate (line 4)".
func (r Report) String() string {
	var out []string
	for _, c := range []struct {
		why   string
		lines []int
	}{
		{"blank", r.Blank}, {"not UTF-8", r.NotUTF8}, {"no word", r.NotWord}, {"duplicate", r.Duplicate}, {"zero or NaN vector", r.BadVector},
	} {
		if n := len(c.lines); n == 1 {
			out = append(out, fmt.Sprintf("1 %s (line %d)", c.why, c.lines[0]))
		} else if n > 1 {
			out = append(out, fmt.Sprintf("%d %s (first line %d)", n, c.why, c.lines[0]))
		}
	}
	text := fmt.Sprintf("%d lines, %d words kept", r.Lines, r.Kept)
	if len(out) > 0 {
		text += "; left out: " + strings.Join(out, ", ")
	}
	return text
}

// ErrVocab marks a vocabulary that cannot be used at all.
var ErrVocab = errors.New("not a usable vocabulary")

// maxWord is the longest line, in bytes, that counts as a word.
const maxWord = 256

// ReadVocab reads one word a line; line i belongs to row i of vectors, which are scaled to unit length. Lines that are no
// words are left out together with their rows, and reported: blank ones, bytes that are not UTF-8, lines without a
// letter, lines that open with an apostrophe (what tokenizers leave of "don't"), lines that hold control characters or
// more than 256 bytes, words that came before, and rows that are zero or not finite. A number of lines that differs from
// the number of rows is an error, for then every word may have its neighbour's vector. Nil vectors give words only.
func ReadVocab(words io.Reader, vectors *npy.Matrix) (*Vocab, Report, error) {
	lines, err := readLines(words)
	if err != nil {
		return nil, Report{}, fmt.Errorf("concept: reading the vocabulary: %w", err)
	}
	r := Report{Lines: len(lines)}
	v := &Vocab{}
	if vectors != nil {
		if vectors.Rows != len(lines) {
			return nil, r, fmt.Errorf("concept: %w: %d lines of words and %d rows of vectors; there must be one row for each line, blank lines included", ErrVocab, len(lines), vectors.Rows)
		}
		v.D = vectors.Cols
	}
	seen := map[string]bool{}
	for i, line := range lines {
		word := strings.TrimSpace(line)
		if why := r.reject(word, seen); why != nil {
			*why = append(*why, i+1)
			continue
		}
		if vectors != nil && !v.add(vectors.Row(i)) {
			r.BadVector = append(r.BadVector, i+1)
			continue
		}
		seen[word] = true
		v.Words = append(v.Words, word)
	}
	r.Kept = len(v.Words)
	if r.Kept == 0 {
		return nil, r, fmt.Errorf("concept: %w: %s; it takes one word a line", ErrVocab, r)
	}
	return v, r, nil
}

// readLines splits at newlines; the last line needs none. A byte order mark is dropped.
func readLines(words io.Reader) ([]string, error) {
	text, err := io.ReadAll(bufio.NewReader(words))
	if err != nil || len(text) == 0 {
		return nil, err
	}
	whole := strings.TrimPrefix(string(text), "\ufeff")
	return strings.Split(strings.TrimSuffix(whole, "\n"), "\n"), nil
}

// reject returns the list of the report that a line belongs to, nil for a word.
func (r *Report) reject(word string, seen map[string]bool) *[]int {
	switch {
	case word == "":
		return &r.Blank
	case !utf8.ValidString(word):
		return &r.NotUTF8
	case len(word) > maxWord, word[0] == '\'', !strings.ContainsFunc(word, unicode.IsLetter), strings.ContainsFunc(word, unicode.IsControl):
		return &r.NotWord
	case seen[word]:
		return &r.Duplicate
	}
	return nil
}

// add appends a row scaled to unit length, unless it has no direction.
func (v *Vocab) add(row []float32) bool {
	norm := vec.Norm(row)
	if norm == 0 || math.IsNaN(norm) || math.IsInf(norm, 0) {
		return false
	}
	for _, x := range row {
		v.Vectors = append(v.Vectors, float32(float64(x)/norm))
	}
	return true
}

// mean returns the mean of the word vectors.
func (v *Vocab) mean() []float32 {
	sum := make([]float64, v.D)
	for i, x := range v.Vectors {
		sum[i%v.D] += float64(x)
	}
	mean := make([]float32, v.D)
	for i, s := range sum {
		mean[i] = float32(s / float64(len(v.Words)))
	}
	return mean
}

// centred returns every word's direction as seen from origin: rows of unit length, or of zeros where a word is the
// origin itself. A nil origin is zero.
func (v *Vocab) centred(origin []float32) []float32 {
	if origin == nil {
		return v.Vectors
	}
	out := slices.Clone(v.Vectors)
	for i := 0; i < len(out); i += v.D {
		row := out[i : i+v.D]
		vec.Axpy(row, -1, origin)
		normalise(row)
	}
	return out
}

// normalise scales x to unit length in place and leaves zeros as they are.
func normalise(x []float32) {
	norm := vec.Norm(x)
	if norm == 0 {
		return
	}
	for i, v := range x {
		x[i] = float32(float64(v) / norm)
	}
}
