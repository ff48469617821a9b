package flat

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/saedb/saedb/internal/vec"
)

// TestSharedOfTwoKinds finds the two directions that queries of two kinds lie around, orthonormal, and leaves out a third that none has.
func TestSharedOfTwoKinds(t *testing.T) {
	const n, dim = 16, 64
	r := rand.New(rand.NewPCG(2, 2))
	var queries []float32
	for i := range n {
		q := make([]float32, dim)
		for j := range q {
			q[j] = .01 * float32(r.NormFloat64())
		}
		q[i%2*7] += 1
		queries = append(queries, q...)
	}
	d := sharedOf(queries, dim)
	if len(d) != 2*dim {
		t.Fatalf("%d directions, want 2", len(d)/dim)
	}
	if in := math.Hypot(float64(d[0]), float64(d[7])); in < .99 {
		t.Errorf("the first has a length of %g in the plane of both kinds", in)
	}
	for i, want := range []float64{1, 0, 0, 1} {
		got := 0.0
		for j, v := range d[i/2*dim : (i/2+1)*dim] {
			got += float64(v) * float64(d[i%2*dim+j])
		}
		if math.Abs(got-want) > 1e-5 {
			t.Errorf("directions %d and %d have the product %g, want %g", i/2, i%2, got, want)
		}
	}
	for _, q := range [][]float32{queries[:dim], queries[dim : 2*dim]} {
		if _, own := apart(q, d, []float32{0, 0}); own > .2*vec.Norm(q) {
			t.Errorf("%g of a query of length %g is its own", own, vec.Norm(q))
		}
	}
}

// TestSharedOfQueriesThatCancelOut: there is no telling a direction from their sum, so there is none.
func TestSharedOfQueriesThatCancelOut(t *testing.T) {
	if d := sharedOf([]float32{1, 0, -1, 0}, 2); d != nil {
		t.Errorf("directions %v", d)
	}
	if d := sharedOf(nil, 2); d != nil {
		t.Errorf("directions %v of no queries", d)
	}
}
