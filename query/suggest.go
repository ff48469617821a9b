package query

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/saedb/saedb/query/syntax"
)

// maxSuggestions is how many names an error offers: more are not read.
const maxSuggestions = 3

// maxListed is how many names an error lists in full: all fields of a listing.
const maxListed = 9

// didYouMean names the concepts nearest to a word, and their strongest latents.
func (c *compiler) didYouMean(word string) string {
	var names []string
	for _, w := range nearest(word, c.Words()) {
		name := syntax.Name{Text: w}.String()
		if concept, known := c.Concept(w); known && len(concept.Group) > 0 {
			name += fmt.Sprintf(" (latent %d)", concept.Group[0].Latent)
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return "the query `concepts` lists all there are"
	}
	return "did you mean " + joinOr(names) + "?"
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
	} else if near := nearest(n.Name, names); len(near) > 0 {
		hint = "did you mean " + joinOr(near) + "?"
	}
	return c.fail(n.Span, hint, "unknown field %q", n.Name)
}

// nearest returns the names most like a word, the nearest first.
func nearest(word string, names []string) []string {
	type candidate struct {
		name     string
		distance int
	}
	word = strings.ToLower(word)
	if word == "" {
		return nil
	}
	far := 1 + len([]rune(word))/4
	var near []candidate
	for _, n := range names {
		lower := strings.ToLower(n)
		d := editDistance(word, lower, far)
		if d > far && strings.HasPrefix(lower, word) {
			d = far // begun, and not ended
		}
		if d <= far {
			near = append(near, candidate{n, d})
		}
	}
	slices.SortStableFunc(near, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	var out []string
	for _, c := range near[:min(len(near), maxSuggestions)] {
		out = append(out, c.name)
	}
	return out
}

// editDistance returns how many characters must be put in, left out, replaced, or
// exchanged with their neighbour to make b of a; far+1 where they are more than far.
func editDistance(a, b string, far int) int {
	s, t := []rune(a), []rune(b)
	if len(s)-len(t) > far || len(t)-len(s) > far {
		return far + 1
	}
	// row[j] is the distance of s[:i] and t[:j]; above and above2 are the rows before.
	above2, above, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(s); i++ {
		row[0] = i
		for j := 1; j <= len(t); j++ {
			replace := 1
			if s[i-1] == t[j-1] {
				replace = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+replace)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				row[j] = min(row[j], above2[j-2]+1)
			}
		}
		above2, above, row = above, row, above2
	}
	return min(above[len(t)], far+1)
}

// joinOr writes "a, b or c".
func joinOr(names []string) string {
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
