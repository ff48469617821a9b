package concept

import (
	"errors"
	"fmt"
	"slices"
)

// Options says how Assign names latents and groups them. The zero value of a field is its default.
type Options struct {
	// By is how a latent is matched with a word. "decoder", the default, takes the cosine between the latent's decoder row
	// and the word's vector. "word" encodes each word as if it were a picture and takes the latent's share of the code,
	// z[j]/‖z‖. "pictures", the default where there is a Sample, adds to the decoder row, both of unit length, the direction
	// in which the pictures that fire the latent lie: on 2,500 rows kept back the mean agreement (Name.AUC) rose from 0.78 to 0.86.
	By string `json:"by"`

	// Center is where directions are seen from. "vocab", the default, subtracts the mean of all word vectors from each, and
	// so closes most of the gap between texts and pictures; "image" subtracts the mean picture; "none" nothing.
	Center string `json:"center"`

	// Weigh is how a word weighs the latents of its concept. "decoder", the default, takes the cosine c with the decoder row
	// and how rare the latent is, c^1.5·ln(rows/count), so that latents that fire for everything say little; "code" takes
	// the activations of the encoded word; "pictures", the default where there is a Sample, mixes the decoder's weights with
	// what fires in the pictures nearest to the word. Mean average precision over 26 labels of 1,000 photographs, and over 25
	// other words of their captions: decoder 0.57 and 0.21, pictures 0.61 and 0.29 (text search: 0.50 and 0.26).
	Weigh string `json:"weigh"`

	// Group is the largest number of latents in a concept; by default one in 16 of the model's, at least 8 and at most 256.
	// With 4,096 latents and k = 32, groups of 64, 128, 256 and 512 weighed by the decoder found those labels with a mean
	// average precision of 0.56, 0.57, 0.59 and 0.60: small groups miss pictures that fire only the siblings of their latents.
	Group int `json:"group"`

	// RunnersUp is the number of next best words kept for each latent; 5 by default.
	RunnersUp int `json:"runners_up"`
}

// ErrOptions marks options that Assign cannot follow.
var ErrOptions = errors.New("options that cannot be followed")

// resolve fills in the defaults for a model of m latents, and for pictures at hand or none.
func (o Options) resolve(m int, pictures bool) Options {
	word := func(s *string, def string) {
		if *s == "" {
			*s = def
		}
	}
	source := "decoder"
	if pictures {
		source = "pictures"
	}
	word(&o.By, source)
	word(&o.Center, "vocab")
	word(&o.Weigh, source)
	if o.Group == 0 {
		o.Group = min(max(m/16, 8), 256)
	}
	if o.RunnersUp == 0 {
		o.RunnersUp = 5
	}
	return o
}

// Validate returns every fault at once.
func (o Options) Validate() error {
	var faults []error
	word := func(field, value string, allowed ...string) {
		if value != "" && !slices.Contains(allowed, value) {
			faults = append(faults, fmt.Errorf("concept: %w: %s is %q; it may be one of %q", ErrOptions, field, value, allowed))
		}
	}
	word("By", o.By, "decoder", "word", "pictures")
	word("Center", o.Center, "none", "vocab", "image")
	word("Weigh", o.Weigh, "decoder", "code", "pictures")
	if o.Group < 0 || o.RunnersUp < 0 {
		faults = append(faults, fmt.Errorf("concept: %w: a group of %d, %d runners-up; neither may be negative", ErrOptions, o.Group, o.RunnersUp))
	}
	return errors.Join(faults...)
}
