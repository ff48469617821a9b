package concept

import (
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

// visit gives the town pictures: vectors near its words, each with its code, every third kept back.
func visit(seed uint64) (*sae.Model, *Vocab, Stats) {
	m, v, st := town(seed)
	r := rand.New(rand.NewPCG(seed, 2))
	s := &Sample{}
	for i := range 400 {
		x := slices.Clone(v.Vector(r.IntN(len(v.Words))))
		for j := range x {
			x[j] += float32(0.3 * r.NormFloat64())
		}
		normalise(x)
		s.Vectors = append(s.Vectors, x...)
		s.Codes = append(s.Codes, m.Encode(sae.Code{}, x))
		s.Held = append(s.Held, i%3 == 0)
	}
	st.Rows, st.Counts = len(s.Codes), make([]int, m.M)
	for _, c := range s.Codes {
		for _, l := range c.Latents {
			st.Counts[l]++
		}
	}
	st.Sample = s
	return m, v, st
}

// act is the activation of a latent in a row of a sample.
func (s *Sample) act(row, latent int) float64 {
	if i, ok := slices.BinarySearch(s.Codes[row].Latents, uint32(latent)); ok {
		return float64(s.Codes[row].Acts[i])
	}
	return 0
}

// column is all of a latent's activations, with their mean and standard deviation.
func (s *Sample) column(latent int) (acts []float64, mean, sd float64) {
	for row := range s.Rows() {
		a := s.act(row, latent)
		acts = append(acts, a)
		mean += a / float64(s.Rows())
	}
	for _, a := range acts {
		sd += (a - mean) * (a - mean) / float64(s.Rows())
	}
	return acts, mean, math.Sqrt(sd)
}

// cosines are those of a word's direction with the rows of a sample.
func cosines(s *Sample, word []float32) []float64 {
	var out []float64
	for row := range s.Rows() {
		c := 0.0
		for i, x := range word {
			c += float64(x) * float64(s.Vectors[row*len(word)+i])
		}
		out = append(out, c)
	}
	return out
}

// TestConceptsByPictures compares the weights with the formula, one word and one latent at a time.
func TestConceptsByPictures(t *testing.T) {
	for seed := range uint64(3) {
		m, v, st := visit(seed)
		n, err := Assign(m, v, st, Options{Group: m.M})
		if err != nil {
			t.Fatal(err)
		}
		words := v.centred(v.mean())
		_, cos := namesReference(m, words, v, st)
		for w := 0; w < len(v.Words); w += 7 {
			near := cosines(st.Sample, words[w*m.D:(w+1)*m.D])
			rows := make([]int, len(near))
			for i := range rows {
				rows[i] = i
			}
			slices.SortStableFunc(rows, func(a, b int) int { return int(math.Copysign(1, near[b]-near[a])) })
			rows = rows[:5] // one in a hundred would be 4
			c, tried := make([]float64, m.M), make([]float64, m.M)
			var cc, tt, sum float64
			for j := range m.M {
				if st.Counts[j] == 0 {
					continue
				}
				c[j] = math.Pow(max(cos[j][w], 0), 1.5) * math.Pow(math.Log(400/float64(st.Counts[j])), 0.25)
				acts, mean, sd := st.Sample.column(j)
				for _, row := range rows {
					tried[j] += acts[row] / 5
				}
				tried[j] = max((tried[j]-mean)/sd, 0)
				cc += c[j] * c[j]
				tt += tried[j] * tried[j]
			}
			for j := range c {
				c[j] = 0.6*c[j]/math.Sqrt(cc) + 0.4*tried[j]/math.Sqrt(tt)
				sum += c[j]
			}
			group, _ := n.Concept(v.Words[w])
			if len(group.Group) == 0 {
				t.Fatalf("seed %d: %s has no latents", seed, v.Words[w])
			}
			for _, x := range group.Group {
				if want := c[x.Latent] / sum; math.Abs(float64(x.W)-want) > 1e-5 {
					t.Errorf("seed %d: %s weighs latent %d by %g, want %g", seed, v.Words[w], x.Latent, x.W, want)
				}
			}
		}
	}
}

// TestNamesAreCheckedOnPictures compares each AUC with a count of pairs, over rows kept back alone.
func TestNamesAreCheckedOnPictures(t *testing.T) {
	unnamed := 0
	for seed := range uint64(3) {
		m, v, st := visit(seed)
		n, err := Assign(m, v, st, Options{By: "decoder"})
		if err != nil {
			t.Fatal(err)
		}
		words := v.centred(v.mean())
		for j, name := range n.Latents {
			word := name.Word
			if word == "" && name.Fired > 0 {
				unnamed++
				word = name.RunnersUp[0].Word
				if name.AUC >= leastAUC || name.Confidence() != 0 || !strings.Contains(name.Reason(), "do not bear out") {
					t.Errorf("seed %d: latent %d lost its name at AUC %g: %s", seed, j, name.AUC, name.Reason())
				}
			}
			if word == "" {
				continue
			}
			w := slices.Index(v.Words, word)
			near := cosines(st.Sample, words[w*m.D:(w+1)*m.D])
			var inside, outside []float64
			for row, held := range st.Sample.Held {
				if !held {
					continue
				}
				if st.Sample.act(row, j) > 0 {
					inside = append(inside, near[row])
				} else {
					outside = append(outside, near[row])
				}
			}
			if len(outside) == 0 {
				inside = nil // there is nothing to compare with
			}
			want := 0.0
			for _, a := range inside {
				for _, b := range outside {
					if a > b {
						want++
					} else if a == b {
						want += 0.5
					}
				}
			}
			want /= float64(len(inside) * len(outside))
			if name.Fired != len(inside) || len(inside) > 0 && math.Abs(float64(name.AUC)-want) > 1e-4 {
				t.Errorf("seed %d: latent %d, %s: AUC %g on %d, want %g on %d", seed, j, word, name.AUC, name.Fired, want, len(inside))
			}
		}
	}
	if unnamed == 0 {
		t.Error("no name was taken away: the rule was not met")
	}
}

// TestNamesByPictures: the direction of a name is the decoder row and the pictures that fire it, in equal parts.
func TestNamesByPictures(t *testing.T) {
	m, v, st := visit(4)
	n, err := Assign(m, v, st, Options{})
	if err != nil {
		t.Fatal(err)
	}
	words := v.centred(v.mean())
	for j, name := range n.Latents {
		if name.Dead || name.Word == "" {
			continue
		}
		towards := make([]float64, m.D)
		var total float64
		for row := range st.Sample.Rows() {
			a := st.Sample.act(row, j)
			total += a
			for i := range towards {
				towards[i] += a * float64(st.Sample.Vectors[row*m.D+i])
			}
		}
		var norm float64
		for i := range towards {
			mean := 0.0
			for row := range st.Sample.Rows() {
				mean += float64(st.Sample.Vectors[row*m.D+i]) / float64(st.Sample.Rows())
			}
			towards[i] -= total * mean
			norm += towards[i] * towards[i]
		}
		direction := make([]float32, m.D)
		row := m.Wdec[j*m.D : (j+1)*m.D]
		for i := range direction {
			direction[i] = float32(towards[i]/math.Sqrt(norm) + float64(row[i])/vec.Norm(row))
		}
		normalise(direction)
		w := slices.Index(v.Words, name.Word)
		want := vec.Dot(direction, words[w*m.D:(w+1)*m.D])
		if math.Abs(float64(name.Score-want)) > 1e-4 {
			t.Errorf("latent %d, %s: score %g, want %g", j, name.Word, name.Score, want)
		}
		for other := range v.Words {
			if c := vec.Dot(direction, words[other*m.D:(other+1)*m.D]); c > want+1e-4 {
				t.Errorf("latent %d is called %s (%g), and %s fits better (%g)", j, name.Word, want, v.Words[other], c)
			}
		}
	}
}

// TestControl: the pictures agree with the names they were given, and not with names dealt out at random.
func TestControl(t *testing.T) {
	var found, dealt float64
	const seeds = 5
	for seed := range uint64(seeds) {
		m, v, st := visit(seed)
		n, err := Assign(m, v, st, Options{})
		if err != nil {
			t.Fatal(err)
		}
		a, err := n.Control(m, v, st, seed)
		if err != nil {
			t.Fatal(err)
		}
		if a.Latents < 5 {
			t.Errorf("seed %d: %d latents were compared", seed, a.Latents)
		}
		found += a.AUC / seeds
		dealt += a.Shuffled / seeds
	}
	if found < 0.7 {
		t.Errorf("mean AUC %.3f of the names", found)
	}
	if math.Abs(dealt-0.5) > 0.05 {
		t.Errorf("mean AUC %.3f of names dealt at random, want 0.5", dealt)
	}
}

// TestTwins compares the groups with a closure over all pairs.
func TestTwins(t *testing.T) {
	for seed := range uint64(3) {
		m, v, st := visit(seed)
		dec := func(j int) []float32 { return m.Wdec[j*m.D : (j+1)*m.D] }
		for j := range 12 { // some latents are nearly others: by direction alone, and with an encoder to match
			to := dec(40 + j)
			for i, x := range dec(j) {
				to[i] = x + float32(j)*0.15*to[i]
			}
			if j%2 == 0 {
				copy(m.Wenc[(40+j)*m.D:], m.Wenc[j*m.D:(j+1)*m.D])
				m.Benc[40+j] = m.Benc[j]
			}
		}
		for i := range st.Sample.Codes {
			st.Sample.Codes[i] = m.Encode(sae.Code{}, st.Sample.Vectors[i*m.D:(i+1)*m.D])
		}
		st.Counts = make([]int, m.M)
		for _, c := range st.Sample.Codes {
			for _, l := range c.Latents {
				st.Counts[l]++
			}
		}
		n, err := Assign(m, v, st, Options{})
		if err != nil {
			t.Fatal(err)
		}
		same := make([][]bool, m.M)
		for i := range same {
			same[i] = make([]bool, m.M)
			for j := range same {
				same[i][j] = i == j || st.Counts[i] > 0 && st.Counts[j] > 0 && areTwins(st.Sample, dec(i), dec(j), i, j)
			}
		}
		for k := range same {
			for i := range same {
				for j := range same {
					same[i][j] = same[i][j] || same[i][k] && same[k][j]
				}
			}
		}
		met := 0
		for i := range same {
			var want []uint32
			for j, s := range same[i] {
				if s {
					want = append(want, uint32(j))
				}
			}
			if len(want) == 1 {
				want = nil
			}
			met += len(want)
			if got := n.Twin(uint32(i)); !slices.Equal(got, want) {
				t.Errorf("seed %d: twins of latent %d are %v, want %v", seed, i, got, want)
			}
		}
		if met == 0 {
			t.Errorf("seed %d: there were no twins", seed)
		}
	}
}

func areTwins(s *Sample, a, b []float32, i, j int) bool {
	dot := 0.0
	for x := range a {
		dot += float64(a[x]) * float64(b[x])
	}
	cos := dot / vec.Norm(a) / vec.Norm(b)
	ai, mi, si := s.column(i)
	aj, mj, sj := s.column(j)
	r := 0.0
	for row := range ai {
		r += (ai[row] - mi) * (aj[row] - mj) / float64(len(ai)) / (si * sj)
	}
	return cos >= 0.9 || cos >= 0.6 && r >= 0.5
}

func TestCommonLatents(t *testing.T) {
	n, err := Assign(park(), parkWords(), Stats{Rows: 100, Counts: []int{29, 30, 5, 100}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for j, want := range []bool{false, true, false, true} {
		if n.Latents[j].Common != want {
			t.Errorf("latent %d: common is %v", j, n.Latents[j].Common)
		}
	}
}

func TestReasons(t *testing.T) {
	for _, c := range []struct {
		n          Name
		confidence float32
		want       string
	}{
		{Name{Dead: true}, 0, "it fires for no picture"},
		{Name{}, 0, "unnamed: no word lies in its direction"},
		{Name{Word: "dog", AUC: 0.9, Fired: 15}, 0.6, "15 pictures fire it and agree with the word (AUC 0.90)"},
		{Name{Word: "dog", AUC: 1, Fired: 1}, 1. / 6, "only 1 picture fires it: too few to check the name"},
		{Name{Word: "dog"}, 0, "not checked on pictures"},
		{Name{AUC: 0.4, Fired: 9, RunnersUp: []Candidate{{"dog", 0.2}}}, 0, `unnamed: the 9 pictures that fire it do not bear out "dog", the nearest word (AUC 0.40)`},
	} {
		if got := c.n.Reason(); got != c.want {
			t.Errorf("%+v: %s, want %s", c.n, got, c.want)
		}
		if got := c.n.Confidence(); math.Abs(float64(got-c.confidence)) > 1e-6 {
			t.Errorf("%+v: confidence %g, want %g", c.n, got, c.confidence)
		}
	}
}

func TestPicturesAreTheSameOnAnyNumberOfThreads(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	m, v, st := visit(9)
	var first *Names
	for _, threads := range []int{1, 3, 8} {
		runtime.GOMAXPROCS(threads)
		n, err := Assign(m, v, st, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = n
		} else if !reflect.DeepEqual(n, first) {
			t.Errorf("%d threads name differently from one", threads)
		}
	}
}

func TestSampleFaults(t *testing.T) {
	short := &Sample{Vectors: []float32{1, 0, 0, 0}, Codes: make([]sae.Code, 2)}
	wide := &Sample{Vectors: []float32{1, 0, 0, 0}, Codes: []sae.Code{{Latents: []uint32{4}, Acts: []float32{1}}}}
	for want, c := range map[string]struct {
		st Stats
		o  Options
	}{
		"a sample of 2 codes with 4 numbers of vectors": {Stats{Sample: short}, Options{}},
		"row 0 of the sample has latent 4":              {Stats{Sample: wide}, Options{}},
		"\"pictures\" and there are none":               {Stats{}, Options{By: "pictures"}},
	} {
		if _, err := Assign(park(), parkWords(), c.st, c.o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v should say %q", err, want)
		}
	}
}
