package concept

import (
	"math"
	"slices"
)

// tally collects the scores of all words for one latent. Words that are never added score 0.
type tally struct {
	best         []scored // descending score; of equal ones the earlier word first
	keep         int
	sum, squares float64
}

type scored struct {
	word  int
	score float32
}

func newTally(keep int) *tally { return &tally{keep: keep} }

// add considers the next word; words come in ascending order.
func (t *tally) add(word int, score float32) {
	t.sum += float64(score)
	t.squares += float64(score) * float64(score)
	if len(t.best) == t.keep && score <= t.best[t.keep-1].score {
		return
	}
	i := len(t.best)
	for i > 0 && t.best[i-1].score < score {
		i--
	}
	t.best = slices.Insert(t.best, i, scored{word, score})
	t.best = t.best[:min(len(t.best), t.keep)]
}

// name turns the tally into the name of a latent. A word must score above zero to be a name or a runner-up.
func (t *tally) name(words []string, dead bool) Name {
	n := Name{Dead: dead}
	if dead || len(t.best) == 0 || t.best[0].score <= 0 {
		return n
	}
	n.Word, n.Score, n.Margin = words[t.best[0].word], t.best[0].score, t.best[0].score
	for _, s := range t.best[1:] {
		if s.score > 0 {
			n.RunnersUp = append(n.RunnersUp, Candidate{words[s.word], s.score})
		}
	}
	if len(t.best) > 1 {
		n.Margin -= max(t.best[1].score, 0)
	}
	mean := t.sum / float64(len(words))
	if sd := math.Sqrt(t.squares/float64(len(words)) - mean*mean); sd > 0 {
		n.Z = float32((float64(n.Score) - mean) / sd)
	}
	return n
}
