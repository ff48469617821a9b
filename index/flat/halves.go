package flat

import (
	"math"
	"math/bits"

	"github.com/saedb/saedb/internal/huge"
	"github.com/saedb/saedb/internal/vec"
)

// halves are rows rounded to half a byte for each value, beside their codes: half of what a scan of bytes reads. With n from 0 to 15 for
// the half bytes of row i, row = mean + scale[i]·(2n-15) + a remainder of length rest[i] at most. That bound is ten times as wide as the bytes', so a
// scan of halves leaves rows in doubt, whose bytes are looked at then. It pays where the table is larger than the caches and few rows come near the
// best: among pictures that is so, among texts not always, and a scan that finds too many in doubt goes on with bytes alone.
type halves struct {
	*codes  // no bytes: mean, scale, rest, reach and widest of the halves
	nibbles []byte
}

const (
	halvesFrom = 1 << 16 // rows from which on they pay: fewer bytes lie in the third-level cache in part
	narrower   = .7      // of the range of a row that half bytes cover: a few values are cut off, and the others are finer
	doubt      = 4       // a scan goes on without halves once one row in so many is in doubt
	doubtAfter = 16      // blocks, which one in so many are looked at before that is said
)

// halve makes the halves of codes, on up to threads goroutines; nil where the width is none that vec.DotNibbles takes.
func (c *codes) halve(threads int) *halves {
	if c.dim%vec.NibbleTurn != 0 {
		return nil
	}
	n := len(c.scale)
	h := &halves{codes: &codes{dim: c.dim, mean: c.mean}, nibbles: huge.Make[byte](n * c.dim / 2)}
	h.scale, h.rest = make([]float32, n), make([]float32, n)
	reach, values := make([]float32, threads), make([][]byte, threads)
	vec.Parallel(threads, n, grain, func(worker, lo, hi int) {
		if values[worker] == nil {
			values[worker] = make([]byte, c.dim)
		}
		for i := lo; i < hi; i++ {
			reach[worker] = max(reach[worker], h.set(c, i, values[worker]))
		}
	})
	for _, r := range reach {
		h.reach = max(h.reach, r)
	}
	for _, r := range h.rest {
		h.widest = max(h.widest, r)
	}
	return h
}

// set makes the halves of row i from its bytes, and returns an upper bound for the length of scale·(2n-15). The remainder is that of the bytes
// and what lies between them and the halves. values is scratch.
func (h *halves) set(c *codes, i int, values []byte) (length float32) {
	most := 0
	bytes := c.bytes[i*c.dim : (i+1)*c.dim]
	for _, b := range bytes {
		most = max(most, int(b), -int(b))
	}
	unit := max(narrower*float64(most)/15, 1e-3) // of the bytes' scale
	h.scale[i] = float32(unit * float64(c.scale[i]))
	var left, square float64
	inverse := float32(1 / (2 * unit))
	for j, b := range bytes {
		v := min(max(int(float32(b)*inverse+8), 0), 15)
		values[j] = byte(v)
		part := float64(h.scale[i]) * float64(2*v-15)
		r := float64(c.scale[i])*float64(b) - part
		left += r * r
		square += part * part
	}
	vec.PackNibbles(h.nibbles[i*c.dim/2:(i+1)*c.dim/2], values)
	h.rest[i] = upper(math.Sqrt(left) + float64(c.rest[i]))
	return upper(math.Sqrt(square))
}

// coarse is a question as halves are asked for it.
type coarse struct {
	question
	narrow []int8
	bias   int32
}

// topByte is the largest value of a query for halves.
const topByte = 127

func (h *halves) ask(unit []float32) coarse {
	q := coarse{question: h.askUpTo(unit, topByte), narrow: make([]int8, h.dim)}
	sum := int32(0)
	for j, v := range q.wide {
		q.narrow[j] = int8(v)
		sum += int32(v)
	}
	q.bias = 15 * sum
	return q
}

// scanHalves is scan for one query over large tables.
func (l *lookup) scanHalves() {
	coarse := l.halves.ask(l.questions[0].unit)
	q := &l.questions[0]
	vec.Parallel(l.threads, len(l.ords), 8*block, func(worker, from, to int) {
		list := &l.lists[worker][0]
		for lo := from; lo < to; lo += block {
			hi := min(lo+block, to)
			if l.ended(lo, hi) {
				return
			}
			l.scanBlock(q, &coarse, list, lo, hi)
		}
	})
}

// scanBlock looks at the rows from lo to hi, a block at most: at their bytes, if their halves leave them in doubt or tell too little.
func (l *lookup) scanBlock(q *question, c *coarse, list *shortlist, lo, hi int) {
	n := hi - lo
	var sums [block]int32
	var mask [block / 8]byte
	if list.blocks > doubtAfter && list.doubted*doubt > list.blocks*block || len(list.lows) < list.k {
		vec.DotInt8(sums[:n], q.wide, l.bytes[lo*l.codes.dim:hi*l.codes.dim])
		vec.Reach(mask[:], sums[:n], l.codes.scale[lo:hi], l.codes.rest[lo:hi], q.weight, list.least)
		for b, set := range mask[:(n+7)/8] {
			for ; set != 0; set &= set - 1 {
				j := 8*b + bits.TrailingZeros8(set)
				l.offer(list, q, lo+j, sums[j])
			}
		}
		return
	}
	h := l.halves
	vec.DotNibbles(sums[:n], c.narrow, h.nibbles[lo*h.dim/2:hi*h.dim/2])
	for j := range sums[:n] {
		sums[j] = 2*sums[j] - c.bias
	}
	// A row of interest scores at least floor: least leaves out the slack that bounds have beside that.
	floor := q.offset + q.step*float64(list.least) + q.slack
	vec.Reach(mask[:], sums[:n], h.scale[lo:hi], h.rest[lo:hi], c.weight, c.leastOf(floor))
	var rows [block]uint32
	left := 0
	for b, set := range mask[:(n+7)/8] {
		for ; set != 0; set &= set - 1 {
			rows[left] = uint32(lo + 8*b + bits.TrailingZeros8(set))
			left++
		}
	}
	list.blocks, list.doubted = list.blocks+1, list.doubted+left
	vec.DotInt8At(sums[:left], q.wide, l.bytes, rows[:left])
	for j, row := range rows[:left] {
		l.offer(list, q, int(row), sums[j])
	}
}
