package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/concept"
)

// nameOptions is what was asked of name.
type nameOptions struct {
	vocab, vectors         string
	by, center, weigh, sae string
	group                  int
	prompts                []string
	encoder                encoderFlags
}

// assign says how latents and words are matched.
func (o nameOptions) assign() concept.Options {
	return concept.Options{By: o.by, Center: o.center, Weigh: o.weigh, Group: o.group}
}

func newNameCmd(a *app) *cobra.Command {
	var o nameOptions
	cmd := &cobra.Command{
		Use:   "name",
		Short: "Name the latents from a vocabulary",
		Long: `Give every latent the word that fits it best, and every word the group of latents
that answers for it. --vocab is a list of words, one a line. Their vectors come
from the text side of the encoder that made the pictures' vectors: it makes them
here, or --vocab-vectors brings them, an .npy with one row for each line. Both
are kept in the database: without --vocab the stored vocabulary is used again,
and where there is none, the words that come with saectl.

"name set", "name hide" and "name merge" are kept apart and applied on top, so
they survive naming again.`,
		Example: `  saectl name
  saectl name --vocab words.txt --prompt "a photo of a {}" --prompt "{}"
  saectl name --vocab words.txt --vocab-vectors words.npy
  saectl name --by word --center image`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withDB(cmd.Context(), db.Options{}, func(d *db.DB) error {
				return runName(cmd.Context(), a, d, o)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.vocab, "vocab", "", "words, one a line")
	f.StringVar(&o.vectors, "vocab-vectors", "", "their vectors (.npy), one row for each line")
	f.StringArrayVar(&o.prompts, "prompt", nil, "text around a word, {}, for the encoder; of several the mean counts (default \"{}\" and \"a photo of a {}\")")
	o.encoder.add(f)
	f.StringVar(&o.by, "by", "", "match the word with the latent's decoder row (decoder), with that and the pictures that fire it (pictures), or encode it (word) (default pictures)")
	f.StringVar(&o.center, "center", "", "see directions from the origin (none), the mean word (vocab) or the mean picture (image) (default vocab)")
	f.StringVar(&o.weigh, "weigh", "", "weigh a concept's latents by their decoder rows (decoder), also by the pictures nearest to the word (pictures), or by the encoded word (code) (default pictures)")
	f.IntVar(&o.group, "group", 0, "most latents of a concept (default: from the number of latents)")
	f.StringVar(&o.sae, "sae", "", "the autoencoder to name (default: the active one)")
	cmd.AddCommand(newNameSetCmd(a), newNameHideCmd(a), newNameMergeCmd(a))
	return cmd
}

// nameOutcome is what naming has come to.
type nameOutcome struct {
	SAE      string `json:"sae,omitempty"` // empty: only the vocabulary was stored
	Words    int    `json:"words"`
	Latents  int    `json:"latents,omitempty"`
	Named    int    `json:"named,omitempty"`
	Concepts int    `json:"concepts,omitempty"`
}

func (o nameOutcome) String() string {
	if o.SAE == "" {
		return fmt.Sprintf("%s words stored; saectl train names latents by them", thousands(o.Words))
	}
	return fmt.Sprintf("%s: %s of %s latents named from %s words; %s concepts can be asked for",
		o.SAE, thousands(o.Named), thousands(o.Latents), thousands(o.Words), thousands(o.Concepts))
}

func runName(ctx context.Context, a *app, d *db.DB, o nameOptions) error {
	if err := o.assign().Validate(); err != nil {
		return hint(err, "--by is pictures, decoder or word; --center none, vocab or image; --weigh pictures, decoder or code; --group not negative")
	}
	v, err := o.vocabulary(ctx, a, d)
	if err != nil {
		return err
	}
	name, m, err := chosenModel(ctx, d, o.sae)
	if errors.Is(err, db.ErrNoModel) && o.sae == "" && o.vocab != "" {
		return a.printOutcome(nameOutcome{Words: len(v.Words)}, nameOutcome{Words: len(v.Words)}.String())
	}
	if err != nil {
		return err
	}
	if _, err := nameLatents(ctx, d, name, m, v, o.assign()); err != nil {
		return err
	}
	names, err := d.EditedNames(ctx, name)
	if err != nil {
		return err
	}
	out := nameOutcome{SAE: name, Words: len(v.Words), Latents: len(names.Latents), Concepts: len(names.Concepts)}
	for _, n := range names.Latents {
		if n.Word != "" {
			out.Named++
		}
	}
	return a.printOutcome(out, out.String())
}

// chosenModel returns the autoencoder called name, or the active one.
func chosenModel(ctx context.Context, d *db.DB, name string) (string, *sae.Model, error) {
	models, err := d.Models(ctx)
	if err != nil {
		return "", nil, err
	}
	for _, info := range models {
		if info.Name == name || name == "" && info.Active {
			m, err := d.Model(ctx, info.Name)
			return info.Name, m, err
		}
	}
	if name != "" {
		return "", nil, hint(fmt.Errorf("%w called %q", db.ErrNoModel, name), "saectl models lists those there are")
	}
	return "", nil, hint(fmt.Errorf("%w: none has been trained yet", db.ErrNoModel), "saectl train makes one")
}

// nameLatents names the latents of a stored model, keeps the names, and returns
// how many concepts there are.
func nameLatents(ctx context.Context, d *db.DB, name string, m *sae.Model, v *concept.Vocab, o concept.Options) (int, error) {
	if v.D != m.D {
		return 0, hint(fmt.Errorf("the words' vectors are %d wide, the pictures' %d", v.D, m.D), "take the vectors of the encoder that made the pictures' vectors")
	}
	stats, err := d.ConceptStats(ctx, name)
	if err != nil {
		return 0, err
	}
	if stats.Sample, err = sampleOf(ctx, d, name); err != nil {
		return 0, err
	}
	names, err := concept.Assign(m, v, stats, o)
	if err != nil {
		return 0, err
	}
	return len(names.Concepts), d.SetNames(ctx, name, names)
}

// sampleRows is how many pictures names are tried on: 100 MB of vectors of width 512.
const sampleRows = 50000

// sampleOf returns the pictures that names are tried on. Where it is known what the autoencoder was trained on, the others
// are those kept back.
func sampleOf(ctx context.Context, d *db.DB, name string) (*concept.Sample, error) {
	var held func(id string) bool
	if trained, _, ok := runRows(d.Dir(), name); ok {
		seen := make(map[string]bool, len(trained))
		for _, id := range trained {
			seen[id] = true
		}
		held = func(id string) bool { return !seen[id] }
	}
	return d.ConceptSample(ctx, name, sampleRows, held)
}
