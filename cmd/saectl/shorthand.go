package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/query/syntax"
)

// The shorthands write a query for people who would rather not quote twice:
// `saectl near a.jpg in dense top 5` is `saectl query 'near image "a.jpg" in dense top 5'`.

func newExplainCmd(a *app) *cobra.Command {
	var f encoderFlags
	cmd := &cobra.Command{
		Use:   "explain ID [REST…]",
		Short: "Show which latents make up a picture",
		Long: `Show the latents of a picture, the largest share first, with their names: short
for the query 'explain image "ID" REST'. Instead of an ID there may be another
operand, such as: text "a dog", or: file x.jpg.`,
		Example: `  saectl explain a.jpg
  saectl explain a.jpg vs image b.jpg
  saectl explain a.jpg top 3
  saectl explain file ../elsewhere.jpg`,
		Args: wantArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return printAnswer(cmd.Context(), a, f, explainText(args), nil)
		},
		ValidArgsFunction: a.completeShort("explain", syntax.AnImage, explainText),
	}
	f.add(cmd.Flags())
	return cmd
}

func newNearCmd(a *app) *cobra.Command {
	var f encoderFlags
	cmd := &cobra.Command{
		Use:   "near ID [REST…]",
		Short: "Find the pictures most like one",
		Long: `Find the pictures nearest to one, by their codes or, with "in dense", by their
vectors: short for the query 'near image "ID" REST'. Instead of an ID there may
be another operand, such as: text "a dog", file x.jpg, or: vector FILE.npy.`,
		Example: `  saectl near a.jpg top 5
  saectl near text "a red barn" top 5
  saectl near vector v.npy in dense where meta.year '>=' 2020`,
		Args: wantArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return printAnswer(cmd.Context(), a, f, nearText(args), nil)
		},
		ValidArgsFunction: a.completeShort("near", syntax.AnImage, nearText),
	}
	f.add(cmd.Flags())
	return cmd
}

func newConceptsCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "concepts [PATTERN] [REST…]",
		Short: "List the concepts that can be asked for",
		Long: `List concepts with how often they fire: short for the query
'concepts like "PATTERN" REST'. In a pattern * stands for any text and ? for any
character.`,
		Example: `  saectl concepts
  saectl concepts 'sea*' top 20`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return printAnswer(cmd.Context(), a, encoderFlags{}, conceptsText(args), nil)
		},
		ValidArgsFunction: a.completeShort("concepts", syntax.AConcept, conceptsText),
	}
}

// operandKinds begin an operand in the language.
var operandKinds = map[string]bool{"image": true, "file": true, "url": true, "text": true, "vector": true}

func explainText(args []string) string { return "explain " + operandText(args) }

func nearText(args []string) string { return "near " + operandText(args) }

// operandText quotes the operand that args begin with: KIND NAME, or the id of a
// picture. The words "image", "vs image" and so on inside the rest are followed
// by a name to quote as well.
func operandText(args []string) string {
	var words []string
	if !operandKinds[args[0]] || len(args) == 1 {
		words, args = []string{"image", syntax.Quote(args[0])}, args[1:]
	}
	for i := 0; i < len(args); i++ {
		words = append(words, args[i])
		if operandKinds[args[i]] && i+1 < len(args) {
			i++
			words = append(words, syntax.Quote(args[i]))
		}
	}
	return strings.Join(words, " ")
}

// tailWords begin what may follow "concepts" other than a pattern.
var tailWords = map[string]bool{"like": true, "where": true, "top": true, "offset": true, "order": true}

func conceptsText(args []string) string {
	if len(args) == 0 || tailWords[args[0]] && len(args) > 1 {
		return strings.Join(append([]string{"concepts"}, args...), " ")
	}
	words := []string{"concepts", "like", syntax.Quote(args[0])}
	return strings.Join(append(words, args[1:]...), " ")
}
