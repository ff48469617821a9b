package db

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/saedb/saedb/sae"
)

// State is made of the commits so far to items and codes and to models, names and vocabulary.
func (s *source) State() string { return fmt.Sprintf("%d.%d", s.state.Seq, s.state.Rev) }

// loaded returns the active autoencoder.
func (s *source) loaded(ctx context.Context) (*sae.Model, error) {
	if s.model == nil {
		return nil, ErrNoModel
	}
	return loadModel(ctx, s.naming, s.r, *s.model)
}

// Decode returns what a code stands for.
func (s *source) Decode(c sae.Code) ([]float32, error) {
	m, err := s.loaded(context.Background())
	if err != nil {
		return nil, err
	}
	if n := len(c.Latents); n > 0 && int(c.Latents[n-1]) >= m.M {
		return nil, fmt.Errorf("decode: %w: latent %d of %d", ErrModel, c.Latents[n-1], m.M)
	}
	return m.Decode(nil, c), nil
}

// Direction returns a latent's decoder row, which is the autoencoder's own.
func (s *source) Direction(ctx context.Context, latent uint32) ([]float32, error) {
	m, err := s.loaded(ctx)
	if err != nil {
		return nil, err
	}
	if int(latent) >= m.M {
		return nil, fmt.Errorf("direction: %w: latent %d of %d", ErrModel, latent, m.M)
	}
	return m.Wdec[int(latent)*m.D : (int(latent)+1)*m.D : (int(latent)+1)*m.D], nil
}

// cosine returns that of two vectors, 0 where one has no direction.
func cosine(v, w []float32) float64 {
	dot, a, b := 0.0, 0.0, 0.0
	for i, x := range v {
		x, y := float64(x), float64(w[i])
		dot += float64(x * y) // the conversions keep compilers from fusing
		a += float64(x * x)
		b += float64(y * y)
	}
	if dot == 0 {
		return 0
	}
	return dot / math.Sqrt(float64(a*b))
}

// Aliases are the words that people merged into others.
func (s *source) Aliases() map[string][]string {
	if s.model == nil {
		return nil
	}
	aliases, err := derive(context.Background(), s.naming, "aliases", func() (map[string][]string, error) {
		e, err := readEdits(s.r, *s.model)
		aliases := map[string][]string{}
		for from, into := range e.Merge {
			aliases[into] = append(aliases[into], from)
		}
		for _, words := range aliases {
			slices.Sort(words)
		}
		return aliases, err
	})
	if err != nil {
		return nil // the names would not have been read either
	}
	return aliases
}

// TextDirection is a text's vector as seen from the mean of the vocabulary, where one with vectors is stored.
func (s *source) TextDirection(ctx context.Context, text string) ([]float32, string, error) {
	v, note, err := s.TextVector(ctx, text)
	if err != nil {
		return nil, "", err
	}
	mean, err := s.wordMean(ctx)
	if err != nil || len(mean) != len(v) {
		return v, note, err
	}
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = x - mean[i]
	}
	return out, note, nil
}

// wordMean returns the mean of the word vectors; nil where fewer than two are stored, for a word is no centre of itself.
func (s *source) wordMean(ctx context.Context) ([]float32, error) {
	b, err := s.vocab(ctx)
	if err != nil || b.vocab == nil || b.vocab.Vectors == nil || len(b.vocab.Words) < 2 {
		return nil, err
	}
	return derive(ctx, s.naming, "word mean", func() ([]float32, error) {
		d := b.vocab.D
		sum := make([]float64, d)
		for i, x := range b.vocab.Vectors {
			sum[i%d] += float64(x)
		}
		mean := make([]float32, d)
		for i, x := range sum {
			mean[i] = float32(x / float64(len(b.vocab.Words)))
		}
		return mean, nil
	})
}
