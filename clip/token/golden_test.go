package token_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/saedb/saedb/clip/token"
)

const sharedBPE = "../../../shared/data/clip-bpe"

// TestBPEAgreesWithTheReference cuts 1,000 texts as OpenAI's own tokenizer did.
func TestBPEAgreesWithTheReference(t *testing.T) {
	bpe := openSharedBPE(t)
	f, err := os.Open(filepath.Join(sharedBPE, "golden.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, n := bufio.NewScanner(f), 0
	for ; lines.Scan(); n++ {
		var want struct {
			Text string
			IDs  []int64
		}
		if err := json.Unmarshal(lines.Bytes(), &want); err != nil {
			t.Fatalf("line %d: %v", n+1, err)
		}
		if got := bpe.Encode(want.Text, 77); !slices.Equal(got, want.IDs) {
			t.Errorf("line %d: %q:\n got %v\nwant %v", n+1, want.Text, got, want.IDs)
		}
	}
	if n != 1000 {
		t.Errorf("compared %d texts, want 1000", n)
	}
}

func openSharedBPE(t *testing.T) *token.BPE {
	f, err := os.Open(filepath.Join(sharedBPE, "bpe_simple_vocab_16e6.txt.gz"))
	if err != nil {
		t.Skipf("the published merges are not here: %v", err)
	}
	defer f.Close()
	bpe, err := token.ReadMerges(f)
	if err != nil {
		t.Fatal(err)
	}
	return bpe
}

// TestWordPieceAgreesWithTheReference cuts the texts that lit-small's golden file holds.
func TestWordPieceAgreesWithTheReference(t *testing.T) {
	const model = "../../../shared/models/lit-small"
	vocab, err := os.Open(filepath.Join(model, "vocab.txt"))
	if err != nil {
		t.Skipf("lit-small is not here: %v", err)
	}
	defer vocab.Close()
	wp, err := token.ReadWordPiece(vocab, token.WordPieceOptions{LowerCase: true, StripAccents: true})
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(model, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Texts []struct {
			Text string  `json:"text"`
			IDs  []int64 `json:"input_ids"`
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Texts) == 0 {
		t.Fatal("the golden file holds no text")
	}
	for _, want := range golden.Texts {
		if got := wp.Encode(want.Text, 64); !slices.Equal(got, want.IDs) {
			t.Errorf("%q:\n got %v\nwant %v", want.Text, got, want.IDs)
		}
	}
}
