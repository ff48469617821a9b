package main

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"time"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/db"
)

// itemView is an item as `get` shows it.
type itemView struct {
	ID     string         `json:"id"`
	Path   string         `json:"path"`
	Added  time.Time      `json:"added"`
	Norm   float32        `json:"norm"` // of the vector as it came
	Meta   map[string]any `json:"meta"`
	Vector []float32      `json:"vector,omitempty"` // as stored: of norm 1
}

func newGetCmd(a *app) *cobra.Command {
	var vector bool
	cmd := &cobra.Command{
		Use:   "get ID…",
		Short: "Show items as JSON",
		Long: `Show one item as a JSON object, or several as rows in the order of the ids.
Exit status 1 if one of them is not there.`,
		Example: "  saectl get --vector photos/dog.jpg",
		Args:    wantArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, ids []string) error {
			return a.withReader(cmd.Context(), func(r reader) error {
				return runGet(cmd.Context(), a, r, ids, vector)
			})
		},
	}
	cmd.Flags().BoolVar(&vector, "vector", false, "with the vector")
	return cmd
}

func runGet(ctx context.Context, a *app, r reader, ids []string, vector bool) error {
	if a.format == formatTable && !a.chosen() {
		a.format = formatJSON // an item is JSON on a terminal, too
	}
	p := a.printer(column{Name: "id"}, column{Name: "path"}, column{Name: "meta"})
	missing := false
	for _, id := range ids {
		it, err := r.Get(ctx, id)
		if errors.Is(err, db.ErrNotFound) {
			a.note("no item %q", id)
			missing = true
			continue
		}
		if err != nil {
			return err
		}
		v := newItemView(it, vector)
		if len(ids) == 1 && (a.format == formatJSON || a.format == formatJSONL) {
			return a.printObject(v, "")
		}
		if err := p.print(v.line()); err != nil {
			return err
		}
	}
	if err := p.close(); err != nil {
		return err
	}
	if missing {
		return errNothing
	}
	return nil
}

func newItemView(it db.Item, vector bool) itemView {
	v := itemView{ID: it.ID, Path: it.ID, Added: it.Added, Norm: it.Norm, Meta: maps.Clone(it.Meta)}
	if p, ok := v.Meta["path"].(string); ok {
		v.Path = p
		delete(v.Meta, "path")
	}
	if v.Meta == nil {
		v.Meta = map[string]any{}
	}
	if vector {
		v.Vector = it.Vec
	}
	return v
}

func (v itemView) line() line {
	meta, _ := json.Marshal(v.Meta) // plain values, which always marshal
	return line{JSON: v, Cells: []string{v.ID, v.Path, string(meta)}, Path: v.Path}
}
