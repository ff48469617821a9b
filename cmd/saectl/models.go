package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/cmd/saectl/internal/runs"
	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/sae"
)

func newModelsCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "models",
		Short: "List, add, activate or drop the stored autoencoders",
		Long: `List the stored autoencoders. One of them is active: it answers concept queries
and encodes new items. Training adds one and makes it active; the one before
stays until it is dropped.`,
		Args: wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withDB(cmd.Context(), db.Options{ReadOnly: true}, func(d *db.DB) error {
				return listModels(cmd.Context(), a, d)
			})
		},
	}
	cmd.AddCommand(
		newModelsAddCmd(a),
		newModelsUseCmd(a),
		&cobra.Command{
			Use:   "drop NAME",
			Short: "Remove an autoencoder that is not active, with its codes and names",
			Args:  wantArgs(cobra.ExactArgs(1)),
			RunE: func(cmd *cobra.Command, args []string) error {
				return a.withDB(cmd.Context(), db.Options{}, func(d *db.DB) error {
					return dropModel(cmd.Context(), a, d, args[0])
				})
			},
		},
	)
	return cmd
}

func newModelsUseCmd(a *app) *cobra.Command {
	var backend string
	cmd := &cobra.Command{
		Use:   "use NAME",
		Short: "Make a stored autoencoder the active one",
		Long: `Make a stored autoencoder the active one. Items that it has not seen are encoded
first; interrupted, the same command continues.`,
		Args: wantArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withDB(cmd.Context(), db.Options{}, func(d *db.DB) error {
				return useModel(cmd.Context(), a, d, args[0], backend)
			})
		},
	}
	registerEncodeBackend(cmd.Flags(), &backend)
	return cmd
}

func newModelsAddCmd(a *app) *cobra.Command {
	var from string
	var k int
	cmd := &cobra.Command{
		Use:   "add NAME --from FILE|FOLDER|SAE",
		Short: "Store an autoencoder that was made elsewhere, or one at another k",
		Long: `Store an autoencoder beside the others: from a file that saectl export --sae-file
wrote, from a folder of SAELens 6 (topk, jumprelu with one threshold, standard) or one
of sparsify (topk). It must have been trained on vectors of the same encoder, divided
by their norms as the database stores them. Nothing uses it before saectl models use.

With --k it is stored with another number of active latents. One that was trained for
several k at once (train --variant nested) is good at each of them, so --from may also
name a stored autoencoder.`,
		Example: `  saectl models add lens --from sae/
  saectl models add copy --from other.sae && saectl models use copy
  saectl models add wide --from sae1 --k 128`,
		Args: wantArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withDB(cmd.Context(), db.Options{}, func(d *db.DB) error {
				m, err := storedOrRead(cmd.Context(), d, from)
				if err == nil && cmd.Flags().Changed("k") {
					m, err = atK(a, m, k)
				}
				if err != nil {
					return err
				}
				return addModel(cmd.Context(), a, d, args[0], m)
			})
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "file or folder of the autoencoder, or the name of a stored one")
	cmd.Flags().IntVar(&k, "k", 0, "most active latents of a code (default: as it is)")
	require(cmd, "from")
	return cmd
}

// atK is an autoencoder with another number of active latents, with a note where it was not trained for that.
func atK(a *app, m *sae.Model, k int) (*sae.Model, error) {
	at, err := m.AtK(k)
	if err != nil {
		return nil, err
	}
	switch trained := m.Info.Levels; {
	case k == m.K:
	case len(trained) == 0:
		a.note("it was trained for k %d alone: saectl eval shows what it loses at %d; train --variant nested makes one for several", m.K, k)
	case !slices.Contains(trained, k):
		a.note("it was trained for k of %v: %d lies beside them", trained, k)
	}
	return at, nil
}

func addModel(ctx context.Context, a *app, d *db.DB, name string, m *sae.Model) error {
	if _, err := runs.In(d.Dir()).Run(name); err != nil { // names are those that training takes
		return err
	}
	if err := d.AddModel(ctx, name, m); err != nil {
		return err
	}
	a.note("%s is stored: %s latents, k %s; saectl models use %s makes it answer", name, thousands(m.M), thousands(m.K), name)
	return nil
}

// modelView is an autoencoder as `models` and `stats` show it.
type modelView struct {
	Name    string    `json:"name"`
	Active  bool      `json:"active"`
	Latents int       `json:"latents"`
	K       int       `json:"k"`
	Dim     int       `json:"dim"`
	Encoded bool      `json:"encoded"` // every item has a code of it
	Named   bool      `json:"named"`   // its latents have names
	Added   time.Time `json:"added"`
	Digest  string    `json:"digest"`
}

func newModelView(m db.ModelInfo) modelView {
	return modelView{
		Name: m.Name, Active: m.Active, Latents: m.M, K: m.K, Dim: m.D,
		Encoded: m.Encoded, Named: m.Named, Added: m.Added, Digest: m.Digest,
	}
}

func (v modelView) line() line {
	return line{JSON: v, Cells: []string{
		v.Name, yes(v.Active), strconv.Itoa(v.Latents), strconv.Itoa(v.K), yes(v.Encoded), yes(v.Named),
		v.Added.Format(time.RFC3339), fmt.Sprintf("%.12s", v.Digest),
	}}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func listModels(ctx context.Context, a *app, d *db.DB) error {
	models, err := d.Models(ctx)
	if err != nil {
		return err
	}
	p := a.printer(column{Name: "name"}, column{Name: "active"}, column{Name: "latents", Right: true}, column{Name: "k", Right: true},
		column{Name: "encoded"}, column{Name: "named"}, column{Name: "added"}, column{Name: "digest"})
	for _, m := range models {
		if err := p.print(newModelView(m).line()); err != nil {
			return err
		}
	}
	return p.close()
}

func useModel(ctx context.Context, a *app, d *db.DB, name, backend string) error {
	if err := encodeStored(ctx, a, d, name, backend, 0); err != nil {
		return err
	}
	if err := d.Activate(ctx, name); err != nil {
		return err
	}
	a.note("%s is active", name)
	return nil
}

// encodeStored brings the codes of an autoencoder up to date, and shows how far it is.
func encodeStored(ctx context.Context, a *app, d *db.DB, name, backend string, threads int) error {
	bar := a.progress("items encoded", 0)
	defer bar.end()
	return a.encodeAll(ctx, d, name, backend, threads, func(done, total int) {
		bar.expect(total)
		bar.update(done, "")
	})
}

func dropModel(ctx context.Context, a *app, d *db.DB, name string) error {
	if err := d.DropModel(ctx, name); err != nil {
		return err
	}
	a.note("%s is dropped", name)
	return nil
}
