package token

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxWord is the length in characters beyond which WordPiece gives up on a word.
const maxWord = 100

// WordPiece cuts texts as BERT does: spaces and punctuation part words, then the longest known beginning is taken,
// again and again (Wu et al. 2016; github.com/google-research/bert, tokenization.py).
type WordPiece struct {
	ids          map[string]int64
	cls, sep     int64
	unk          int64
	lower        bool
	stripAccents bool
}

var _ Tokenizer = (*WordPiece)(nil)

// WordPieceOptions say how a text is cleaned.
type WordPieceOptions struct {
	LowerCase    bool
	StripAccents bool
}

// ReadWordPiece reads a vocab.txt, one piece a line, whose line number from 0 is its id.
func ReadWordPiece(r io.Reader, o WordPieceOptions) (*WordPiece, error) {
	t := &WordPiece{ids: map[string]int64{}, lower: o.LowerCase, stripAccents: o.StripAccents}
	lines := bufio.NewScanner(r)
	for n := int64(0); lines.Scan(); n++ {
		t.ids[strings.TrimRight(lines.Text(), "\r")] = n
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("vocab.txt: %w", err)
	}
	for name, id := range map[string]*int64{"[CLS]": &t.cls, "[SEP]": &t.sep, "[UNK]": &t.unk} {
		n, ok := t.ids[name]
		if !ok {
			return nil, fmt.Errorf("vocab.txt: it lacks %s: this is not a BERT vocabulary", name)
		}
		*id = n
	}
	return t, nil
}

// Encode implements Tokenizer.
func (t *WordPiece) Encode(text string, max int) []int64 {
	out := []int64{t.cls}
	for _, word := range t.words(text) {
		out = t.appendWord(out, word)
	}
	if len(out) > max-1 {
		out = out[:max-1]
	}
	return append(out, t.sep)
}

// appendWord appends the ids of a word's pieces, or the unknown id if some part of it is in no piece.
func (t *WordPiece) appendWord(out []int64, word string) []int64 {
	if utf8.RuneCountInString(word) > maxWord {
		return append(out, t.unk)
	}
	before := len(out)
	for prefix := ""; word != ""; prefix = "##" {
		end := len(word)
		id, ok := t.ids[prefix+word]
		for !ok && end > 0 {
			_, size := utf8.DecodeLastRuneInString(word[:end])
			end -= size
			if end > 0 {
				id, ok = t.ids[prefix+word[:end]]
			}
		}
		if !ok {
			return append(out[:before], t.unk)
		}
		out, word = append(out, id), word[end:]
	}
	return out
}

// words cleans a text and parts it at spaces and around punctuation and ideographs.
func (t *WordPiece) words(text string) []string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if t.lower {
		text = lower(text)
	}
	if t.stripAccents {
		text = strings.Map(func(r rune) rune {
			if unicode.Is(unicode.Mn, r) {
				return -1
			}
			return r
		}, norm.NFD.String(text))
	}
	var parted strings.Builder
	for _, r := range text {
		switch {
		case r == 0 || r == utf8.RuneError || isControl(r):
		case isSpace(r):
			parted.WriteByte(' ')
		case isPunctuation(r) || isIdeograph(r):
			parted.WriteByte(' ')
			parted.WriteRune(r)
			parted.WriteByte(' ')
		default:
			parted.WriteRune(r)
		}
	}
	return strings.Fields(parted.String())
}

func isControl(r rune) bool {
	return r != '\t' && r != '\n' && r != '\r' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs)
}

// isPunctuation counts every printable ASCII character that is no letter and no digit, as BERT does, and Unicode's punctuation.
func isPunctuation(r rune) bool {
	if r < 0x80 {
		return r > ' ' && r < 0x7F && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}
	return unicode.IsPunct(r)
}

// isIdeograph says whether r stands in one of the CJK blocks that BERT cuts into single characters.
func isIdeograph(r rune) bool {
	return r >= 0x4E00 && r <= 0x9FFF || r >= 0x3400 && r <= 0x4DBF || r >= 0x20000 && r <= 0x2A6DF || r >= 0x2A700 && r <= 0x2B73F ||
		r >= 0x2B740 && r <= 0x2B81F || r >= 0x2B820 && r <= 0x2CEAF || r >= 0xF900 && r <= 0xFAFF || r >= 0x2F800 && r <= 0x2FA1F
}
