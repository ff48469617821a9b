package syntax

import (
	"cmp"
	"slices"
	"strings"
)

// maxSuggestions is how many names an error offers: more are not read.
const maxSuggestions = 3

// Nearest returns the names most like a word, the nearest first: none, where none is like it.
func Nearest(word string, names []string) []string {
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

// JoinOr writes "a, b or c".
func JoinOr(names []string) string {
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
