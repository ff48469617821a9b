package concept

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/saedb/saedb/internal/vec"
	"github.com/saedb/saedb/sae"
)

// park is a model of four latents whose decoder rows are, by construction, a dog, a cat, grass, and the mean of all
// pictures, in a space of four axes: dog, cat, grass, and what all pictures share.
func park() *sae.Model {
	axes := []float32{
		1, 0, 0, 0,
		0, 1, 0, 0,
		0, 0, 1, 0,
		0, 0, 0, 1,
	}
	return &sae.Model{D: 4, M: 4, K: 2, Wenc: axes, Wdec: slices.Clone(axes), Benc: make([]float32, 4), Bdec: make([]float32, 4), Scale: 1}
}

// words of the park: "animal" lies between dog and cat, "meadow" near grass; all share something that pictures lack.
func parkWords() *Vocab {
	v := &Vocab{Words: []string{"meadow", "dog", "cat", "animal", "grass"}, D: 4, Vectors: []float32{
		0.1, 0.1, 0.9, -2,
		1, 0, 0, -3,
		0, 1, 0, -3,
		0.8, 0.6, 0, -3,
		0, 0, 1, -3,
	}}
	for i := range v.Words {
		normalise(v.Vector(i))
	}
	return v
}

func show(n *Names) string {
	var b strings.Builder
	for j, name := range n.Latents {
		fmt.Fprintf(&b, "latent %d", j)
		switch {
		case name.Dead:
			b.WriteString(" dead")
		case name.Word == "":
			b.WriteString(" without a name")
		default:
			fmt.Fprintf(&b, " %s %.2f margin %.2f z %.1f", name.Word, name.Score, name.Margin, name.Z)
			for _, c := range name.RunnersUp {
				fmt.Fprintf(&b, ", %s %.2f", c.Word, c.Score)
			}
		}
		b.WriteByte('\n')
	}
	for _, c := range n.Concepts {
		b.WriteString(c.Word)
		for _, w := range c.Group {
			fmt.Fprintf(&b, " %d×%.2f", w.Latent, w.W)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestNamesOfThePark(t *testing.T) {
	for _, c := range []struct {
		name string
		st   Stats
		o    Options
		want string
	}{
		{"by decoder, words seen from their mean", Stats{}, Options{RunnersUp: 2}, `
latent 0 dog 0.73 margin 0.11 z 1.3, animal 0.62
latent 1 cat 0.73 margin 0.36 z 1.5, animal 0.38
latent 2 meadow 0.93 margin 0.21 z 1.4, grass 0.72
latent 3 meadow 0.11 margin 0.11 z 2.0
animal 0×0.68 1×0.32
cat 1×1.00
dog 0×1.00
grass 2×1.00
meadow 2×0.96 3×0.04
`},
		{"a dead latent has no name and stands for nothing; a rare one says more", Stats{Rows: 100, Counts: []int{50, 5, 0, 100}}, Options{RunnersUp: 1}, `
latent 0 dog 0.73 margin 0.11 z 1.3, animal 0.62
latent 1 cat 0.73 margin 0.36 z 1.5, animal 0.38
latent 2 dead
latent 3 meadow 0.11 margin 0.11 z 2.0
animal 1×0.67 0×0.33
cat 1×1.00
dog 0×1.00
grass
meadow
`},
		{"not centred: small cosines, the same winners", Stats{}, Options{Center: "none", RunnersUp: 1}, `
latent 0 dog 0.32 margin 0.06 z 1.4, animal 0.25
latent 1 cat 0.32 margin 0.13 z 1.7, animal 0.19
latent 2 meadow 0.41 margin 0.09 z 1.5, grass 0.32
latent 3 without a name
animal 0×0.61 1×0.39
cat 1×1.00
dog 0×1.00
grass 2×1.00
meadow 2×0.93 0×0.03 1×0.03
`},
	} {
		n, err := Assign(park(), parkWords(), c.st, c.o)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got, want := show(n), strings.TrimPrefix(c.want, "\n"); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, want)
		}
	}
}

// town is a random model and vocabulary of some size.
func town(seed uint64) (*sae.Model, *Vocab, Stats) {
	r := rand.New(rand.NewPCG(seed, 1))
	normal := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		return x
	}
	const d, m, words = 12, 70, 90
	model := &sae.Model{D: d, M: m, K: 6, Wenc: normal(d * m), Wdec: normal(d * m), Benc: normal(m), Bdec: normal(d), Mean: normal(d), Scale: 2}
	v := &Vocab{D: d, Vectors: normal(d * words)}
	for i := range words {
		v.Words = append(v.Words, fmt.Sprintf("word%02d", i))
		normalise(v.Vector(i))
	}
	st := Stats{Rows: 500, Counts: make([]int, m)}
	for j := range st.Counts {
		st.Counts[j] = r.IntN(3) * r.IntN(250)
	}
	return model, v, st
}

