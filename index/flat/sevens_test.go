package flat

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/saedb/saedb/internal/vec"
)

// TestSevensKeepTheirBounds: each score lies where its sevens say it may, for small batches and for large ones, whose middle is met exactly, with
// queries near the middle, far from it, and at it.
func TestSevensKeepTheirBounds(t *testing.T) {
	const n = 100
	for seed, dim := range []int{1, 5, 31, 32, 33, 100, 512} {
		r := rand.New(rand.NewPCG(uint64(seed), 9))
		rows := make([]float32, n*dim)
		for i := range n {
			row := rows[i*dim : (i+1)*dim]
			for j := range row {
				row[j] = .3 + float32(r.NormFloat64())
				if j == 3 && i%10 == 0 {
					row[j] = 9
				}
			}
			vec.Scale(row, float32(1/vec.Norm(row)))
		}
		copy(rows[7*dim:8*dim], meanOf(rows, dim)) // one that lies nearly at the mean
		c := encode(rows, meanOf(rows, dim), 1)
		for _, batch := range []int{panelFrom, exactFrom} {
			var questions []question
			for i := range batch {
				unit := make([]float32, dim)
				for j := range unit {
					unit[j] = 1
					if i > 0 {
						unit[j] += float32(i%4) * float32(r.NormFloat64())
					}
				}
				vec.Scale(unit, float32(1/vec.Norm(unit)))
				questions = append(questions, c.ask(unit))
			}
			s := c.sevens(questions)
			if s.exact != (batch >= exactFrom) {
				t.Fatalf("batch of %d: exact is %v", batch, s.exact)
			}
			withinSevens(t, s, c, rows, questions)
		}
	}
}

func withinSevens(t *testing.T, s *sevens, c *codes, rows []float32, questions []question) {
	t.Helper()
	n := len(c.scale)
	w := &sevenRows{rows: make([]byte, sevenChunk*vec.SevensStride(c.dim))}
	s.load(w, c, rows, 0, n)
	sums, scores := make([]int32, n*vec.PanelWidth), make([]float32, n)
	for _, p := range s.panels() {
		vec.MultiplySevens(sums, p.packed, w.rows[:n*vec.SevensStride(c.dim)], &p.start)
		for i := range min(vec.PanelWidth, len(s.questions)-p.first) {
			q, unit := &s.questions[p.first+i], questions[p.first+i].unit
			vec.Product(scores, unit, rows, c.dim)
			for row, score := range scores {
				middle := float32(w.scale[row]*float32(sums[row*vec.PanelWidth+i])) + float32(w.along[row]*p.along[i])
				off, wide := math.Abs(float64(score)-q.offset-q.step*float64(middle)), q.step*float64(w.rest[row])*float64(p.weight[i])
				if off > wide+q.slack {
					t.Fatalf("width %d, batch of %d: row %d scores %g, %g from where its sevens put it, bound %g", c.dim, len(s.questions), row, score, off, wide+q.slack)
				}
				if upper := middle + float32(w.rest[row]*p.weight[i]); upper < q.least(score) {
					t.Fatalf("width %d, batch of %d: row %d scores %g and is turned away at that floor", c.dim, len(s.questions), row, score)
				}
			}
		}
	}
}
