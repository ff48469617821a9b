package token

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	wordEnd   = "</w>" // marks the last piece of a word
	startText = "<|startoftext|>"
	endText   = "<|endoftext|>"

	// clipMerges is how many of the published merges CLIP's vocabulary of 49,408 uses: 2*256 single bytes and 2 special
	// tokens are the rest.
	clipMerges = 49408 - 2*256 - 2
)

// BPE cuts texts as the CLIP of OpenAI does: byte pairs, lower case, a mark at the end of each word (github.com/openai/CLIP).
type BPE struct {
	ids        map[string]int64 // piece, in the alphabet of byteRunes, to its number
	ranks      map[[2]string]int
	start, end int64
	alphabet   [256]string
}

var _ Tokenizer = (*BPE)(nil)

// ReadBPE reads the tokenizer.json that comes with a model: its vocabulary and its merges.
func ReadBPE(r io.Reader) (*BPE, error) {
	var file struct {
		Model struct {
			Vocab  map[string]int64  `json:"vocab"`
			Merges []json.RawMessage `json:"merges"`
		} `json:"model"`
	}
	if err := json.NewDecoder(r).Decode(&file); err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	merges := make([][2]string, len(file.Model.Merges))
	for i, raw := range file.Model.Merges {
		pair, err := readMerge(raw)
		if err != nil {
			return nil, fmt.Errorf("tokenizer.json: merge %d: %w", i+1, err)
		}
		merges[i] = pair
	}
	return newBPE(file.Model.Vocab, merges)
}

// readMerge reads a merge in either of the two ways it is written: "a b" or ["a", "b"].
func readMerge(raw json.RawMessage) (pair [2]string, err error) {
	if json.Unmarshal(raw, &pair) == nil && pair[0] != "" && pair[1] != "" {
		return pair, nil
	}
	var line string
	if err := json.Unmarshal(raw, &line); err != nil {
		return pair, fmt.Errorf("%.40s is neither a string nor a pair", raw)
	}
	return cutMerge(line)
}

func cutMerge(line string) (pair [2]string, err error) {
	a, b, ok := strings.Cut(line, " ")
	if !ok || a == "" || b == "" || strings.Contains(b, " ") {
		return pair, fmt.Errorf("%.40q is not a pair", line)
	}
	return [2]string{a, b}, nil
}

// ReadMerges reads OpenAI's own form, a gzipped list of merges with one line of heading; the vocabulary follows from
// the merges: bytes, bytes at a word's end, merges, the two special tokens.
func ReadMerges(r io.Reader) (*BPE, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("merges: %w", err)
	}
	lines := bufio.NewScanner(z)
	var merges [][2]string
	for n := 0; lines.Scan() && len(merges) < clipMerges; n++ {
		if n == 0 {
			continue
		}
		pair, err := cutMerge(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("merges: line %d: %w", n+1, err)
		}
		merges = append(merges, pair)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("merges: %w", err)
	}
	vocab := make(map[string]int64, clipMerges+514)
	add := func(piece string) { vocab[piece] = int64(len(vocab)) }
	for _, r := range byteOrder() {
		add(string(r))
	}
	for _, r := range byteOrder() {
		add(string(r) + wordEnd)
	}
	for _, m := range merges {
		add(m[0] + m[1])
	}
	add(startText)
	add(endText)
	return newBPE(vocab, merges)
}

// newBPE checks that every piece that cutting can produce has a number.
func newBPE(vocab map[string]int64, merges [][2]string) (*BPE, error) {
	t := &BPE{ids: vocab, ranks: make(map[[2]string]int, len(merges))}
	var ok bool
	if t.start, ok = vocab[startText]; !ok {
		return nil, fmt.Errorf("the vocabulary lacks %s: this is not a CLIP tokenizer", startText)
	}
	if t.end, ok = vocab[endText]; !ok {
		return nil, fmt.Errorf("the vocabulary lacks %s: this is not a CLIP tokenizer", endText)
	}
	for b, r := range byteRunes() {
		t.alphabet[b] = string(r)
		for _, piece := range []string{t.alphabet[b], t.alphabet[b] + wordEnd} {
			if _, ok := vocab[piece]; !ok {
				return nil, fmt.Errorf("the vocabulary lacks %q, the piece of byte %d", piece, b)
			}
		}
	}
	for i, m := range merges {
		if _, ok := vocab[m[0]+m[1]]; !ok {
			return nil, fmt.Errorf("merge %d makes %q, which the vocabulary lacks", i+1, m[0]+m[1])
		}
		if _, twice := t.ranks[m]; !twice {
			t.ranks[m] = i
		}
	}
	for piece, id := range vocab {
		if id < 0 || id > math.MaxInt32 {
			return nil, errors.New("the vocabulary gives " + piece + " a number out of range")
		}
	}
	return t, nil
}

