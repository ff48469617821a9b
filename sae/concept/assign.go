// Package concept gives latents names and words a meaning. Assign takes a model, a vocabulary of words with their vectors
// in the space of the pictures, how often each latent fires, and pictures to try names on; it returns Names: for each latent the word that fits best,
// and for each word a concept, the weighted group of latents that answers for it. The score of a picture for a concept is
//
//	Σ over the group of W·activation
//
// Edits holds what people decided by hand; it is applied on top and so survives naming again. Judge and Evaluate measure
// how well concepts find what labels say, for a name is worth what it finds.
//
// Nothing here reads files or keeps state; Names is read-only once made. The same inputs give the same names, bit for
// bit, whatever the number of threads.
package concept

import (
	"fmt"
	"math"
	"runtime"

	"github.com/saedb/saedb/internal/vec"
	"github.com/saedb/saedb/sae"
)

// Stats is what the stored codes say about each latent. The zero value means that nothing is known: then no latent counts
// as dead and all as equally rare.
type Stats struct {
	Rows   int       // number of codes
	Counts []int     // for each latent, the number of codes in which it is active
	Mean   []float32 // mean of the stored vectors; nil: the model's
	Sample *Sample   // pictures that names and concepts are tried on; nil: none
}

// Assign names the latents of m by the words of v.
func Assign(m *sae.Model, v *Vocab, st Stats, o Options) (*Names, error) {
	if err := checkInputs(m, v, st, o); err != nil {
		return nil, err
	}
	a := &assignment{m: m, v: v, st: st, o: o.resolve(m.M, st.Sample != nil)}
	if err := a.centre(); err != nil {
		return nil, err
	}
	if st.Sample != nil {
		a.fired = witnessesOf(st.Sample.Codes, m.M)
	}
	n := &Names{Options: a.o}
	if a.o.By == "word" || a.o.Weigh == "code" {
		a.encodeWords()
	}
	switch a.o.By {
	case "decoder":
		a.nameByDirection(a.directions())
	case "pictures":
		a.nameByDirection(a.seenDirections())
	case "word":
		a.nameByWord()
	}
	if st.Sample != nil {
		a.check()
		n.Twins = a.twins()
	}
	a.markCommon()
	n.Latents = a.names
	switch a.o.Weigh {
	case "decoder":
		n.Concepts = a.groupByDecoder()
	case "code":
		n.Concepts = a.groupByCode()
	case "pictures":
		n.Concepts = a.groupByPictures()
	}
	sortConcepts(n.Concepts)
	return n, nil
}

func checkInputs(m *sae.Model, v *Vocab, st Stats, o Options) error {
	if err := o.Validate(); err != nil {
		return err
	}
	switch {
	case len(v.Words) == 0 || len(v.Vectors) != len(v.Words)*v.D:
		return fmt.Errorf("concept: %w: %d words and %d numbers of their vectors; each word needs a vector", ErrVocab, len(v.Words), len(v.Vectors))
	case v.D != m.D:
		return fmt.Errorf("concept: %w: its vectors have %d numbers, the model takes %d; use the text vectors of the encoder that made the pictures'", ErrVocab, v.D, m.D)
	case st.Counts != nil && len(st.Counts) != m.M:
		return fmt.Errorf("concept: %w: counts of %d latents for a model of %d", ErrOptions, len(st.Counts), m.M)
	case st.Mean != nil && len(st.Mean) != m.D:
		return fmt.Errorf("concept: %w: a mean vector of %d numbers for a model of width %d", ErrOptions, len(st.Mean), m.D)
	case st.Sample == nil && (o.By == "pictures" || o.Weigh == "pictures"):
		return fmt.Errorf("concept: %w: By or Weigh is \"pictures\" and there are none; give Stats.Sample", ErrOptions)
	case st.Sample != nil:
		return st.Sample.check(m)
	}
	return nil
}

// assignment is the working space of one Assign.
type assignment struct {
	m  *sae.Model
	v  *Vocab
	st Stats
	o  Options

	picture []float32  // the mean picture; nil: not known
	words   []float32  // (words,D): unit directions of the words, seen from Options.Center
	codes   []sae.Code // of the words, where they are encoded
	fired   witnesses  // rows of the sample by latent, where there is one
	names   []Name     // by latent
}

// centre chooses the origin and turns the words into directions seen from it.
func (a *assignment) centre() error {
	a.picture = a.st.Mean
	if a.picture == nil {
		a.picture = a.m.Mean
	}
	switch a.o.Center {
	case "none":
		a.words = a.v.centred(nil)
	case "vocab":
		a.words = a.v.centred(a.v.mean())
	case "image":
		if a.picture == nil {
			return fmt.Errorf("concept: %w: Center is \"image\" and the mean picture is not known; give Stats.Mean", ErrOptions)
		}
		a.words = a.v.centred(a.picture)
	}
	return nil
}

// encodeWords encodes each word as if it were a picture. A word seen from a centre is put back around the mean picture,
// where the encoder expects its input.
func (a *assignment) encodeWords() {
	x := a.words
	if a.o.Center != "none" && a.picture != nil {
		x = make([]float32, len(a.words))
		for i := range x {
			x[i] = a.words[i] + a.picture[i%a.m.D]
		}
	}
	a.codes = a.m.EncodeBatch(nil, x, runtime.GOMAXPROCS(0))
}

