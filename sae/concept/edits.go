package concept

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Edits is what people decided about names by hand. It is kept beside Names, not in them, and applied on top, so it
// survives naming the same model again. It is plain JSON; the zero value changes nothing. Apply takes the decisions in
// the order of the fields.
type Edits struct {
	// HideLatents take part in nothing: they have no name and belong to no concept.
	HideLatents []uint32 `json:"hide_latents,omitempty"`
	// HideWords are no concepts any more. A latent of that name takes its best runner-up that is not hidden.
	HideWords []string `json:"hide_words,omitempty"`
	// Merge maps a word to the one it becomes part of: the groups are joined and latents take the new name.
	Merge map[string]string `json:"merge,omitempty"`
	// Set names latents. The latent joins the concept of its new word with as much weight as the strongest there, and
	// leaves the concept of its old name; a word that was no concept becomes one.
	Set map[uint32]string `json:"set,omitempty"`
}

// ErrEdit marks a decision that cannot be applied.
var ErrEdit = errors.New("an edit that cannot be applied")

// Apply returns the edited names; n stays as it is. A latent out of range, an empty word, and a merge into a word that is
// itself merged or hidden are errors. Words that the names do not hold are passed over: another vocabulary may lack them.
func (e Edits) Apply(n *Names) (*Names, error) {
	if err := e.check(len(n.Latents)); err != nil {
		return nil, err
	}
	ed := edit{names: slices.Clone(n.Latents), groups: map[string]map[uint32]float64{}}
	for _, c := range n.Concepts {
		group := map[uint32]float64{}
		for _, w := range c.Group {
			group[w.Latent] = float64(w.W)
		}
		ed.groups[c.Word] = group
	}
	for _, j := range e.HideLatents {
		ed.hideLatent(j)
	}
	for _, word := range e.HideWords {
		delete(ed.groups, word)
	}
	ed.renameHidden(e.HideWords)
	for _, from := range slices.Sorted(maps.Keys(e.Merge)) {
		ed.merge(from, e.Merge[from])
	}
	for _, j := range slices.Sorted(maps.Keys(e.Set)) {
		ed.set(j, e.Set[j])
	}
	return &Names{Latents: ed.names, Concepts: ed.concepts(), Twins: e.twins(n.Twins), Options: n.Options}, nil
}

// twins are groups without latents that are hidden, or to which a person gave a name of their own.
func (e Edits) twins(groups [][]uint32) [][]uint32 {
	var kept [][]uint32
	for _, group := range groups {
		group = slices.DeleteFunc(slices.Clone(group), func(j uint32) bool {
			_, named := e.Set[j]
			return named || slices.Contains(e.HideLatents, j)
		})
		if len(group) > 1 {
			kept = append(kept, group)
		}
	}
	return kept
}

// check returns every fault at once, in a fixed order.
func (e Edits) check(latents int) error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("concept: %w: %s", ErrEdit, fmt.Sprintf(format, args...)))
	}
	for _, j := range slices.Concat(e.HideLatents, slices.Sorted(maps.Keys(e.Set))) {
		if int64(j) >= int64(latents) {
			fault("latent %d; the model has %d, counted from 0", j, latents)
		}
	}
	for _, j := range slices.Sorted(maps.Keys(e.Set)) {
		if e.Set[j] == "" {
			fault("latent %d is set to an empty word; hide it instead", j)
		}
		if slices.Contains(e.HideLatents, j) {
			fault("latent %d is both hidden and set to %q", j, e.Set[j])
		}
	}
	for _, from := range slices.Sorted(maps.Keys(e.Merge)) {
		into := e.Merge[from]
		_, again := e.Merge[into]
		switch {
		case from == "" || into == "":
			fault("%q is merged into %q; neither may be empty", from, into)
		case again:
			fault("%q is merged into %q, which is merged itself; name the last word", from, into)
		case slices.Contains(e.HideWords, into):
			fault("%q is merged into %q, which is hidden", from, into)
		}
	}
	return errors.Join(faults...)
}

// edit is the working space of one Apply: names by latent, and groups as maps from latent to weight.
type edit struct {
	names  []Name
	groups map[string]map[uint32]float64
}

func (ed *edit) hideLatent(j uint32) {
	ed.names[j] = Name{Dead: ed.names[j].Dead, Common: ed.names[j].Common}
	for _, group := range ed.groups {
		delete(group, j)
	}
}

// renameHidden takes hidden words out of all names and moves the best runner-up up.
func (ed *edit) renameHidden(hidden []string) {
	isHidden := func(c Candidate) bool { return slices.Contains(hidden, c.Word) }
	for j, n := range ed.names {
		if len(hidden) == 0 || n.Word == "" {
			continue
		}
		rest := append([]Candidate{{n.Word, n.Score}}, n.RunnersUp...)
		rest = slices.DeleteFunc(rest, isHidden)
		if len(rest) == len(n.RunnersUp)+1 {
			continue
		}
		ed.names[j] = n.promote(rest)
	}
}

// promote returns n with the words that are left, best first. Z and the check on
// pictures are known only for the word that was the best, so they are cleared when that word went.
func (n Name) promote(rest []Candidate) Name {
	if len(rest) == 0 {
		return Name{Dead: n.Dead, Common: n.Common}
	}
	if rest[0].Word != n.Word {
		n.Z, n.AUC, n.Fired = 0, 0, 0
	}
	n.Word, n.Score, n.RunnersUp, n.Margin = rest[0].Word, rest[0].Score, rest[1:], rest[0].Score
	if len(rest) > 1 {
		n.Margin -= rest[1].Score
	}
	return n
}

// merge joins the group of from to that of into. Weights of the same latent add up.
func (ed *edit) merge(from, into string) {
	for j := range ed.names {
		if ed.names[j].Word == from {
			ed.names[j].Word = into
		}
	}
	if _, ok := ed.groups[from]; !ok {
		return
	}
	if ed.groups[into] == nil {
		ed.groups[into] = map[uint32]float64{}
	}
	for j, w := range ed.groups[from] {
		ed.groups[into][j] += w
	}
	delete(ed.groups, from)
}

// set gives latent j a name that a person chose: it has no score and no rival.
func (ed *edit) set(j uint32, word string) {
	if old := ed.groups[ed.names[j].Word]; ed.names[j].Word != word {
		delete(old, j)
	}
	ed.names[j] = Name{Word: word, Dead: ed.names[j].Dead, Common: ed.names[j].Common, ByHand: true}
	if ed.groups[word] == nil {
		ed.groups[word] = map[uint32]float64{}
	}
	strongest := 0.0
	for _, w := range ed.groups[word] {
		strongest = max(strongest, w)
	}
	if strongest == 0 {
		strongest = 1
	}
	ed.groups[word][j] = strongest
}

// concepts turns the maps back into sorted groups that sum to 1.
func (ed *edit) concepts() []Concept {
	concepts := make([]Concept, 0, len(ed.groups))
	for word, group := range ed.groups {
		weights := make([]Weight, 0, len(group))
		for _, j := range slices.Sorted(maps.Keys(group)) {
			weights = append(weights, Weight{Latent: j, W: float32(group[j])})
		}
		concepts = append(concepts, Concept{Word: word, Group: newGroup(weights)})
	}
	sortConcepts(concepts)
	return concepts
}
