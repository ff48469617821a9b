package sae

import (
	"cmp"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// tiny returns a random model of width d with a mean and a scale.
func tiny(seed uint64, d, latents, k int) *Model {
	r := rand.New(rand.NewPCG(seed, 0))
	numbers := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		return x
	}
	return &Model{
		D: d, M: latents, K: k, Wenc: numbers(latents * d), Wdec: numbers(latents * d),
		Benc: numbers(latents), Bdec: numbers(d), Mean: numbers(d), Scale: 2.5,
		Info: Info{Name: "tiny", Seed: seed},
	}
}

// rows returns n random vectors of width d.
func rows(seed uint64, n, d int) []float32 {
	r := rand.New(rand.NewPCG(seed, 1))
	x := make([]float32, n*d)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// encodeReference is the equations of the package comment in float64, by sorting.
func encodeReference(m *Model, x []float32) (latents []uint32, acts []float64) {
	h := make([]float64, m.M)
	for l := range h {
		h[l] = float64(m.Benc[l])
		for j := range x {
			s := (float64(x[j]) - float64(m.Mean[j])) * float64(m.Scale)
			h[l] += float64(m.Wenc[l*m.D+j]) * (s - float64(m.Bdec[j]))
		}
	}
	order := make([]uint32, m.M)
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortStableFunc(order, func(a, b uint32) int {
		if h[a] > h[b] {
			return -1
		}
		return 1
	})
	for _, l := range order[:m.K] {
		if h[l] > 0 {
			latents = append(latents, l)
		}
	}
	slices.Sort(latents)
	for _, l := range latents {
		acts = append(acts, h[l])
	}
	return latents, acts
}

func TestEncodeAndDecodeFollowTheEquations(t *testing.T) {
	for seed := range uint64(20) {
		m := tiny(seed, 17, 41, 1+int(seed)%12)
		x := rows(seed, 1, m.D)
		c := m.Encode(Code{}, x)
		latents, acts := encodeReference(m, x)
		if !slices.Equal(c.Latents, latents) {
			t.Fatalf("seed %d: latents %v, want %v", seed, c.Latents, latents)
		}
		for i, a := range acts {
			if math.Abs(float64(c.Acts[i])-a) > 1e-4*(1+a) {
				t.Errorf("seed %d: activation of latent %d is %v, want %v", seed, latents[i], c.Acts[i], a)
			}
		}
		for j, got := range m.Decode(nil, c) {
			want := float64(m.Bdec[j])
			for i, l := range latents {
				want += acts[i] * float64(m.Wdec[int(l)*m.D+j])
			}
			want = want/float64(m.Scale) + float64(m.Mean[j])
			if math.Abs(float64(got)-want) > 1e-4*(1+math.Abs(want)) {
				t.Errorf("seed %d: reconstruction %d is %v, want %v", seed, j, got, want)
			}
		}
	}
}

func sameCode(a, b Code) bool {
	return slices.Equal(a.Latents, b.Latents) && slices.Equal(a.Acts, b.Acts)
}

func TestEncodeBatchIsEncodeBitForBit(t *testing.T) {
	m := tiny(7, 130, 67, 9)
	x := rows(7, 101, m.D)
	x[5*m.D] = float32(math.NaN()) // row 5 has no code
	var batch []Code
	for threads := range 5 {
		batch = m.EncodeBatch(batch, x, threads) // reuses the codes of the round before
		if len(batch) != 101 {
			t.Fatalf("%d codes for 101 rows", len(batch))
		}
		for i, c := range batch {
			if want := m.Encode(Code{}, x[i*m.D:(i+1)*m.D]); !sameCode(c, want) {
				t.Fatalf("threads %d: row %d is %v, alone it is %v", threads, i, c, want)
			}
		}
	}
	if batch[5].Len() != 0 {
		t.Errorf("a row with NaN has the code %v", batch[5])
	}
}

func TestEncodeAppends(t *testing.T) {
	m := tiny(8, 8, 16, 3)
	x := rows(8, 2, m.D)
	one, two := m.Encode(Code{}, x[:8]), m.Encode(Code{}, x[8:])
	both := m.Encode(m.Encode(Code{}, x[:8]), x[8:])
	if !slices.Equal(both.Latents, append(one.Latents, two.Latents...)) {
		t.Errorf("%v is not %v followed by %v", both.Latents, one.Latents, two.Latents)
	}
}

func TestFoldKeepsCodesAndReconstructions(t *testing.T) {
	m := tiny(9, 24, 50, 6)
	f := m.Fold()
	if f.Mean != nil || f.Scale != 1 {
		t.Fatalf("folded mean %v, scale %v", f.Mean, f.Scale)
	}
	x := rows(9, 30, m.D)
	for i := range 30 {
		row := x[i*m.D : (i+1)*m.D]
		a, b := m.Encode(Code{}, row), f.Encode(Code{}, row)
		if !slices.Equal(a.Latents, b.Latents) {
			t.Errorf("row %d: latents %v, folded %v", i, a.Latents, b.Latents)
		}
		y, z := m.Decode(nil, a), f.Decode(nil, b)
		for j := range y {
			if math.Abs(float64(y[j]-z[j])) > 1e-4 {
				t.Errorf("row %d: reconstruction %d is %v, folded %v", i, j, y[j], z[j])
			}
		}
	}
}

func TestValidateNamesEveryFault(t *testing.T) {
	m := tiny(10, 4, 6, 2)
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	m.K, m.Scale = 7, 0
	m.Wdec[5] = float32(math.Inf(1))
	m.Benc = m.Benc[:3]
	want := `not a valid model: k is 7 with 6 latents
not a valid model: scale is 0, it must be a positive number
not a valid model: b_enc has 3 numbers, (1,6) needs 6
not a valid model: W_dec row 1 column 1 is +Inf`
	if err := m.Validate(); err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// TestThreshold: a model with a threshold fires all that exceeds it, the strongest k where they are more.
func TestThreshold(t *testing.T) {
	for _, most := range []int{21, 3} {
		m := tiny(6, 9, 21, most)
		m.Threshold = 0.5
		x := rows(6, 50, m.D)
		batch := m.EncodeBatch(nil, x, 3)
		full := 0
		for i, c := range batch {
			h := m.Activations(nil, x[i*m.D:(i+1)*m.D])
			var above []float32
			for _, v := range h {
				if v > 0.5 {
					above = append(above, v)
				}
			}
			slices.SortFunc(above, func(a, b float32) int { return cmp.Compare(b, a) })
			above = above[:min(most, len(above))]
			got := slices.Clone(c.Acts)
			slices.SortFunc(got, func(a, b float32) int { return cmp.Compare(b, a) })
			if !slices.Equal(got, above) {
				t.Errorf("row %d fires %v, want %v", i, got, above)
			}
			full += len(above)
		}
		if full == 0 {
			t.Error("nothing exceeds the threshold")
		}
	}
}

func TestAtK(t *testing.T) {
	m := tiny(6, 9, 21, 4)
	at, err := m.AtK(7)
	if err != nil || at.K != 7 || m.K != 4 || &at.Wenc[0] != &m.Wenc[0] {
		t.Errorf("at k 7: %+v, %v", at, err)
	}
	for _, k := range []int{0, 22} {
		if _, err := m.AtK(k); err == nil || !strings.Contains(err.Error(), "from 1 to the 21 latents") {
			t.Errorf("k %d: %v", k, err)
		}
	}
	m.Threshold = 1
	if _, err := m.AtK(7); err == nil || !strings.Contains(err.Error(), "threshold") {
		t.Errorf("with a threshold: %v", err)
	}
	m.Threshold = -1
	if err := m.Validate(); !errors.Is(err, ErrModel) {
		t.Errorf("threshold -1: %v", err)
	}
}
