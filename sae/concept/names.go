package concept

import (
	"cmp"
	"slices"
)

// Names is what Assign found: a name for each latent, and a group of latents for each word. It is read-only once made
// and then safe for concurrent use.
type Names struct {
	Latents  []Name    // by latent
	Concepts []Concept // by word, in byte order
	Options  Options   // as resolved
}

// Name is what a latent is called, and how sure that is. An empty Word means that it has no name.
type Name struct {
	Word      string
	Score     float32     // of Word: a cosine by decoder, a share of a word's code by word
	Margin    float32     // Score less that of the first runner-up
	Z         float32     // Score as standard deviations above the mean over the vocabulary
	RunnersUp []Candidate // the next best words, best first
	Dead      bool        // the latent fired for no row; it gets no name
}

// Candidate is a word and its score for one latent.
type Candidate struct {
	Word  string
	Score float32
}

// Concept is a word of the vocabulary bound to the latents that stand for it. Its group is empty where no live latent
// points the word's way; such a concept finds nothing.
type Concept struct {
	Word  string
	Group []Weight // descending W, then ascending latent; the weights are above zero and sum to 1
}

// Weight is the part of one latent in a concept.
type Weight struct {
	Latent uint32
	W      float32
}

// Concept returns the concept called word, spelled exactly so.
func (n *Names) Concept(word string) (Concept, bool) {
	i, ok := slices.BinarySearchFunc(n.Concepts, word, func(c Concept, w string) int { return cmp.Compare(c.Word, w) })
	if !ok {
		return Concept{}, false
	}
	return n.Concepts[i], true
}

// newGroup orders weights, drops those that are not above zero, and scales the rest to sum 1.
func newGroup(weights []Weight) []Weight {
	group := slices.DeleteFunc(slices.Clone(weights), func(w Weight) bool { return !(w.W > 0) })
	slices.SortFunc(group, func(a, b Weight) int {
		return cmp.Or(cmp.Compare(b.W, a.W), cmp.Compare(a.Latent, b.Latent))
	})
	if len(group) == 0 {
		return nil
	}
	var sum float64
	for _, w := range group {
		sum += float64(w.W)
	}
	for i := range group {
		group[i].W = float32(float64(group[i].W) / sum)
	}
	return group
}

// sortConcepts puts concepts into the byte order of their words.
func sortConcepts(concepts []Concept) {
	slices.SortFunc(concepts, func(a, b Concept) int { return cmp.Compare(a.Word, b.Word) })
}