// dead says whether latent j is known to have fired for no row.
func (a *assignment) dead(j int) bool { return a.st.Counts != nil && a.st.Counts[j] == 0 }

// rarity is ln(rows/count): 0 for a latent that fires for every row, more the rarer it is; 1 where nothing is known.
func (a *assignment) rarity(j int) float64 {
	if a.st.Counts == nil || a.st.Rows == 0 {
		return 1
	}
	return math.Log(float64(a.st.Rows) / float64(max(a.st.Counts[j], 1)))
}

// directions returns the decoder rows scaled to unit length. Their direction is the same before and after
// standardisation.
func (a *assignment) directions() []float32 {
	rows := make([]float32, len(a.m.Wdec))
	copy(rows, a.m.Wdec)
	for j := 0; j < len(rows); j += a.m.D {
		normalise(rows[j : j+a.m.D])
	}
	return rows
}

// block is the number of latents, or words, that one goroutine compares at a time: their scores with ten thousand words
// are 640 KB.
const block = 16

// seenDirections adds to each decoder row the direction of the pictures that fire it, both of unit length.
func (a *assignment) seenDirections() []float32 {
	rows := a.directions()
	vec.Axpy(rows, 1, a.st.Sample.seen(&a.fired, a.m.M, a.m.D, runtime.GOMAXPROCS(0)))
	for j := 0; j < len(rows); j += a.m.D {
		normalise(rows[j : j+a.m.D])
	}
	return rows
}

// nameByDirection scores word w for latent j by cos(word, row j). Each goroutine takes some latents and all words.
func (a *assignment) nameByDirection(rows []float32) {
	a.names = make([]Name, a.m.M)
	d, threads := a.m.D, runtime.GOMAXPROCS(0)
	scores := make([][]float32, threads)
	vec.Parallel(threads, a.m.M, block, func(worker, lo, hi int) {
		if scores[worker] == nil {
			scores[worker] = make([]float32, block*len(a.v.Words))
		}
		s := scores[worker]
		vec.Product(s, rows[lo*d:hi*d], a.words, d)
		for j := lo; j < hi; j++ {
			t := newTally(a.o.RunnersUp + 1)
			for w, score := range s[(j-lo)*len(a.v.Words) : (j-lo+1)*len(a.v.Words)] {
				t.add(w, score)
			}
			a.names[j] = t.name(a.v.Words, a.dead(j))
		}
	})
}

// nameByWord scores word w for latent j by z[j]/‖z‖, z being the code of w; it is 0 where the word does not fire j.
func (a *assignment) nameByWord() {
	tallies := make([]*tally, a.m.M)
	for j := range tallies {
		tallies[j] = newTally(a.o.RunnersUp + 1)
	}
	for w, c := range a.codes {
		norm := vec.Norm(c.Acts)
		for i, j := range c.Latents {
			tallies[j].add(w, float32(float64(c.Acts[i])/norm))
		}
	}
	a.names = make([]Name, a.m.M)
	for j, t := range tallies {
		a.names[j] = t.name(a.v.Words, a.dead(j))
	}
}

// groupByDecoder weighs latent j in the concept of word w by c^1.5 · rarity, c being cos(word, decoder row) where that is
// positive. Each goroutine takes some words and all latents.
func (a *assignment) groupByDecoder() []Concept {
	concepts := make([]Concept, len(a.v.Words))
	rarity := make([]float64, a.m.M)
	for j := range rarity {
		if !a.dead(j) {
			rarity[j] = a.rarity(j)
		}
	}
	rows, d, threads := a.directions(), a.m.D, runtime.GOMAXPROCS(0)
	scores := make([][]float32, threads)
	vec.Parallel(threads, len(a.v.Words), block, func(worker, lo, hi int) {
		if scores[worker] == nil {
			scores[worker] = make([]float32, block*a.m.M)
		}
		s := scores[worker]
		vec.Product(s, a.words[lo*d:hi*d], rows, d)
		for w := lo; w < hi; w++ {
			row := s[(w-lo)*a.m.M : (w-lo+1)*a.m.M]
			for j, cos := range row {
				c := max(float64(cos), 0)
				row[j] = float32(c * math.Sqrt(c) * rarity[j])
			}
			concepts[w] = Concept{Word: a.v.Words[w], Group: strongest(row, a.o.Group)}
		}
	})
	return concepts
}

// strongest makes a group of the n largest weights above zero.
func strongest(weights []float32, n int) []Weight {
	var sel vec.Selector
	var group []Weight
	for _, j := range sel.TopPositive(nil, weights, n) {
		group = append(group, Weight{Latent: j, W: weights[j]})
	}
	return newGroup(group)
}

// groupByCode weighs the latents of a concept by the activations of the encoded word.
func (a *assignment) groupByCode() []Concept {
	concepts := make([]Concept, len(a.v.Words))
	for w, c := range a.codes {
		var group []Weight
		for i, j := range c.Latents {
			if !a.dead(int(j)) {
				group = append(group, Weight{Latent: j, W: c.Acts[i]})
			}
		}
		group = newGroup(group)
		concepts[w] = Concept{Word: a.v.Words[w], Group: newGroup(group[:min(a.o.Group, len(group))])}
	}
	return concepts
}
