package flat

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/saedb/saedb/internal/vec"
)

// TestHalvesKeepTheirBounds: each score lies where its halves say it may, and no row is farther from its halves than rest, or longer than reach.
func TestHalvesKeepTheirBounds(t *testing.T) {
	const n, dim = 500, 128
	r := rand.New(rand.NewPCG(1, 8))
	rows := make([]float32, n*dim)
	for i := range n {
		row := rows[i*dim : (i+1)*dim]
		for j := range row {
			row[j] = .05 + .05*float32(r.NormFloat64())
			if i%10 == 0 && j == 3 {
				row[j] = 3 // far larger than all others: cut off
			}
		}
		norm := float32(vec.Norm(row))
		for j := range row {
			row[j] /= norm
		}
	}
	copy(rows[5*dim:6*dim], meanOf(rows, dim)) // a row that lies nearly at the mean
	c := encode(rows, meanOf(rows, dim), 1)
	var queries []float32
	for range 50 {
		unit := make([]float32, dim)
		for j := range unit {
			unit[j] = .1 + .1*float32(r.NormFloat64())
		}
		norm := float32(vec.Norm(unit))
		for j := range unit {
			unit[j] /= norm
		}
		queries = append(queries, unit...)
	}
	keepBounds(t, rows, c, c.halve(nil, 2), queries)
	h := c.halve(sharedOf(queries, dim), 2)
	keepBounds(t, rows, c, h, queries)
	for m, a := range h.along {
		if a > .01 {
			t.Errorf("remainders reach %g along direction %d", a, m)
		}
	}
}

func keepBounds(t *testing.T, rows []float32, c *codes, h *halves, queries []float32) {
	t.Helper()
	dim := c.dim
	n := len(rows) / dim
	for i := range n {
		var left, square float64
		along := make([]float64, len(h.along))
		for j := range dim {
			b := h.nibbles[(i*dim+j/64*64)/2+j%32]
			if j%64 >= 32 {
				b >>= 4
			}
			part := float64(h.scale[i]) * (float64(b&15) - 7.5)
			e := float64(rows[i*dim+j]) - float64(h.mean[j]) - part
			left, square = left+e*e, square+part*part
			for m := range along {
				along[m] += (float64(c.scale[i])*float64(c.bytes[i*dim+j]) - part) * float64(h.shared[m*dim+j])
			}
		}
		for m, a := range along {
			if math.Abs(a) > float64(h.along[m]) {
				t.Fatalf("row %d: %g of what its halves leave lies along direction %d, bound %g", i, a, m, h.along[m])
			}
		}
		if math.Sqrt(left) > float64(h.rest[i]) || math.Sqrt(square) > float64(h.reach) || h.rest[i] > h.widest {
			t.Fatalf("row %d is %g from its halves, rest %g, which are %g long, reach %g", i, math.Sqrt(left), h.rest[i], math.Sqrt(square), h.reach)
		}
	}
	for ; len(queries) > 0; queries = queries[dim:] {
		unit := queries[:dim]
		q := h.ask(unit)
		sums, scores := make([]int32, n), make([]float32, n)
		vec.DotNibbles(sums, q.narrow, h.nibbles, q.start)
		vec.Product(scores, unit, rows, dim)
		for i, s := range scores {
			middle, wide := q.step*float64(h.scale[i])*float64(sums[i]), q.step*float64(h.rest[i])*float64(q.weight)
			if off := math.Abs(float64(s) - q.offset - middle); off > wide+q.slack {
				t.Fatalf("row %d scores %g, %g from where its halves put it, bound %g", i, s, off, wide+q.slack)
			}
		}
	}
}
