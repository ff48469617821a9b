package concept

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"

	"github.com/saedb/saedb/internal/vec"
	"github.com/saedb/saedb/sae"
)

const (
	// leastFired is the number of pictures below which agreement is too much luck to take a name away.
	leastFired = 5
	// leastAUC is the agreement below which a name is taken away: any word would reach 0.5.
	leastAUC = 0.6
	// checkRows is how many pictures names are checked on at most.
	checkRows = 10000
	// commonShare of all rows makes a latent common: one of a few that fire for very much.
	commonShare = 0.3
)

// check finds how well the pictures agree with the names, and takes away those that they speak against.
func (a *assignment) check() {
	for j, agreed := range a.agreement(a.v.wordsOf(a.names)) {
		n := &a.names[j]
		if n.Word == "" || agreed.fired == 0 {
			continue
		}
		n.AUC, n.Fired = float32(agreed.auc), agreed.fired
		if n.Fired >= leastFired && n.AUC < leastAUC {
			n.RunnersUp = append([]Candidate{{n.Word, n.Score}}, n.RunnersUp...)
			n.RunnersUp = n.RunnersUp[:min(len(n.RunnersUp), a.o.RunnersUp)]
			n.Word, n.Score, n.Margin, n.Z = "", 0, 0, 0
		}
	}
}

// wordsOf returns the place of each name in the vocabulary, -1 where there is no name or no such word.
func (v *Vocab) wordsOf(names []Name) []int {
	at := map[string]int{}
	for i, w := range v.Words {
		at[w] = i
	}
	words := make([]int, len(names))
	for j, n := range names {
		w, ok := at[n.Word]
		if words[j] = -1; ok {
			words[j] = w
		}
	}
	return words
}

// agreed is the agreement of a latent with a word.
type agreed struct {
	auc   float64
	fired int // pictures that fire the latent; 0: none, or all do
}

// agreement measures for each latent how well the pictures that fire it agree with the word of that number; -1: none. Rows
// that training has seen do not count where others are known.
//
//	AUC = P(cos(word, picture that fires) > cos(word, picture that does not)), ties by half: the rank-sum statistic of Mann and Whitney
func (a *assignment) agreement(words []int) []agreed {
	s, d := a.st.Sample, a.m.D
	rows := s.checked()
	x := make([]float32, 0, len(rows)*d)
	place := make([]int32, s.Rows()) // of a row among those; -1: not one
	for i := range place {
		place[i] = -1
	}
	for i, row := range rows {
		place[row] = int32(i)
		x = append(x, s.Vectors[row*d:(row+1)*d]...)
	}
	out := make([]agreed, a.m.M)
	order := byWord(words)
	threads := runtime.GOMAXPROCS(0)
	type scratch struct {
		cos   []float32
		ranks []float64
		order []int32
	}
	work := make([]scratch, threads)
	vec.Parallel(threads, len(order), 1, func(worker, lo, _ int) {
		w := &work[worker]
		if w.cos == nil {
			*w = scratch{make([]float32, len(rows)), make([]float64, len(rows)), make([]int32, len(rows))}
		}
		latents := order[lo]
		word := words[latents[0]]
		vec.Product(w.cos, a.words[word*d:(word+1)*d], x, d)
		rank(w.ranks, w.order, w.cos)
		for _, j := range latents {
			fired, _ := a.fired.of(j)
			n, sum := 0, 0.0
			for _, row := range fired {
				if at := place[row]; at >= 0 {
					n++
					sum += w.ranks[at]
				}
			}
			if n > 0 && n < len(rows) {
				inside, outside := float64(n), float64(len(rows)-n)
				out[j] = agreed{(sum - inside*(inside+1)/2) / (inside * outside), n}
			}
		}
	})
	return out
}

// checked returns the rows that names are checked on, ascending: those held out, or all where none are, at most checkRows
// spread evenly.
func (s *Sample) checked() []int {
	var rows []int
	all := !slices.Contains(s.Held, true)
	for i := range s.Rows() {
		if all || s.Held[i] {
			rows = append(rows, i)
		}
	}
	if n := len(rows); n > checkRows {
		for i := range checkRows {
			rows[i] = rows[i*n/checkRows]
		}
		rows = rows[:checkRows]
	}
	return rows
}

// byWord gathers the latents of each word that at least one has, by ascending word.
func byWord(words []int) [][]int {
	var named []int
	for j, w := range words {
		if w >= 0 {
			named = append(named, j)
		}
	}
	slices.SortStableFunc(named, func(i, j int) int { return cmp.Compare(words[i], words[j]) })
	var groups [][]int
	for i, j := range named {
		if i == 0 || words[j] != words[named[i-1]] {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], j)
	}
	return groups
}

// rank writes the rank of each score, from 1 for the least; equal ones share the mean of theirs. order is scratch.
func rank(ranks []float64, order []int32, scores []float32) {
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(i, j int32) int { return cmp.Compare(scores[i], scores[j]) })
	for i := 0; i < len(order); {
		j := i + 1
		for j < len(order) && scores[order[j]] == scores[order[i]] {
			j++
		}
		for _, at := range order[i:j] {
			ranks[at] = float64(i+j+1) / 2
		}
		i = j
	}
}

// Agreement is what Control finds: the mean AUC over the latents that a name could be checked for.
type Agreement struct {
	Latents  int     `json:"latents"` // that have a name and fire for at least five of the pictures
	AUC      float64 `json:"auc"`     // of their names
	Shuffled float64 `json:"shuffled_auc"`
}

// Control measures how well the pictures of the sample agree with names, and, beside it, how well they would if each latent
// had the name of another, dealt out at random from a seed. The second must be about 0.5: a check that any word passes
// shows nothing. Names that the vocabulary lacks are passed over. o.Center says where words are seen from.
func (n *Names) Control(m *sae.Model, v *Vocab, st Stats, seed uint64) (Agreement, error) {
	if err := checkInputs(m, v, st, Options{By: "pictures"}); err != nil {
		return Agreement{}, err
	}
	if len(n.Latents) != m.M {
		return Agreement{}, fmt.Errorf("concept: %w: %d latents are named, the model has %d", ErrOptions, len(n.Latents), m.M)
	}
	a := &assignment{m: m, v: v, st: st, o: n.Options.resolve(m.M, true)}
	if err := a.centre(); err != nil {
		return Agreement{}, err
	}
	a.fired = witnessesOf(st.Sample.Codes, m.M)
	words := v.wordsOf(n.Latents)
	var named []int
	for j, w := range words {
		if w >= 0 {
			named = append(named, j)
		}
	}
	var out Agreement
	out.AUC, out.Latents = meanAgreement(a.agreement(words))
	dealt := slices.Clone(words)
	for i, from := range rand.New(rand.NewPCG(seed, 0)).Perm(len(named)) {
		dealt[named[i]] = words[named[from]]
	}
	out.Shuffled, _ = meanAgreement(a.agreement(dealt))
	return out, nil
}

// meanAgreement is the mean over the latents that enough pictures fire.
func meanAgreement(all []agreed) (mean float64, n int) {
	for _, g := range all {
		if g.fired >= leastFired {
			mean += g.auc
			n++
		}
	}
	return mean / float64(max(n, 1)), n
}

// markCommon marks the latents that fire for very many rows.
func (a *assignment) markCommon() {
	for j := range a.names {
		a.names[j].Common = a.st.Rows > 0 && float64(a.st.Counts[j]) >= commonShare*float64(a.st.Rows)
	}
}
