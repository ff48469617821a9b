package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/db"
)

func newCheckCmd(a *app) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Read the whole database and list every fault",
		Long: `Read everything the database holds and list every fault. Exit status 2 if there is one.

With --salvage a new database is made of all that can be read of a damaged one: every
item for itself, then vocabulary, autoencoders and names. Codes and lists are made
anew. The damaged database stays as it is.`,
		Example: `  saectl check
  saectl check --db damaged --salvage saved`,
		Args: wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withDB(cmd.Context(), db.Options{ReadOnly: true}, func(d *db.DB) error {
				if out != "" {
					return runSalvage(cmd.Context(), a, d, out)
				}
				return runCheck(cmd.Context(), a, d)
			})
		},
	}
	cmd.Flags().StringVar(&out, "salvage", "", "make this new database of what can be read")
	return cmd
}

// salvageView is what a salvage has come to.
type salvageView struct {
	Items  int      `json:"items"`
	Bare   int      `json:"without_metadata_or_thumbnail"`
	Lost   int      `json:"lost"`
	Models int      `json:"autoencoders"`
	Faults []string `json:"faults"`
}

func runSalvage(ctx context.Context, a *app, d *db.DB, dir string) (err error) {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return hint(fmt.Errorf("%s is not empty", dir), "name a new folder: nothing is saved over what is there")
	}
	space, err := d.Space(ctx)
	if err != nil {
		return err
	}
	to, err := db.Create(ctx, dir, &db.Options{Space: space})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	saved, err := d.Salvage(ctx, to)
	if err != nil {
		return err
	}
	out := salvageView{saved.Items, saved.Bare, saved.Lost, saved.Models, []string{}}
	for _, fault := range saved.Faults {
		a.note("%v", fault)
		out.Faults = append(out.Faults, fault.Error())
	}
	return a.printOutcome(out, fmt.Sprintf("%s: %s items saved, %s of them without metadata or thumbnail, %s lost; %d autoencoders",
		dir, thousands(out.Items), thousands(out.Bare), thousands(out.Lost), out.Models))
}

// faultView is one fault as JSON.
type faultView struct {
	Fault string `json:"fault"`
}

func runCheck(ctx context.Context, a *app, d *db.DB) error {
	p := a.printer(column{Name: "fault"})
	for fault := range d.Check(ctx) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.print(line{JSON: faultView{fault.Error()}, Cells: []string{fault.Error()}}); err != nil {
			return err
		}
	}
	if p.rows == 0 {
		a.note("no faults")
		return nil
	}
	if err := p.close(); err != nil {
		return err
	}
	return hint(fmt.Errorf("%d faults found", p.rows), "restore a backup, or save what can be read: saectl check --salvage NEW")
}
