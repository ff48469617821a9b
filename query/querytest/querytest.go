// Package querytest runs scripts of queries against any query.Source: the same
// files judge the source in memory here and a database elsewhere.
//
// A script holds three commands, in the form of cockroachdb/datadriven:
//
//	load      builds a source from the items and names that follow, see Data
//	eval      runs a query and prints its rows, or its error with the caret;
//	          arguments name=value are its parameters
//	pages     runs a query, which says top, page after page with the cursors, and prints the rows
//	plan      prints the plan of a query, with estimates
//
// Memory is the source of the obvious kind. It is safe for concurrent use once built.
package querytest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/saedb/saedb/query"
)

// RunScript runs the script at path. open makes a source that holds what load
// says; it is called once for each load.
func RunScript(t *testing.T, path string, open func(t *testing.T, d *Data) query.Source) {
	var src query.Source
	datadriven.RunTest(t, path, func(t *testing.T, cmd *datadriven.TestData) string {
		switch cmd.Cmd {
		case "load":
			d, err := ParseData(cmd.Input)
			if err != nil {
				cmd.Fatalf(t, "%v", err)
			}
			src = open(t, d)
			return fmt.Sprintf("%d items\n", src.Len())
		case "eval":
			return eval(t.Context(), src, cmd.Input, params(cmd))
		case "pages":
			return pages(t.Context(), src, cmd.Input, params(cmd))
		case "plan":
			return eval(t.Context(), src, "plan "+cmd.Input, params(cmd))
		}
		cmd.Fatalf(t, "unknown command %s", cmd.Cmd)
		return ""
	})
}

// params reads the arguments of a command: one value is a string, several are a list.
func params(cmd *datadriven.TestData) query.Params {
	p := query.Params{}
	for _, a := range cmd.CmdArgs {
		if len(a.Vals) == 1 {
			p[a.Key] = a.Vals[0]
		} else {
			p[a.Key] = a.Vals
		}
	}
	return p
}

// eval runs a query and prints notes, rows and the error.
func eval(ctx context.Context, src query.Source, text string, p query.Params) string {
	var b strings.Builder
	note := query.OnNote(func(s string) { fmt.Fprintf(&b, "note: %s\n", s) })
	plan, err := query.Compile(ctx, text, src, p, note)
	if err != nil {
		return render(err)
	}
	rows := 0
	for row, err := range plan.Run(ctx, src) {
		if err != nil {
			return b.String() + render(err)
		}
		rows++
		b.WriteString(FormatRow(row) + "\n")
		if again := throughJSON(row); again != FormatRow(row) {
			b.WriteString("as JSON and back: " + again + "\n")
		}
	}
	if rows == 0 {
		b.WriteString("nothing\n")
	}
	return b.String()
}

// pages runs a query from cursor to cursor, with a line between the pages.
func pages(ctx context.Context, src query.Source, text string, p query.Params) string {
	var b strings.Builder
	p["cursor"] = ""
	for {
		plan, err := query.Compile(ctx, text+" after $cursor", src, p)
		if err != nil {
			return b.String() + render(err)
		}
		cursor := ""
		for row, err := range plan.Run(ctx, src) {
			if err != nil {
				return b.String() + render(err)
			}
			b.WriteString(FormatRow(row) + "\n")
			cursor = row.Cursor
		}
		if cursor == "" {
			return b.String()
		}
		b.WriteString("--\n")
		p["cursor"] = cursor
	}
}

// throughJSON is FormatRow of a row that went over a wire.
func throughJSON(row query.Row) string {
	data, err := json.Marshal(row)
	if err != nil {
		return err.Error()
	}
	var again query.Row
	if err := json.Unmarshal(data, &again); err != nil {
		return err.Error()
	}
	return FormatRow(again)
}

func render(err error) string {
	var bad *query.Error
	if errors.As(err, &bad) {
		return "error: " + bad.Render()
	}
	return "error: " + err.Error() + "\n"
}

