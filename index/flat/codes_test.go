package flat

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/saedb/saedb/internal/vec"
)

// TestBoundsHold checks what exactness rests on: every float32 score lies between its bounds. One query of each row is the row's own
// remainder, for which the bound is as good as reached.
func TestBoundsHold(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		dim := []int{1, 2, 3, 16, 100, 512, 513, 2048, 70_000}[r.IntN(9)]
		n := 1 + r.IntN(1+200_000/dim/8)
		rows := make([]float32, n*dim)
		shared := r.Float64() * 5
		for i := range n {
			row := rows[i*dim : (i+1)*dim]
			for j := range row {
				row[j] = float32(shared*math.Cos(float64(j)) + r.NormFloat64()*math.Exp(2*r.NormFloat64()))
			}
			if i%7 == 6 {
				copy(row, rows)
			}
			vec.Scale(row, float32(1/vec.Norm(row)))
		}
		mean := meanOf(rows, dim)
		if seed%5 == 4 { // one that has nothing to do with the rows
			mean = rows[(n-1)*dim:]
		}
		c := encode(rows, mean, 1)
		tightest := math.Inf(1)
		for i := range min(n, 20) {
			for kind := range 2 {
				q := make([]float32, dim)
				for j := range q {
					q[j] = float32(r.NormFloat64())
					if kind == 1 {
						q[j] = rows[i*dim+j] - mean[j] - c.scale[i]*float32(c.bytes[i*dim+j])
					}
				}
				norm := vec.Norm(q)
				if norm == 0 {
					continue
				}
				vec.Scale(q, float32(1/norm))
				tightest = min(tightest, checkBounds(t, seed, c, rows, q, i))
			}
		}
		if n > 1 && dim > 3 && dim < 10_000 && tightest > 1.01 {
			t.Errorf("seed %d, %d rows of %d: no score comes near its bound, the nearest to 1/%.3f: is it one?", seed, n, dim, tightest)
		}
	}
}

// checkBounds compares the scores of all rows with their bounds, and returns how many times the bound of row i is as far from the middle
// as its score.
func checkBounds(t *testing.T, seed uint64, c *codes, rows, q []float32, i int) float64 {
	t.Helper()
	n := len(c.scale)
	ask := c.ask(q)
	sums, scores := make([]int32, n), make([]float32, n)
	vec.DotInt8(sums, ask.wide, c.bytes)
	vec.Product(scores, q, rows, c.dim)
	ratio := math.Inf(1)
	for row, score := range scores {
		middle := ask.offset + ask.step*float64(c.scale[row])*float64(sums[row])
		reach := ask.step*float64(c.rest[row])*float64(ask.weight) + ask.slack
		off := math.Abs(float64(score) - middle)
		if off > reach {
			t.Fatalf("seed %d: row %d of width %d scores %v, which is %g from the middle, more than the bound %g", seed, row, c.dim, score, off, reach)
		}
		upper := float32(c.scale[row]*float32(sums[row])) + float32(c.rest[row]*ask.weight)
		lower := float32(c.scale[row]*float32(sums[row])) - float32(c.rest[row]*ask.weight)
		if upper < ask.least(score) {
			t.Fatalf("seed %d: row %d of width %d scores %v and is turned away at that floor", seed, row, c.dim, score)
		}
		if high := ask.offset + ask.step*(float64(lower)-ask.gap()/2); float64(score) < high {
			t.Fatalf("seed %d: row %d of width %d scores %v, below its lower bound %v", seed, row, c.dim, score, high)
		}
		if row == i {
			ratio = reach / off
		}
	}
	return ratio
}

// TestRowsAreRoundedAsOne says that rows put one by one and rows rounded together have the same bytes and bounds.
func TestRowsAreRoundedAsOne(t *testing.T) {
	const n, dim = 300, 33
	r := rand.New(rand.NewPCG(1, 2))
	rows := make([]float32, n*dim)
	for i := range rows {
		rows[i] = float32(r.NormFloat64()) / 6
	}
	mean := meanOf(rows, dim)
	for _, threads := range []int{1, 3} {
		all, one := encode(rows, mean, threads), newCodes(dim)
		one.mean = mean
		for i := range n {
			one.set(i, rows[i*dim:(i+1)*dim])
		}
		if string(asBytes(all.bytes)) != string(asBytes(one.bytes)) || all.reach != one.reach || all.widest != one.widest {
			t.Errorf("%d threads: bytes or bounds differ", threads)
		}
	}
}

func asBytes(v []int8) []byte {
	b := make([]byte, len(v))
	for i := range v {
		b[i] = byte(v[i])
	}
	return b
}

func TestRowsAtTheMean(t *testing.T) {
	rows := []float32{.6, .8, .6, .8, .6, .8}
	c := encode(rows, meanOf(rows, 2), 1)
	for i, s := range c.scale {
		if s > 1e-7 || c.rest[i] > 1e-6 {
			t.Errorf("row %d lies at the mean and has the scale %g and the remainder %g", i, s, c.rest[i])
		}
	}
}
