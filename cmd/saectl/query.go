package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/query/syntax"
)

func newQueryCmd(a *app) *cobra.Command {
	var params []string
	var tree string
	var asTree bool
	var f encoderFlags
	cmd := &cobra.Command{
		Use:   "query [TEXT…]",
		Short: "Answer a query",
		Long: `Answer a query, given as arguments or, without any, on stdin. Exit status 1 if
no row answers it.

The query may also be its tree as JSON: text that begins with {, or --tree FILE,
where - is stdin. --as-tree prints a query as such a tree and asks nothing.

A $NAME in the text takes its value from --param NAME=VALUE: true and false are
truth values, numbers are numbers, everything else is text.

With --db http://HOST:PORT a saedb server answers. It has no encoder and reads no
files: a text is a word of its vocabulary, and file, url and vector are refused.`,
		Example: `  saectl query 'concept = dog and meta.year >= 2020 top 10 with why'
  saectl query 'near image "a.jpg" in latent top 5'
  saectl query 'near text "a red barn" top 5'
  saectl query 'near file "../elsewhere.jpg" top 5'
  saectl query 'concept = $c and exists meta.labels' --param c=dog
  saectl query 'plan concept = dog and not concept = snow'
  saectl query '{"find":{"where":{"concept":{"=":"dog"}},"top":10}}'
  saectl query --as-tree 'concept = dog top 10'`,
		ValidArgsFunction: a.completeText(""),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := queryText(a, args, tree)
			if err != nil {
				return err
			}
			if asTree {
				return printTree(a, text)
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
	cmd.Flags().StringVar(&tree, "tree", "", "file with the query as JSON; - is stdin")
	cmd.Flags().BoolVar(&asTree, "as-tree", false, "print the query as JSON instead of its answer")
	return cmd
}

// queryText is the arguments as one text, or all of stdin, or of the file that --tree names. A tree becomes the text that says the same.
func queryText(a *app, args []string, tree string) (string, error) {
	text := strings.Join(args, " ")
	switch {
	case tree != "" && len(args) > 0:
		return "", errors.New("a text and --tree: want one of them")
	case tree != "" || len(args) == 0:
		data, err := readQuery(a, tree)
		if err != nil {
			return "", err
		}
		text = strings.TrimRight(string(data), "\r\n")
	}
	begins := strings.TrimSpace(text)
	if begins == "" {
		return "", hint(errors.New("no query"), "saectl query 'concept = dog top 10'")
	}
	if tree == "" && !strings.HasPrefix(begins, "{") {
		return text, nil
	}
	q, err := query.ParseTree([]byte(text))
	if err != nil {
		return "", err
	}
	return q.String(), nil
}

// readQuery reads a query from a file, or from stdin where name is "-" or nothing.
func readQuery(a *app, name string) ([]byte, error) {
	in := a.stdin
	if name != "" && name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("reading the query: %w", err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, syntax.MaxJSON+1))
	if err != nil {
		return nil, fmt.Errorf("reading the query: %w", err)
	}
	return data, nil
}

// printTree prints a query as JSON.
func printTree(a *app, text string) error {
	q, err := query.ParseText(text)
	if err != nil {
		return err
	}
	data, err := q.MarshalJSON()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "%s\n", data)
	return err
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
