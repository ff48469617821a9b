package main

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/db/remote"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/query/syntax"
)

// Completion asks the database for names while somebody types. It is silent: where there is no database, or none that answers at once, only
// the words of the language are offered.

// completionTime is how long a completion may take: longer, and fingers are faster.
const completionTime = 2 * time.Second

// mostCompletions is how many names are offered: more are not read.
const mostCompletions = 100

// nothingElse tells the shell that there is nothing else to offer, such as files, and that the text goes on.
const nothingElse = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace

// completeText completes the last word of a query that is typed as arguments, behind a text that the command puts before them.
func (a *app) completeText(before string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, last string) ([]string, cobra.ShellCompDirective) {
		typed := before
		for _, arg := range args {
			typed += arg + " "
		}
		// What the shell replaces is its last word; what is completed may begin within it.
		from, words := a.completions(cmd.Context(), typed+last)
		if from < len(typed) {
			return nil, nothingElse
		}
		for i, w := range words {
			words[i] = last[:from-len(typed)] + w
		}
		return words, nothingElse
	}
}

// completions returns what the word that a text ends in may become, and where that word begins.
func (a *app) completions(ctx context.Context, text string) (from int, words []string) {
	from, wants := syntax.Complete(text)
	word := text[from:]
	begun, quote := word, ""
	if word != "" && strings.Contains(`"'`, word[:1]) {
		begun, quote = word[1:], word[:1]
	}
	if quote == "" {
		words = keywords(wants.Words, word)
	}
	for _, name := range a.names(ctx, wants, begun) {
		if strings.HasPrefix(name, begun) {
			words = append(words, quoteAs(quote, name))
		}
	}
	return from, words
}

// keywords returns those of some keywords and signs that a word begins, each once. Signs are offered before anything is typed.
func keywords(all []string, word string) []string {
	var found []string
	for _, k := range all {
		sign := strings.Trim(k, "=!<>~") == ""
		if !slices.Contains(found, k) && (sign && word == "" || !sign && len(word) <= len(k) && strings.EqualFold(k[:len(word)], word)) {
			found = append(found, k)
		}
	}
	slices.Sort(found)
	return found
}

// quoteAs writes a name, in quotes if it was begun with one, or must have them.
func quoteAs(quote, name string) string {
	switch {
	case quote == `"`:
		return syntax.Quote(name)
	case quote != "":
		return quote + strings.NewReplacer(`\`, `\\`, quote, `\`+quote).Replace(name) + quote
	}
	return syntax.Name{Text: name}.String()
}

// names returns the names of what is wanted that may begin with a text.
func (a *app) names(ctx context.Context, w syntax.Wants, begun string) []string {
	like := query.Params{"like": begun + "*"}
	switch {
	case w.Thing == syntax.AConcept:
		return a.concepts(ctx, begun)
	case w.Thing == syntax.AnImage && begun != "":
		return a.ask(ctx, "images like $like", like, func(r query.Row) string { return r.ID })
	case w.Thing == syntax.AField && w.Listing != "":
		return query.ListedFields(w.Listing)
	case w.Thing == syntax.AField:
		return append([]string{"id"}, a.ask(ctx, "fields", nil, func(r query.Row) string { return r.Name })...)
	}
	return nil
}

// concepts returns the concepts that may begin with a text. A folder says their names without looking at what they are like, which a query does.
func (a *app) concepts(ctx context.Context, begun string) (words []string) {
	if a.dbURL() != "" {
		like := query.Params{"like": begun + "*"}
		return a.ask(ctx, "concepts like $like top 50", like, func(r query.Row) string { return r.Concept })
	}
	_ = a.withDB(ctx, db.Options{ReadOnly: true}, func(d *db.DB) error {
		names, err := d.EditedNames(ctx, "")
		if err != nil {
			return err
		}
		for _, c := range names.Concepts {
			if strings.HasPrefix(c.Word, begun) && len(words) < mostCompletions {
				words = append(words, c.Word)
			}
		}
		return nil
	})
	return words
}

// ask returns one text of every row of an answer: as many as there are until the time is over, and none where there is no database.
func (a *app) ask(ctx context.Context, text string, p query.Params, of func(query.Row) string) (found []string) {
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	collect := func(rows iter.Seq2[query.Row, error]) error {
		for row, err := range rows {
			if err != nil || len(found) == mostCompletions {
				return err
			}
			found = append(found, of(row))
		}
		return nil
	}
	if url := a.dbURL(); url != "" {
		_ = a.withServer(ctx, url, func(c *remote.Client) error { return collect(c.Query(ctx, text, p, nil)) })
		return found
	}
	_ = a.withDB(ctx, db.Options{ReadOnly: true}, func(d *db.DB) error { return collect(d.Query(ctx, text, p)) })
	return found
}

// completeFlag completes a flag whose value goes on a text of the language.
func (a *app) completeFlag(before string) cobra.CompletionFunc {
	complete := a.completeText(before)
	return func(cmd *cobra.Command, _ []string, last string) ([]string, cobra.ShellCompDirective) {
		return complete(cmd, nil, last)
	}
}

// completeShort completes what follows the shorthand of a query: first a name of that thing, then what the text makes of it.
func (a *app) completeShort(word string, thing syntax.Thing, text func(args []string) string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, last string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return a.completeText(text(args)+" ")(cmd, nil, last)
		}
		_, w := syntax.Complete(word + " ")
		found := keywords(w.Words, last)
		for _, name := range a.names(cmd.Context(), syntax.Wants{Thing: thing}, last) {
			if strings.HasPrefix(name, last) {
				found = append(found, name)
			}
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeSAE completes the name of an autoencoder.
func (a *app) completeSAE(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	var names []string
	_ = a.withReader(ctx, func(r reader) error {
		st, err := r.Stats(ctx)
		for _, m := range st.Models {
			if strings.HasPrefix(m.Name, begun) {
				names = append(names, m.Name)
			}
		}
		return err
	})
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeField completes the name of a metadata field.
func (a *app) completeField(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	names := a.ask(cmd.Context(), "fields", nil, func(r query.Row) string { return r.Name })
	return slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, begun) }), cobra.ShellCompDirectiveNoFileComp
}

// addCompletions completes flags that mean the same for every command that has them.
func (a *app) addCompletions(cmd *cobra.Command) {
	for name, complete := range map[string]cobra.CompletionFunc{
		"format":      cobra.FixedCompletions(formatNames(), cobra.ShellCompDirectiveNoFileComp),
		"sae":         a.completeSAE,
		"label-field": a.completeField,
	} {
		if cmd.Flags().Lookup(name) != nil || cmd.PersistentFlags().Lookup(name) != nil {
			_ = cmd.RegisterFlagCompletionFunc(name, complete) // fails for one that has its own
		}
	}
	for _, sub := range cmd.Commands() {
		a.addCompletions(sub)
	}
}

func formatNames() []string {
	var names []string
	for _, f := range formats {
		names = append(names, string(f))
	}
	return names
}
