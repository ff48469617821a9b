package vec

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// oddActivations are where rounding could go wrong: the ends of the range, powers of two and their neighbours.
func oddActivations() []float32 {
	acts := []float32{math.SmallestNonzeroFloat32, 3 * math.SmallestNonzeroFloat32, math.MaxFloat32, 0x1p-126, 255, 255.5, 256, 127.5, 0.1}
	for e := -148; e < 128; e++ {
		x := float32(math.Ldexp(1, e))
		acts = append(acts, x, math.Nextafter32(x, 0), math.Nextafter32(x, math.MaxFloat32), x/256*255)
	}
	return slices.DeleteFunc(acts, func(x float32) bool { return x == 0 })
}

// TestWeightBrackets: an activation lies between the step below its weight and its weight, and no smaller step would do.
func TestWeightBrackets(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, largest := range oddActivations() {
		step := Step(largest)
		if frac, exp := math.Frexp(float64(step)); frac != 0.5 || exp-1 < smallestStep {
			t.Fatalf("step %g of %g", step, largest)
		}
		if float64(largest) > 255*float64(step) || step > math.SmallestNonzeroFloat32 && float64(largest) <= 255*float64(step)/2 {
			t.Errorf("step %g of %g is not the smallest that reaches", step, largest)
		}
		for i := range 50 {
			act := largest
			if i > 0 {
				act = max(largest*rng.Float32()*rng.Float32(), math.SmallestNonzeroFloat32)
			}
			w := Weight(act, step)
			if low, high := float64(w-1)*float64(step), float64(w)*float64(step); w < 1 || !(low < float64(act) && float64(act) <= high) {
				t.Errorf("%g in steps of %g: weight %d", act, step, w)
			}
		}
	}
}

// TestCoarsenIsWeighingAnew: a weight of a finer step, made coarser at once or in two stages, is that of the activation.
func TestCoarsenIsWeighingAnew(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 100_000 {
		act := math.Float32frombits(rng.Uint32N(math.Float32bits(math.MaxFloat32)) + 1)
		fine := Step(act)
		middle := Step(float32(math.Min(float64(act)*math.Exp2(20*rng.Float64()), math.MaxFloat32)))
		coarse := Step(float32(math.Min(255*float64(middle)*math.Exp2(20*rng.Float64()), math.MaxFloat32)))
		once, twice := []byte{Weight(act, fine), 0}, []byte{Weight(act, fine), 0}
		Coarsen(once, fine, coarse)
		Coarsen(twice, fine, middle)
		Coarsen(twice, middle, coarse)
		if want := Weight(act, coarse); once[0] != want || twice[0] != want || once[1] != 0 || twice[1] != 0 {
			t.Fatalf("%g in steps of %g: weight %d; from steps of %g %d, by way of %g %d", act, coarse, want, fine, once[0], middle, twice[0])
		}
	}
}
