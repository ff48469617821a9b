package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/saedb/saedb/clip"
	"github.com/saedb/saedb/cmd/saectl/internal/demo"
	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/npy"
	"github.com/saedb/saedb/sae/concept"
)

// defaultPrompts stand around a word that the encoder reads: what captions look like, and the word as it is.
var defaultPrompts = []string{"{}", "a photo of a {}"}

// vocabulary reads the given vocabulary and stores it, or returns the stored one, or makes one of the words that ship.
func (o nameOptions) vocabulary(ctx context.Context, a *app, d *db.DB) (*concept.Vocab, error) {
	if o.vocab == "" && o.vectors != "" {
		return nil, hint(errors.New("--vocab-vectors without --vocab"), "give the words that the rows belong to")
	}
	if o.vocab == "" {
		v, err := d.Vocab(ctx)
		if !errors.Is(err, db.ErrNoVocab) {
			return v, err
		}
		words, _, err := demo.Vocabulary()
		if err != nil {
			return nil, err
		}
		if v, err = o.keep(ctx, a, d, "the words that come with saectl", []byte(strings.Join(words, "\n"))); err != nil {
			err = hint(fmt.Errorf("the database has no vocabulary: %w", err), "give one: saectl name --vocab words.txt --vocab-vectors words.npy")
		}
		return v, err
	}
	words, err := os.ReadFile(o.vocab)
	if err != nil {
		return nil, err
	}
	return o.keep(ctx, a, d, o.vocab, words)
}

// keep stores a list of words, one a line, with their vectors: those of the file that was given, else the encoder's.
func (o nameOptions) keep(ctx context.Context, a *app, d *db.DB, source string, words []byte) (*concept.Vocab, error) {
	var vectors *npy.Matrix
	var err error
	if o.vectors != "" {
		vectors, err = npy.ReadFile(o.vectors)
	} else {
		vectors, err = o.encode(ctx, a, d, words)
	}
	if err != nil {
		return nil, err
	}
	v, report, err := concept.ReadVocab(bytes.NewReader(words), vectors)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	if report.Kept < report.Lines {
		a.note("%s: %s", source, report)
	}
	if err := d.SetVocab(ctx, v); err != nil {
		return nil, hint(err, "the words' vectors must come from the encoder that made the pictures' vectors")
	}
	return v, nil
}

// encode makes the vectors of words, one a line, with the encoder that made the pictures' vectors.
func (o nameOptions) encode(ctx context.Context, a *app, d *db.DB, words []byte) (*npy.Matrix, error) {
	k := &asker{a: a, flags: o.encoder, d: d}
	defer k.close()
	if err := k.open(ctx); err != nil {
		return nil, hint(fmt.Errorf("the words need vectors: %w", err), "name the encoder with --model DIR, or give --vocab-vectors words.npy, one row for each line of --vocab")
	}
	prompts := o.prompts
	if len(prompts) == 0 {
		prompts = defaultPrompts
	}
	for _, p := range prompts {
		if !strings.Contains(p, "{}") {
			return nil, hint(fmt.Errorf("--prompt %q has no place for the word", p), `write {} there: "a photo of a {}"`)
		}
	}
	lines := strings.Split(strings.TrimSuffix(string(words), "\n"), "\n")
	return encodeWords(ctx, a, k.e, lines, prompts)
}

// encodeWords makes a row for each word: the sum of its unit vectors within the prompts.
func encodeWords(ctx context.Context, a *app, e clip.Encoder, words, prompts []string) (*npy.Matrix, error) {
	bar := a.progress("words", len(words))
	defer bar.end()
	dim := e.Identity().Dim
	out := &npy.Matrix{Rows: len(words), Cols: dim, Data: make([]float32, len(words)*dim)}
	const chunk = 64
	done := 0
	for part := range slices.Chunk(words, chunk) {
		if err := addPrompted(ctx, e, out.Data[done*dim:], part, prompts); err != nil {
			return nil, err
		}
		done += len(part)
		bar.update(done, "")
	}
	return out, nil
}

// addPrompted adds to each row of dst the unit vectors of a word within each of the prompts: their mean but for its length.
func addPrompted(ctx context.Context, e clip.Encoder, dst []float32, words, prompts []string) error {
	dim := e.Identity().Dim
	for _, prompt := range prompts {
		texts := make([]string, len(words))
		for i, word := range words {
			texts[i] = strings.ReplaceAll(prompt, "{}", strings.TrimSpace(word))
		}
		vectors, err := e.Texts(ctx, texts)
		if err != nil {
			return err
		}
		for row := range words {
			v := vectors[row*dim:][:dim]
			var sum float64
			for _, x := range v {
				sum += float64(x) * float64(x)
			}
			for i, x := range v {
				dst[row*dim+i] += float32(float64(x) / math.Sqrt(sum))
			}
		}
	}
	return nil
}
