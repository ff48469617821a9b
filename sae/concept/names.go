package concept

import (
	"cmp"
	"fmt"
	"slices"
)

// Names is what Assign found: a name for each latent, and a group of latents for each word. It is read-only once made
// and then safe for concurrent use.
type Names struct {
	Latents  []Name     // by latent
	Concepts []Concept  // by word, in byte order
	Twins    [][]uint32 // groups of latents that say the same, each ascending, by their first; see Twin
	Options  Options    // as resolved
}

// Name is what a latent is called, and how sure that is. An empty Word means that it has no name.
type Name struct {
	Word      string
	Score     float32     // of Word: a cosine by decoder, a share of a word's code by word
	Margin    float32     // Score less that of the first runner-up
	Z         float32     // Score as standard deviations above the mean over the vocabulary
	RunnersUp []Candidate // the next best words, best first
	Dead      bool        // the latent fired for no row; it gets no name
	Common    bool        // the latent fires for so many rows that it tells little of any of them; see commonShare

	// AUC is how well the pictures that fire the latent agree with Word: the probability that one that fires it has a larger
	// cosine with the word than one that does not. 0.5 is what any word would reach. Fired is on how many firing pictures it
	// was found: of those kept back from training, where they are known. 0: not checked.
	AUC   float32
	Fired int

	ByHand bool // a person chose Word (Edits.Set); not part of files of names
}

// Confidence is how far the pictures bear the name out, from 0 to 1: (2·AUC-1)·n/(n+5), n of them. Few pictures are little
// evidence, a name that was not checked has none, and what a person chose is believed.
func (n Name) Confidence() float32 {
	switch {
	case n.ByHand:
		return 1
	case n.Word == "":
		return 0
	}
	return max(2*n.AUC-1, 0) * float32(n.Fired) / float32(n.Fired+5)
}

// Reason says in a sentence why the name is to be believed, or why there is none.
func (n Name) Reason() string {
	switch {
	case n.ByHand:
		return "named by hand"
	case n.Dead:
		return "it fires for no picture"
	case n.Word == "" && n.Fired > 0 && len(n.RunnersUp) > 0:
		return fmt.Sprintf("unnamed: the %d pictures that fire it do not bear out %q, the nearest word (AUC %.2f)", n.Fired, n.RunnersUp[0].Word, n.AUC)
	case n.Word == "":
		return "unnamed: no word lies in its direction"
	case n.Fired == 0:
		return "not checked on pictures"
	case n.Fired < leastFired:
		return fmt.Sprintf("only %s it: too few to check the name", plural(n.Fired))
	}
	return fmt.Sprintf("%s it and agree with the word (AUC %.2f)", plural(n.Fired), n.AUC)
}

func plural(n int) string {
	if n == 1 {
		return "1 picture fires"
	}
	return fmt.Sprintf("%d pictures fire", n)
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

// Twin returns the latents that say the same as this one, itself among them; nil where none does. The slice is shared.
func (n *Names) Twin(latent uint32) []uint32 {
	for _, group := range n.Twins {
		if _, ok := slices.BinarySearch(group, latent); ok {
			return group
		}
	}
	return nil
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
