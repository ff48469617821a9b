package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/db"
)

func newCheckCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Read the whole database and list every fault",
		Long:  "Read everything the database holds and list every fault. Exit status 2 if there is one.",
		Args:  wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withDB(cmd.Context(), db.Options{ReadOnly: true}, func(d *db.DB) error {
				return runCheck(cmd.Context(), a, d)
			})
		},
	}
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
	return hint(fmt.Errorf("%d faults found", p.rows), "keep a copy of the folder as it is, and import the data again into another one")
}
