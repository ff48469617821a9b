package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/db"
)

func newRmCmd(a *app) *cobra.Command {
	var where string
	cmd := &cobra.Command{
		Use:   "rm [ID…]",
		Short: "Remove items by id or by a condition",
		Long: `Remove items, either those with the given ids or all for which a condition of
the query language holds. All of them go in one step, or none. Exit status 1 if
there was nothing to remove.`,
		Example: `  saectl rm photos/a.jpg photos/b.jpg
  saectl rm --where 'meta.year < 2000 and not exists meta.labels'`,
		RunE: func(cmd *cobra.Command, ids []string) error {
			if (len(ids) == 0) == (where == "") {
				return hint(errors.New("rm wants ids or --where, and not both"), "saectl rm ID…, or saectl rm --where 'EXPR'")
			}
			return a.withDB(cmd.Context(), db.Options{}, func(d *db.DB) error {
				return runRm(cmd.Context(), a, d, ids, where)
			})
		},
	}
	cmd.Flags().StringVar(&where, "where", "", "condition of the query language")
	_ = cmd.RegisterFlagCompletionFunc("where", a.completeFlag("count where "))
	return cmd
}

// rmOutcome is what a removal has done.
type rmOutcome struct {
	Removed int `json:"removed"`
	Missing int `json:"missing"` // ids that were not there
}

func (o rmOutcome) String() string {
	return fmt.Sprintf("removed %d, not there %d", o.Removed, o.Missing)
}

func runRm(ctx context.Context, a *app, d *db.DB, ids []string, where string) error {
	if where != "" {
		found, err := idsWhere(ctx, a, d, where)
		if err != nil {
			return err
		}
		ids = found
	}
	removed, err := d.Delete(ctx, ids...)
	if err != nil {
		return err
	}
	o := rmOutcome{Removed: removed, Missing: len(ids) - removed}
	if err := a.printOutcome(o, o.String()); err != nil {
		return err
	}
	if removed == 0 {
		return errNothing
	}
	return nil
}

// idsWhere returns the ids of all items for which a condition holds.
func idsWhere(ctx context.Context, a *app, d *db.DB, where string) ([]string, error) {
	var ids []string
	for row, err := range answer(ctx, a, d, nil, "images where ("+where+")", nil) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, row.ID)
	}
	return ids, nil
}
