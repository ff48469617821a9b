package query

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/saedb/saedb/query/syntax"
)

// The latents that stand for a text without a name: at most directGroup, and only those with at least directShare of the best
// one's cosine. With more of them a text finds pictures of everything around it.
const (
	directGroup = 8
	directShare = 0.5
)

// concept resolves a word: as an alias, as the name of latents, or by the direction of its text. how says which it was.
func (c *compiler) concept(n syntax.Name) (concept Concept, how string, err error) {
	if _, err := c.model(n.Span); err != nil {
		return concept, "", err
	}
	for of, aliases := range c.Aliases() {
		if _, isAlias := slices.BinarySearch(aliases, n.Text); !isAlias {
			continue
		}
		if concept, known := c.Concept(of); known {
			return concept, "of which " + syntax.Name{Text: n.Text}.String() + " is an alias", nil
		}
	}
	if concept, known := c.Concept(n.Text); known {
		return concept, "by name", nil
	}
	concept, note, err := c.nearText(n.Text)
	switch {
	case err == nil && len(concept.Group) > 0:
		c.notes = append(c.notes, note)
		return concept, "by direction", nil
	case err != nil && !errors.Is(err, ErrNoEncoder):
		return concept, "", newError(c.text, n.Start, err, err.Error(), "")
	case len(c.Words()) == 0:
		return concept, "", c.fail(n.Span, "run `saectl name`", "no latent has a name yet, so there is no concept %q", n.Text)
	}
	return concept, "", c.fail(n.Span, c.didYouMean(n.Text), "unknown concept %q", n.Text)
}

// nearText makes a concept of the latents whose decoder rows point where a text does. Its group is empty where there are none.
func nearText(ctx context.Context, cat Catalog, text string) (c Concept, note string, err error) {
	v, _, err := cat.TextDirection(ctx, text)
	if err != nil {
		return c, "", err
	}
	m, _ := cat.Model()
	hits, err := cat.NearLatents(ctx, v, m.Latents)
	if err != nil {
		return c, "", err
	}
	c.Word = text
	sum, best := 0.0, 0.0
	var told []string
	for _, h := range hits {
		cos := float64(h.Score)
		if cos <= 0 || cos < directShare*best || len(c.Group) == directGroup {
			break
		}
		s, err := cat.LatentStats(ctx, h.Ord)
		if err != nil {
			return c, "", err
		}
		if s.Count == 0 {
			continue // it finds nothing
		}
		best = max(best, cos)
		sum += cos
		c.Group = append(c.Group, Weight{h.Ord, h.Score})
		told = append(told, strings.TrimSpace(fmt.Sprintf("%d %s", h.Ord, cat.LatentName(h.Ord).Word))+fmt.Sprintf(" %.2f", cos))
	}
	for i := range c.Group {
		c.Group[i].W = float32(float64(c.Group[i].W) / sum)
	}
	note = fmt.Sprintf("no concept is called %q: the latents nearest to the text by direction stand for it: %s", text, strings.Join(told, ", "))
	if near := syntax.Nearest(text, cat.Words()); len(near) > 0 {
		note += "; did you mean " + syntax.JoinOr(near) + "?"
	}
	return c, note, nil
}

// conceptGroup resolves the name of a concept.
func (c *compiler) conceptGroup(n syntax.Name) (*fires, error) {
	concept, how, err := c.concept(n)
	if err != nil {
		return nil, err
	}
	return c.group("concept = "+syntax.Name{Text: concept.Word}.String(), how, concept.Group), nil
}
