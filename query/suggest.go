package query

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/saedb/saedb/query/syntax"
)

// maxListed is how many names an error lists in full: all fields of a listing.
const maxListed = 9

// didYouMean names the concepts nearest to a word, and their strongest latents.
func (c *compiler) didYouMean(word string) string {
	var names []string
	for _, w := range syntax.Nearest(word, c.Words()) {
		name := syntax.Name{Text: w}.String()
		if concept, known := c.Concept(w); known && len(concept.Group) > 0 {
			name += fmt.Sprintf(" (latent %d)", concept.Group[0].Latent)
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return "the query `concepts` lists all there are"
	}
	return "did you mean " + syntax.JoinOr(names) + "?"
}

// unknownField is the error for a field that no item has.
func (c *compiler) unknownField(n syntax.Field, fields map[string]Field) error {
	names := slices.Sorted(maps.Keys(fields))
	hint := "the query `fields` lists all there are"
	if len(names) <= maxListed {
		hint = "there are " + strings.Join(names, ", ")
	}
	if _, isUser := fields[metaPrefix+n.Name]; isUser {
		hint = "did you mean " + metaPrefix + n.Name + "?"
	} else if near := syntax.Nearest(n.Name, append(names, "concept", "latent")); len(near) > 0 {
		hint = "did you mean " + syntax.JoinOr(near) + "?"
	}
	return c.fail(n.Span, hint, "unknown field %q", n.Name)
}
