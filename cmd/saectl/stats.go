package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/db"
)

func newStatsCmd(a *app) *cobra.Command {
	var fingerprint bool
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Show what the database holds",
		Long: `Show what the database holds, and whether the active autoencoder still fits the
rows added since its training (not through a server, which does not know). With --fingerprint print one hash of its content
(items, vectors, metadata, autoencoders, codes) on one line and nothing else;
times, places and the order of writing are not in it, so two databases filled in
different ways with the same content have the same.`,
		Args: wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withReader(cmd.Context(), func(r reader) error {
				if fingerprint {
					return printFingerprint(cmd.Context(), a, r)
				}
				return printStats(cmd.Context(), a, r)
			})
		},
	}
	cmd.Flags().BoolVar(&fingerprint, "fingerprint", false, "print one hash of the content and nothing else")
	return cmd
}

func printFingerprint(ctx context.Context, a *app, r reader) error {
	sum, err := r.Fingerprint(ctx)
	if err != nil {
		return err
	}
	return a.write([]byte(sum + "\n"))
}

// statsView is a database's numbers as JSON.
type statsView struct {
	Dir     string      `json:"dir"` // or the URL of the server
	Format  int         `json:"format"`
	Items   int         `json:"items"`
	Dim     int         `json:"dim"`
	Space   db.Space    `json:"space"`
	Bytes   uint64      `json:"bytes"` // on disk, without derived files
	Derived uint64      `json:"derived_bytes"`
	Active  string      `json:"active"` // autoencoder that answers queries; empty: none
	Models  []modelView `json:"models"`
	Fields  []fieldView `json:"fields"`
	Words   int         `json:"vocabulary"`
	Fit     *fitView    `json:"fit,omitempty"` // of the active autoencoder to the rows added since its training
}

// fieldView is one metadata field.
type fieldView struct {
	Name  string   `json:"field"`
	Types []string `json:"types"`
	Count int      `json:"count"`
}

func printStats(ctx context.Context, a *app, r reader) error {
	st, err := r.Stats(ctx)
	if err != nil {
		return err
	}
	v := statsView{
		Dir: a.dbURL(), Format: st.Format, Items: st.Items, Dim: st.Dim, Space: st.Space, Bytes: st.Bytes, Derived: st.Derived,
		Active: st.Active, Models: []modelView{}, Fields: []fieldView{}, Words: st.Words,
	}
	for _, m := range st.Models {
		v.Models = append(v.Models, newModelView(m))
	}
	for _, f := range st.Fields {
		v.Fields = append(v.Fields, fieldView{f.Name, f.Types, f.Count})
	}
	if d, isFolder := r.(*db.DB); isFolder { // the runs of training, by which new rows are known, lie beside it
		v.Dir = d.Dir()
		if v.Fit, err = activeFit(ctx, d, st); err != nil {
			return err
		}
	}
	return a.printObject(v, v.text())
}

// text is the numbers for eyes.
func (v statsView) text() string {
	pairs := []string{
		"database", v.Dir,
		"items", thousands(v.Items),
		"space", v.Space.String(),
		"on disk", fmt.Sprintf("%.1f MB, and %.1f MB of derived files", float64(v.Bytes)/1e6, float64(v.Derived)/1e6),
		"vocabulary", thousands(v.Words) + " words",
	}
	for _, m := range v.Models {
		about := fmt.Sprintf("%s: %s latents, k %d", m.Name, thousands(m.Latents), m.K)
		for _, state := range []struct {
			holds bool
			word  string
		}{{m.Active, "active"}, {!m.Encoded, "not all items encoded"}, {!m.Named, "no names"}} {
			if state.holds {
				about += ", " + state.word
			}
		}
		pairs = append(pairs, "autoencoder", about)
	}
	if v.Fit != nil {
		pairs = append(pairs, "new rows", v.Fit.text())
	}
	for _, f := range v.Fields {
		pairs = append(pairs, "field", fmt.Sprintf("%s: %s, in %s items", f.Name, strings.Join(f.Types, " or "), thousands(f.Count)))
	}
	return facts(pairs...)
}
