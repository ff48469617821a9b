package flat

import (
	"math"

	"github.com/saedb/saedb/internal/vec"
)

// question is a query as the bytes of codes are asked for it. It knows in which range the float32 score of a row lies, that is
// what vec.Product makes of the query and the row. With s and c for a row's scale and bytes, r for its remainder, and the query split
// in the same way, unit = step·wide + e:
//
//	unit·row = unit·mean + step·s·(wide·c) + e·(s·c) + unit·r
//	         = offset    + step·s·sum      ± |e|·reach ± |unit|·rest
//
// and the score differs from unit·row by at most what its roundings amount to. So score = offset + step·(s·sum ± rest·weight) ± slack.
// The sum is an exact integer. The query has 16 bits a value, so that |e| is far below rest and costs nothing.
type question struct {
	unit   []float32
	wide   []int16
	step   float64
	weight float32 // at least |unit|/step
	offset float64
	slack  float64
}

// rounding is the unit of float32 arithmetic: an operation is off by at most this part of its result.
const rounding = 1.0 / (1 << 24)

func (c *codes) ask(unit []float32) question {
	// With values up to that, a sum of bytes from -127 to 127 cannot overflow an int32.
	return c.askUpTo(unit, math.Floor(min(math.MaxInt16, math.MaxInt32/(128*float64(c.dim)))))
}

// askUpTo is ask with values of the query up to top.
func (c *codes) askUpTo(unit []float32, top float64) question {
	most := 0.0
	for _, v := range unit {
		most = max(most, math.Abs(float64(v)))
	}
	return c.askBy(unit, most/max(top, 1), top)
}

// askBy is ask with values of the query that are multiples of step, from -top to top.
func (c *codes) askBy(unit []float32, step, top float64) question {
	q := question{unit: unit, wide: make([]int16, c.dim), step: 1}
	if top > 0 && step > 0 {
		q.step = step
		inverse := 1 / step
		for j, v := range unit {
			q.wide[j] = int16(max(-top, min(top, math.RoundToEven(float64(v)*inverse))))
		}
	}
	var square, left float64
	for j, v := range unit {
		e := float64(v) - q.step*float64(q.wide[j])
		left += e * e
		square += float64(v) * float64(v)
		q.offset += float64(v) * float64(c.mean[j])
	}
	norm, e := float64(upper(math.Sqrt(square))), float64(upper(math.Sqrt(left)))
	q.weight = upper(norm / q.step)
	q.slack = e*float64(c.reach) + c.scoreError(norm) + c.boundError(norm, e)
	q.slack += 1e-12 + float64(c.dim)*norm*vec.Norm(c.mean)/(1<<52) // of offset
	return q
}

// scoreError bounds the roundings of vec.Product: a product and an addition for each column of a run, then one for each run. No row is
// longer than its parts together.
func (c *codes) scoreError(norm float64) float64 {
	n := float64(vec.Roundings(c.dim)) * rounding
	return n / (1 - n) * norm * c.longest()
}

// longest returns a length that no row has, nor any of its parts.
func (c *codes) longest() float64 {
	return vec.Norm(c.mean)*(1+1e-9) + float64(c.reach) + float64(c.widest)
}

// boundError bounds the roundings of scale·sum ± rest·weight in float32, times step: each part is rounded twice or thrice, then their
// sum.
func (c *codes) boundError(norm, e float64) float64 {
	return 5 * rounding * ((norm+e)*float64(c.reach) + norm*float64(c.widest))
}

// least returns what scale·sum + rest·weight comes to at least, for a row whose score is at least floor.
func (q *question) least(floor float32) float32 { return q.leastOf(float64(floor)) }

func (q *question) leastOf(floor float64) float32 {
	return below((floor - q.offset - q.slack) / q.step)
}

// leastFor returns what a row that is of interest to a list for q, the same query asked in another way, comes to at least here. It scores at
// least floor: what is least there leaves out the slack that bounds have beside that.
func (q *question) leastFor(other *question, list *shortlist) float32 {
	floor := other.offset + other.step*float64(list.least) + other.slack
	return q.leastOf(floor)
}

// gap is by how much scale·sum + rest·weight of a row may lie below scale·sum - rest·weight of another that scores less.
func (q *question) gap() float64 { return 2 * q.slack / q.step }