// Encode implements Tokenizer.
func (t *BPE) Encode(text string, max int) []int64 {
	out := []int64{t.start}
	for rest := clean(text); rest != ""; {
		n := nextWord(rest)
		switch word := rest[:n]; word {
		case " ":
		case startText:
			out = append(out, t.start)
		case endText:
			out = append(out, t.end)
		default:
			out = t.appendWord(out, word)
		}
		rest = rest[n:]
	}
	if len(out) > max-1 {
		out = out[:max-1]
	}
	return append(out, t.end)
}

// appendWord appends the numbers of a word's pieces: single bytes first, then again and again the neighbours whose
// merge was learned first become one.
func (t *BPE) appendWord(out []int64, word string) []int64 {
	pieces := make([]string, len(word))
	for i := range len(word) {
		pieces[i] = t.alphabet[word[i]]
	}
	pieces[len(pieces)-1] += wordEnd
	for len(pieces) > 1 {
		best, rank := [2]string{}, math.MaxInt
		for i := range len(pieces) - 1 {
			pair := [2]string{pieces[i], pieces[i+1]}
			if r, ok := t.ranks[pair]; ok && r < rank {
				best, rank = pair, r
			}
		}
		if rank == math.MaxInt {
			break
		}
		pieces = mergeAll(pieces, best)
	}
	for _, p := range pieces {
		out = append(out, t.ids[p])
	}
	return out
}

// mergeAll joins every occurrence of the pair, from left to right, in place.
func mergeAll(pieces []string, pair [2]string) []string {
	kept := pieces[:0]
	for i := 0; i < len(pieces); i++ {
		if i+1 < len(pieces) && pieces[i] == pair[0] && pieces[i+1] == pair[1] {
			kept = append(kept, pair[0]+pair[1])
			i++
			continue
		}
		kept = append(kept, pieces[i])
	}
	return kept
}

// nextWord returns the length of the first word of a cleaned text: a special token, an English ending such as 's, a run
// of letters, one digit, or a run of anything else that is not a space. A space is a word of its own.
func nextWord(text string) int {
	for _, special := range []string{startText, endText, "'s", "'t", "'re", "'ve", "'m", "'ll", "'d"} {
		if strings.HasPrefix(text, special) {
			return len(special)
		}
	}
	first, n := utf8.DecodeRuneInString(text)
	kind := kindOf(first)
	if kind == space || kind == number {
		return n
	}
	for n < len(text) {
		r, size := utf8.DecodeRuneInString(text[n:])
		if kindOf(r) != kind {
			break
		}
		n += size
	}
	return n
}

type kind int

const (
	space kind = iota
	letter
	number
	other
)

func kindOf(r rune) kind {
	switch {
	case isSpace(r):
		return space
	case unicode.IsLetter(r):
		return letter
	case unicode.IsNumber(r):
		return number
	}
	return other
}

// isSpace is unicode.IsSpace and the four separators that Python counts too.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1C && r <= 0x1F }

// byteRunes gives each byte a printable character, as GPT-2 does: itself where it is printable, else one from 256 on.
func byteRunes() (runes [256]rune) {
	next := rune(256)
	for b := range runes {
		if printable(b) {
			runes[b] = rune(b)
			continue
		}
		runes[b] = next
		next++
	}
	return runes
}

// byteOrder lists the same characters in the order in which the vocabulary counts them: printable bytes first.
func byteOrder() []rune {
	var first, last []rune
	for b, r := range byteRunes() {
		if printable(b) {
			first = append(first, r)
		} else {
			last = append(last, r)
		}
	}
	return append(first, last...)
}

func printable(b int) bool {
	return b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE && b <= 0xFF
}
