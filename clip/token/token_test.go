package token_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/saedb/saedb/clip/token"
)

// bytesOnly is a BPE of single bytes and the few given merges, as a tokenizer.json; merges alternate between the two ways of writing.
func bytesOnly(t testing.TB, merges ...string) *token.BPE {
	var vocab, list []string
	add := func(piece string) { vocab = append(vocab, fmt.Sprintf("%q: %d", piece, len(vocab))) }
	next := 256
	for _, end := range []string{"", "</w>"} {
		next = 256
		for b := range 256 {
			r := rune(b)
			if !(b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE) {
				r, next = rune(next), next+1
			}
			add(string(r) + end)
		}
	}
	for i, m := range merges {
		add(strings.ReplaceAll(m, " ", ""))
		if i%2 == 0 {
			list = append(list, fmt.Sprintf("%q", m))
		} else {
			a, b, _ := strings.Cut(m, " ")
			list = append(list, fmt.Sprintf("[%q, %q]", a, b))
		}
	}
	add("<|startoftext|>")
	add("<|endoftext|>")
	bpe, err := token.ReadBPE(strings.NewReader(`{"model": {"vocab": {` + strings.Join(vocab, ",") + `}, "merges": [` + strings.Join(list, ",") + `]}}`))
	if err != nil {
		t.Fatal(err)
	}
	return bpe
}

func TestBPEMergesTheEarliestPairFirst(t *testing.T) {
	bpe := bytesOnly(t, "o g</w>", "d og</w>", "d o")
	const og, dog, do, start, end = 512, 513, 514, 515, 516
	for text, want := range map[string][]int64{
		"":         {start, end},
		"dog":      {start, dog, end},
		" DOG\tog": {start, dog, og, end},
		"do":       {start, 'd', 256 + 'o', end}, // "o" at a word's end is another piece
		"dox":      {start, do, 256 + 'x', end},
		"don't":    {start, do, 256 + 'n', '\'', 256 + 't', end},
	} {
		if got := bpe.Encode(text, 77); !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestTooLongATextKeepsItsEndToken(t *testing.T) {
	got := bytesOnly(t).Encode(strings.Repeat("1", 200), 77)
	if len(got) != 77 || got[76] != 513 || got[75] != 256+'1' {
		t.Errorf("%d ids, the last two %v", len(got), got[75:])
	}
}

func TestWhatIsNoTokenizerIsRefused(t *testing.T) {
	for file, fault := range map[string]string{
		`{`:  "tokenizer.json: unexpected EOF",
		`{}`: "the vocabulary lacks <|startoftext|>: this is not a CLIP tokenizer",
		`{"model": {"vocab": {"<|startoftext|>": 0}}}`:                                            "the vocabulary lacks <|endoftext|>: this is not a CLIP tokenizer",
		`{"model": {"vocab": {"<|startoftext|>": 0, "<|endoftext|>": 1}}}`:                        `the vocabulary lacks "Ā", the piece of byte 0`,
		`{"model": {"vocab": {"<|startoftext|>": 0, "<|endoftext|>": 1}, "merges": ["a"]}}`:       `tokenizer.json: merge 1: "a" is not a pair`,
		`{"model": {"vocab": {"<|startoftext|>": 0, "<|endoftext|>": 1}, "merges": ["a b", 17]}}`: "tokenizer.json: merge 2: 17 is neither a string nor a pair",
	} {
		if _, err := token.ReadBPE(strings.NewReader(file)); err == nil || err.Error() != fault {
			t.Errorf("%s:\n got %v\nwant %s", file, err, fault)
		}
	}
	if _, err := token.ReadMerges(strings.NewReader("text")); err == nil {
		t.Error("a text passed for gzip")
	}
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	fmt.Fprint(w, "heading\na b\nalone\n")
	w.Close()
	if _, err := token.ReadMerges(&z); err == nil || err.Error() != `merges: line 3: "alone" is not a pair` {
		t.Errorf("got %v", err)
	}
}

const smallVocab = "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\ndog\n##s\nrun\n##ning\n,\ncafe\n猫\n"

func TestWordPieceTakesTheLongestBeginning(t *testing.T) {
	wp, err := token.ReadWordPiece(strings.NewReader(smallVocab), token.WordPieceOptions{LowerCase: true, StripAccents: true})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][]int64{
		"":                       {2, 3},
		"A dogs, running":        {2, 4, 5, 6, 9, 7, 8, 3},
		"Café\u0000 猫猫":          {2, 10, 11, 11, 3},
		"dogx a":                 {2, 1, 4, 3},
		strings.Repeat("s", 101): {2, 1, 3},
	} {
		if got := wp.Encode(text, 64); !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
	if got := wp.Encode("a a a a", 4); !slices.Equal(got, []int64{2, 4, 4, 3}) {
		t.Errorf("cut at 4: %v", got)
	}
	if _, err := token.ReadWordPiece(strings.NewReader("a\nb\n"), token.WordPieceOptions{}); err == nil {
		t.Error("a word list passed for a vocabulary")
	}
}

// FuzzEncode asks of any text what both tokenizers promise: start and end, the limit, the same again.
func FuzzEncode(f *testing.F) {
	for _, s := range []string{"", "a dog", "İstanbul", "&amp;amp;", "\xff\xfe", "<|endoftext|>x", "日本語 ²½", "ﬁ"} {
		f.Add(s, 77)
	}
	bpe := bytesOnly(f, "a b", "ab c</w>")
	wp, err := token.ReadWordPiece(strings.NewReader(smallVocab), token.WordPieceOptions{LowerCase: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = 2 + limit&127
		for _, tok := range []token.Tokenizer{bpe, wp} {
			ids := tok.Encode(text, limit)
			whole := tok.Encode(text, len(text)*8+8)
			if len(ids) < 2 || len(ids) > limit || ids[0] != whole[0] || ids[len(ids)-1] != whole[len(whole)-1] {
				t.Fatalf("%T: %q cut at %d: %v", tok, text, limit, ids)
			}
			if n := len(ids) - 1; !slices.Equal(ids[:n], whole[:n]) {
				t.Fatalf("%T: %q: %v is no beginning of %v", tok, text, ids, whole)
			}
		}
	})
}
