package bench

import (
	"math"
	"slices"
	"testing"
)

func TestDenseIsByRecipe(t *testing.T) {
	a, b, c := NewDense(1500, 20, 1), NewDense(1500, 20, 1), NewDense(1500, 20, 2)
	if !slices.Equal(a.Base, b.Base) || !slices.Equal(a.Pictures, b.Pictures) || !slices.Equal(a.Texts, b.Texts) {
		t.Error("the same seed gave other data")
	}
	if slices.Equal(a.Base, c.Base) {
		t.Error("another seed gave the same data")
	}
	if len(a.Base) != 1500*Width || len(a.Pictures) != 20*Width || len(a.Texts) != 20*Width {
		t.Errorf("%d, %d and %d values", len(a.Base), len(a.Pictures), len(a.Texts))
	}
}

// TestDenseLooksLikeCLIP checks what makes the data hard: a common mean, near neighbours, and texts outside of the cloud.
func TestDenseLooksLikeCLIP(t *testing.T) {
	d := NewDense(4000, 100, 1)
	cos := func(a, b []float32) (s float64) {
		for i := range Width {
			s += float64(a[i]) * float64(b[i])
		}
		return s
	}
	mean := func(qs []float32, of func(q []float32) float64) (s float64) {
		for i := 0; i < len(qs); i += Width {
			s += of(qs[i:]) / float64(len(qs)/Width)
		}
		return s
	}
	average := func(q []float32) float64 {
		return mean(d.Base, func(row []float32) float64 { return cos(q, row) })
	}
	nearest := func(q []float32) float64 {
		best := -1.0
		for i := 0; i < len(d.Base); i += Width {
			best = max(best, cos(q, d.Base[i:]))
		}
		return best
	}
	for _, c := range []struct {
		what      string
		got       float64
		low, high float64
	}{
		{"mean cosine of two pictures", mean(d.Pictures, average), .4, .6},
		{"cosine with the nearest picture", mean(d.Pictures, nearest), .75, .95},
		{"mean cosine of a text and a picture", mean(d.Texts, average), -.1, .1},
		{"cosine of a text with its nearest picture", mean(d.Texts, nearest), .08, .3},
		{"length of a row", mean(d.Base, length512), 1 - 1e-6, 1 + 1e-6},
	} {
		if math.IsNaN(c.got) || c.got < c.low || c.got > c.high {
			t.Errorf("%s: %.3f, want %g to %g", c.what, c.got, c.low, c.high)
		}
	}
}

func length512(v []float32) float64 { return length(v[:Width]) }
