package bench

import (
	"math"
	"slices"
	"testing"
)

func TestSparseIsByRecipe(t *testing.T) {
	base, held := NewSparse(600, 30, 32, 1)
	again, _ := NewSparse(600, 30, 32, 1)
	other, _ := NewSparse(600, 30, 32, 2)
	if !slices.Equal(base.Latents, again.Latents) || !slices.Equal(base.Acts, again.Acts) {
		t.Error("the same seed gave other codes")
	}
	if slices.Equal(base.Latents, other.Latents) {
		t.Error("another seed gave the same codes")
	}
	if base.Len() != 600 || held.Len() != 30 {
		t.Errorf("%d and %d codes", base.Len(), held.Len())
	}
}

// TestSparseLooksLikeCodes checks what a search over them depends on: rates that fall by a power law, and codes of one length.
func TestSparseLooksLikeCodes(t *testing.T) {
	base, _ := NewSparse(3000, 1, 32, 1)
	rates := make([]float64, Latents)
	for i := range base.Len() {
		latents, acts := base.Code(i)
		if !slices.IsSorted(latents) || math.Abs(length(acts)-1) > 1e-5 {
			t.Fatalf("code %d: latents %v, norm %g", i, latents, length(acts))
		}
		for _, l := range latents {
			rates[l] += 1 / float64(base.Len())
		}
	}
	slices.Sort(rates)
	for _, c := range []struct {
		what           string
		got, low, high float64
	}{
		{"largest rate", rates[Latents-1], .15, .3},
		{"median rate", rates[Latents/2], .002, .008},
	} {
		if math.IsNaN(c.got) || c.got < c.low || c.got > c.high {
			t.Errorf("%s: %.4f, want %g to %g", c.what, c.got, c.low, c.high)
		}
	}
}
