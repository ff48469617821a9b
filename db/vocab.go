package db

import (
	"context"
	"fmt"
	"strings"

	"github.com/saedb/saedb/internal/kv"
	"github.com/saedb/saedb/sae/concept"
)

// SetVocab stores the vocabulary, words with their unit text vectors, in place of the one before. Text operands that
// are one of its words need no text encoder. v is not kept. Words contain no line break.
func (d *DB) SetVocab(ctx context.Context, v *concept.Vocab) error {
	return d.update(ctx, func(w *writer) error {
		if v.Vectors != nil && w.state.Dim != 0 && v.D != int(w.state.Dim) {
			return fmt.Errorf("vocabulary: %w: its vectors have %d numbers, the database's have %d", ErrDim, v.D, w.state.Dim)
		}
		if v.Vectors != nil && len(v.Vectors) != v.D*len(v.Words) {
			return fmt.Errorf("vocabulary: %w: %d words and %d numbers", ErrDim, len(v.Words), len(v.Vectors))
		}
		var words strings.Builder
		for _, word := range v.Words {
			if word == "" || strings.Contains(word, "\n") {
				return fmt.Errorf("vocabulary: %w: the word %q is empty or has a line break", ErrItem, word)
			}
			words.WriteString(word)
			words.WriteByte('\n')
		}
		w.b.SetBlob(kv.SpanWords(), []byte(words.String()))
		w.b.SetBlob(kv.SpanWordVecs(), kv.AppendVector(nil, v.Vectors))
		w.state.Rev++
		return nil
	})
}

// Vocab returns the vocabulary. It is shared: read only. Error: ErrNoVocab.
func (d *DB) Vocab(ctx context.Context) (v *concept.Vocab, err error) {
	err = d.view(func(s *Snapshot) error {
		b, err := s.vocab(ctx)
		if err != nil {
			return err
		}
		if v = b.vocab; v == nil {
			return fmt.Errorf("%w: saectl name --vocab gives one", ErrNoVocab)
		}
		return nil
	})
	return v, err
}

// wordBook is the vocabulary with the place of each word; vocab is nil if there is none.
type wordBook struct {
	vocab *concept.Vocab
	place map[string]int
}

func (s *Snapshot) vocab(ctx context.Context) (wordBook, error) {
	return derive(ctx, s.naming, "vocab", func() (wordBook, error) {
		text, err := s.r.Blob(kv.SpanWords())
		if err != nil || text == nil {
			return wordBook{}, err
		}
		v := &concept.Vocab{Words: strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")}
		raw, err := s.r.Blob(kv.SpanWordVecs())
		if err != nil {
			return wordBook{}, err
		}
		if raw != nil {
			n := len(raw) / 4
			if n%len(v.Words) != 0 {
				return wordBook{}, kv.Corruptf("vocabulary: %d words, %d bytes of vectors", len(v.Words), len(raw))
			}
			v.D = n / len(v.Words)
			if v.Vectors, err = kv.DecodeVector(nil, raw, n); err != nil {
				return wordBook{}, fmt.Errorf("vocabulary: %w", err)
			}
		}
		b := wordBook{vocab: v, place: make(map[string]int, len(v.Words))}
		for i, word := range v.Words {
			b.place[word] = i
		}
		return b, nil
	})
}