// namesReference names by decoder one latent and one word at a time, in float64.
func namesReference(m *sae.Model, words []float32, v *Vocab, st Stats) (best []int, cos [][]float64) {
	for j := range m.M {
		row := m.Wdec[j*m.D : (j+1)*m.D]
		scores := make([]float64, len(v.Words))
		for w := range v.Words {
			for i, x := range row {
				scores[w] += float64(x) * float64(words[w*m.D+i]) / vec.Norm(row)
			}
		}
		top := 0
		for w := range scores {
			if scores[w] > scores[top] {
				top = w
			}
		}
		best, cos = append(best, top), append(cos, scores)
	}
	return best, cos
}

func TestByDecoderAgreesWithTheFormula(t *testing.T) {
	for seed := range uint64(5) {
		m, v, st := town(seed)
		n, err := Assign(m, v, st, Options{Group: m.M})
		if err != nil {
			t.Fatal(err)
		}
		best, cos := namesReference(m, v.centred(v.mean()), v, st)
		for j, name := range n.Latents {
			if st.Counts[j] == 0 {
				if !name.Dead || name.Word != "" {
					t.Errorf("seed %d: dead latent %d is called %+v", seed, j, name)
				}
				continue
			}
			if name.Word != v.Words[best[j]] || math.Abs(float64(name.Score)-cos[j][best[j]]) > 1e-5 {
				t.Errorf("seed %d: latent %d is %s %g, want %s %g", seed, j, name.Word, name.Score, v.Words[best[j]], cos[j][best[j]])
			}
			if len(name.RunnersUp) != 5 || name.Margin != name.Score-name.RunnersUp[0].Score {
				t.Errorf("seed %d: latent %d has runners-up %v and margin %g", seed, j, name.RunnersUp, name.Margin)
			}
		}
		for w, word := range v.Words {
			c, _ := n.Concept(word)
			var sum float64
			weight := func(j uint32) float64 {
				return math.Pow(max(cos[j][w], 0), 1.5) * math.Log(500/float64(max(st.Counts[j], 1)))
			}
			for j := range uint32(m.M) {
				if st.Counts[j] > 0 {
					sum += weight(j)
				}
			}
			for i, x := range c.Group {
				if math.Abs(float64(x.W)-weight(x.Latent)/sum) > 1e-5 || st.Counts[x.Latent] == 0 {
					t.Errorf("seed %d: %s weighs latent %d by %g, want %g", seed, word, x.Latent, x.W, weight(x.Latent)/sum)
				}
				if i > 0 && c.Group[i-1].W < x.W {
					t.Errorf("seed %d: the group of %s is out of order: %v", seed, word, c.Group)
				}
			}
		}
	}
}

// sameGroup reports whether two groups hold the same latents in the same order, with weights that differ by rounding alone.
func sameGroup(a, b []Weight) bool {
	return slices.EqualFunc(a, b, func(a, b Weight) bool { return a.Latent == b.Latent && math.Abs(float64(a.W-b.W)) < 1e-6 })
}