// addDoubts adds what is known of a latent beyond its name, where it is anything.
func addDoubts(r query.Row, add func(format string, args ...any)) {
	if r.Confidence > 0 {
		add("confidence %.4f", r.Confidence)
	}
	if r.Common {
		add("common")
	}
	if len(r.Latents) > 0 {
		add("twins %v", r.Latents)
	}
}

// addAround adds what a description says.
func addAround(r query.Row, add func(format string, args ...any)) {
	for _, n := range r.Neighbours {
		add("near [%d %s %.4f]", n.Latent, n.Concept, n.Cosine)
	}
	for _, t := range r.Together {
		add("together [%d %s %d %.4f %+.4f]", t.Latent, t.Concept, t.Count, t.Share, t.Excess)
	}
	for _, p := range r.Pictures {
		add("picture [%s %.4f]", p.ID, p.Score)
	}
}

// FormatRow writes a row in one line, numbers with four decimals.
func FormatRow(r query.Row) string {
	var words []string
	add := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	switch r.Kind {
	case query.KindPlan:
		return r.Text
	case query.KindField:
		return fmt.Sprintf("%d %s %s %d", r.Rank, r.Name, strings.Join(r.Types, ","), r.Count)
	case query.KindCount:
		if r.By == "" {
			return fmt.Sprint(r.Count)
		}
		if r.Name != "" {
			return fmt.Sprintf("%d %s=%v %q %d", r.Rank, r.By, r.Value, r.Name, r.Count)
		}
		return fmt.Sprintf("%d %s=%v %d", r.Rank, r.By, r.Value, r.Count)
	case query.KindCluster:
		return fmt.Sprintf("%d cluster %d %q count %d density %.4f cosine %.4f %v", r.Rank, r.Cluster, r.Name, r.Count, r.Density, r.Cosine, r.Concepts)
	case query.KindExplain, query.KindPair:
		add("%d latent %d %s %.4f", r.Rank, r.Latent, r.Concept, r.Activation)
		if r.Kind == query.KindPair {
			add("%.4f", r.Other)
		}
		add("share %.4f %v", r.Share, r.RunnersUp)
		addDoubts(r, add)
	case query.KindConcept:
		add("%d %s latents %v count %d density %.4f max %.4f mean %.4f", r.Rank, r.Concept, r.Latents, r.Count, r.Density, r.Max, r.Mean)
		if r.Score != 0 {
			add("score %.4f", r.Score)
		}
		if len(r.Aliases) > 0 {
			add("aliases %v", r.Aliases)
		}
		addAround(r, add)
	case query.KindLatent:
		add("%d latent %d %s count %d density %.4f max %.4f mean %.4f", r.Rank, r.Latent, r.Concept, r.Count, r.Density, r.Max, r.Mean)
		if r.Score != 0 {
			add("score %.4f", r.Score)
		}
		addDoubts(r, add)
		addAround(r, add)
	default:
		add("%d %s %.4f", r.Rank, r.ID, r.Score)
		if r.By != "" {
			add("%s=%v", r.By, r.Value)
		}
		switch {
		case r.Was > 0:
			add("was %d", r.Was)
		case r.Was < 0:
			add("new")
		}
		if r.Path != r.ID {
			add("path %s", r.Path)
		}
		for _, w := range r.Why {
			add("[%d %s %.4f %.4f]", w.Latent, w.Concept, w.Activation, w.Share)
		}
		if r.Code != nil {
			add("code %v %.4f", r.Code.Latents, r.Code.Acts)
		}
		if r.Vector != nil {
			add("vector %.4f", r.Vector)
		}
		if r.Meta != nil {
			text, _ := json.Marshal(r.Meta) // keys in order
			add("%s", text)
		}
		addAround(r, add)
		if r.Cursor != "" {
			add("more")
		}
	}
	return strings.Join(words, " ")
}
