package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/query/syntax"
)

func newQueryCmd(a *app) *cobra.Command {
	var params []string
	var f encoderFlags
	cmd := &cobra.Command{
		Use:   "query [TEXT…]",
		Short: "Answer a query",
		Long: `Answer a query, given as arguments or, without any, on stdin. Exit status 1 if
no row answers it.

A $NAME in the text takes its value from --param NAME=VALUE: true and false are
truth values, numbers are numbers, everything else is text.

With --db http://HOST:PORT a saedb server answers. It has no encoder and reads no
files: a text is a word of its vocabulary, and file, url and vector are refused.`,
		Example: `  saectl query 'concept = dog and meta.year >= 2020 top 10 with why'
  saectl query 'near image "a.jpg" in latent top 5'
  saectl query 'near text "a red barn" top 5'
  saectl query 'near file "../elsewhere.jpg" top 5'
  saectl query 'concept = $c and exists meta.labels' --param c=dog
  saectl query 'plan concept = dog and not concept = snow'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := queryText(a, args)
			if err != nil {
				return err
			}
			values, err := parseParams(params)
			if err != nil {
				return err
			}
			return printAnswer(cmd.Context(), a, f, text, values)
		},
	}
	f.add(cmd.Flags())
	cmd.Flags().StringArrayVar(&params, "param", nil, "value of a $NAME in the text, as NAME=VALUE")
	return cmd
}

// queryText is the arguments as one text, or all of stdin.
func queryText(a *app, args []string) (string, error) {
	text := strings.Join(args, " ")
	if len(args) == 0 {
		data, err := io.ReadAll(io.LimitReader(a.stdin, syntax.MaxText+1))
		if err != nil {
			return "", fmt.Errorf("reading the query from stdin: %w", err)
		}
		text = strings.TrimRight(string(data), "\r\n")
	}
	if strings.TrimSpace(text) == "" {
		return "", hint(errors.New("no query"), "saectl query 'concept = dog top 10'")
	}
	return text, nil
}

// parseParams reads NAME=VALUE settings.
func parseParams(settings []string) (query.Params, error) {
	params := query.Params{}
	for _, s := range settings {
		name, value, ok := strings.Cut(s, "=")
		name = strings.TrimPrefix(name, "$")
		if !ok || name == "" {
			return nil, hint(fmt.Errorf("--param %s: no name and value", s), "write --param NAME=VALUE")
		}
		params[name] = paramValue(value)
	}
	return params, nil
}

// paramValue gives text the type that it looks like.
func paramValue(s string) any {
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return i
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && f-f == 0 {
		return f
	}
	switch s {
	case "true":
		return true
	case "false":
		return false
	}
	return s
}