func TestByWordAgreesWithTheFormula(t *testing.T) {
	for seed := range uint64(5) {
		m, v, st := town(seed)
		n, err := Assign(m, v, st, Options{By: "word", Weigh: "code"})
		if err != nil {
			t.Fatal(err)
		}
		words := v.centred(v.mean())
		share := make([][]float64, m.M) // share[j][w] = z_w[j] / |z_w|
		for j := range share {
			share[j] = make([]float64, len(v.Words))
		}
		for w, word := range v.Words {
			x := slices.Clone(words[w*m.D : (w+1)*m.D])
			vec.Axpy(x, 1, m.Mean)
			code := m.Encode(sae.Code{}, x)
			c, _ := n.Concept(word)
			var group []Weight
			for i, j := range code.Latents {
				share[j][w] = float64(code.Acts[i]) / vec.Norm(code.Acts)
				if st.Counts[j] > 0 {
					group = append(group, Weight{j, code.Acts[i]})
				}
			}
			if want := newGroup(group); !sameGroup(c.Group, want) {
				t.Errorf("seed %d: the group of %s is %v, want %v", seed, word, c.Group, want)
			}
		}
		for j, name := range n.Latents {
			top := slices.Max(share[j])
			if named := top > 0 && st.Counts[j] > 0; named != (name.Word != "") {
				t.Errorf("seed %d: latent %d, best share %g, is %+v", seed, j, top, name)
			} else if named && (math.Abs(float64(name.Score)-top) > 1e-6 || share[j][slices.Index(v.Words, name.Word)] < top-1e-6) {
				t.Errorf("seed %d: latent %d is %s %g, want %g", seed, j, name.Word, name.Score, top)
			}
		}
	}
}

func TestAssignIsTheSameOnAnyNumberOfThreads(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	m, v, st := town(9)
	for _, o := range []Options{{}, {By: "word", Weigh: "code", Center: "image"}} {
		var first *Names
		for _, threads := range []int{1, 3, 8} {
			runtime.GOMAXPROCS(threads)
			n, err := Assign(m, v, st, o)
			if err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = n
			} else if !reflect.DeepEqual(n, first) {
				t.Errorf("options %+v: %d threads name differently from one", o, threads)
			}
		}
	}
}

func TestAssignFaults(t *testing.T) {
	for want, c := range map[string]struct {
		v  *Vocab
		st Stats
		o  Options
		is error
	}{
		"By is \"ear\"; it may be one of [\"decoder\" \"word\" \"pictures\"]": {parkWords(), Stats{}, Options{By: "ear"}, ErrOptions},
		"Center is \"here\"": {parkWords(), Stats{}, Options{Center: "here"}, ErrOptions},
		"a group of -1":      {parkWords(), Stats{}, Options{Group: -1}, ErrOptions},
		"Center is \"image\" and the mean picture is not known": {parkWords(), Stats{}, Options{Center: "image"}, ErrOptions},
		"counts of 3 latents for a model of 4":                  {parkWords(), Stats{Counts: []int{1, 2, 3}}, Options{}, ErrOptions},
		"a mean vector of 1 numbers for a model of width 4":     {parkWords(), Stats{Mean: []float32{1}}, Options{}, ErrOptions},
		"1 words and 0 numbers of their vectors":                {&Vocab{Words: []string{"dog"}, D: 4}, Stats{}, Options{}, ErrVocab},
		"its vectors have 2 numbers, the model takes 4":         {&Vocab{Words: []string{"dog"}, D: 2, Vectors: []float32{1, 0}}, Stats{}, Options{}, ErrVocab},
	} {
		if _, err := Assign(park(), c.v, c.st, c.o); !errors.Is(err, c.is) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v should say %q", err, want)
		}
	}
}
