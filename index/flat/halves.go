package flat

import (
	"math"
	"math/bits"

	"github.com/saedb/saedb/internal/huge"
	"github.com/saedb/saedb/internal/vec"
)

// halves are rows rounded to half a byte for each value, beside their codes: half of what a scan of bytes reads. With n from 0 to 15 for
// the half bytes of row i,
//
//	row = mean + scale[i]·(n-7.5) + remainder of the bytes + e,    2·|remainder of the bytes| + |e| ≤ rest[i],    |e·shared[m]| ≤ along[m].
//
// The factor of 2 is for queries of which half is their own, beyond what they share. The bound is ten times as wide as the bytes', so a scan of
// halves leaves rows in doubt, whose bytes are looked at then. It pays where the table is larger than the caches.
type halves struct {
	*codes  // no bytes: mean, scale, rest, reach and widest of the halves
	nibbles []byte
	shared  []float32 // (m,dim)
	along   []float32 // (m)
	bytes   float32   // no remainder of bytes is longer
	most    float32   // no scale is larger
}

const (
	halvesFrom = 1 << 16 // rows from which on they pay: fewer bytes lie in the third-level cache in part
	bytesTwice = 2       // times the remainder of the bytes are part of rest
	doubt      = 3       // a scan goes on without halves once one row in so many is in doubt,
	doubtLeast = 32      // and these are one row in so many of all
)

// halve makes the halves of codes for queries that have much along shared, on up to threads goroutines; nil where the width is none that
// vec.DotNibbles takes.
func (c *codes) halve(shared []float32, threads int) *halves {
	if c.dim%vec.NibbleTurn != 0 {
		return nil
	}
	n, m := len(c.scale), len(shared)/c.dim
	h := &halves{codes: &codes{dim: c.dim, mean: c.mean}, nibbles: huge.Make[byte](n * c.dim / 2), shared: shared, along: make([]float32, m), bytes: c.widest}
	h.scale, h.rest = make([]float32, n), make([]float32, n)
	work := make([]*halving, threads)
	vec.Parallel(threads, n, grain, func(worker, lo, hi int) {
		if work[worker] == nil {
			work[worker] = &halving{values: make([]byte, c.dim), left: make([]float32, c.dim), along: make([]float64, m), most: make([]float32, m)}
		}
		for i := lo; i < hi; i++ {
			h.set(c, i, work[worker])
		}
	})
	for _, w := range work {
		if w == nil {
			continue
		}
		h.reach = max(h.reach, w.reach)
		for k, most := range w.most {
			h.along[k] = max(h.along[k], most)
		}
	}
	for i, r := range h.rest {
		h.widest, h.most = max(h.widest, r), max(h.most, h.scale[i])
	}
	return h
}

// size returns how much memory halves take beside their codes.
func (h *halves) size() int64 {
	return int64(len(h.nibbles)) + 4*int64(len(h.scale)+len(h.rest)+len(h.shared)+len(h.along))
}

// halving is what one goroutine makes halves with.
type halving struct {
	values []byte    // of a row, a half byte each
	left   []float32 // what lies between the bytes of a row and its halves, in the bytes' scale
	along  []float64 // left along each of the shared directions
	reach  float32   // no scale·(n-7.5) is longer, so far
	most   []float32 // the largest of along, so far
}

// set makes the halves of row i from its bytes.
func (h *halves) set(c *codes, i int, w *halving) {
	bytes := c.bytes[i*c.dim : (i+1)*c.dim]
	unit := halfUnit(bytes)
	w.round(bytes, unit)
	w.balance(h.shared, unit)
	vec.PackNibbles(h.nibbles[i*c.dim/2:(i+1)*c.dim/2], w.values)
	h.scale[i] = 2 * unit * c.scale[i]
	clear(w.along)
	var left, square float64
	for j, b := range bytes {
		part := float64(h.scale[i]) * (float64(w.values[j]) - 7.5)
		e := float64(c.scale[i])*float64(b) - part
		left += e * e
		square += part * part
		for m := range w.along {
			w.along[m] += e * float64(h.shared[m*c.dim+j])
		}
	}
	h.rest[i] = upper(math.Sqrt(left) + bytesTwice*float64(c.rest[i]))
	w.reach = max(w.reach, upper(math.Sqrt(square)))
	for m, a := range w.along {
		w.most[m] = max(w.most[m], upper(math.Abs(a)))
	}
}

// halfUnits are candidates for how far the largest half byte reaches, as parts of the root mean square of a row: for even values the first is the
// best, and a row with some large ones needs more.
var halfUnits = [...]float32{2.5, 2.9, 3.4}

// halfUnit returns half the scale of a row's halves in that of its bytes, of some candidates that which leaves the least of every fourth value.
func halfUnit(bytes []int8) float32 {
	square, most := 0, 0
	for _, b := range bytes {
		square += int(b) * int(b)
		most = max(most, int(b), -int(b))
	}
	rms := float32(math.Sqrt(float64(square) / float64(len(bytes))))
	best, least := float32(1e-3), float32(math.Inf(1))
	for _, u := range halfUnits {
		unit := max(min(u*rms, float32(most))/15, 1e-3)
		left := float32(0)
		for j := 0; j < len(bytes); j += 4 {
			e := float32(bytes[j]) - unit*float32(2*nearestHalf(bytes[j], 1/(2*unit))-15)
			left += e * e
		}
		if left < least {
			best, least = unit, left
		}
	}
	return best
}

// nearestHalf returns the half byte of a byte; inverse is 1 over the scale of halves.
func nearestHalf(b int8, inverse float32) int {
	return min(max(int(float32(b)*inverse+8), 0), 15)
}

// round gives each byte of a row its nearest half byte.
func (w *halving) round(bytes []int8, unit float32) {
	inverse := 1 / (2 * unit)
	for j, b := range bytes {
		v := nearestHalf(b, inverse)
		w.values[j], w.left[j] = byte(v), float32(b)-unit*float32(2*v-15)
	}
}

// balance gives some values that lie nearly between two half bytes the other one, until hardly anything is left of the row along the shared
// directions. The remainder grows by a hundredth or two in length.
func (w *halving) balance(shared []float32, unit float32) {
	dim := len(w.left)
	for m := range w.along {
		a := float32(0)
		for j, v := range shared[m*dim : (m+1)*dim] {
			a += w.left[j] * v
		}
		w.along[m] = float64(a)
	}
	for _, near := range [...]float32{.85, .6, .3, 0} {
		if most(w.along) < float64(unit)/10 {
			return
		}
		for j, e := range w.left {
			up := e > 0
			if max(e, -e) < near*unit || up && w.values[j] == 15 || !up && w.values[j] == 0 {
				continue
			}
			step := 2 * unit
			if !up {
				step = -step
			}
			gain := 0.0
			for m, a := range w.along {
				change := float64(step * shared[m*dim+j])
				gain += change * (2*a - change)
			}
			if gain <= 0 {
				continue
			}
			w.left[j] -= step
			for m := range w.along {
				w.along[m] -= float64(step * shared[m*dim+j])
			}
			if up {
				w.values[j]++
			} else {
				w.values[j]--
			}
		}
	}
}

// coarse is a question as halves are asked for it.
type coarse struct {
	question
	narrow []int8
	start  int32
}

// topByte is the largest value of a query for halves.
const topByte = 127

// ask is that of codes, but for the part of the query that shared directions have: along them no remainder is longer than along says.
func (h *halves) ask(unit []float32) coarse {
	q := coarse{question: h.askUpTo(unit, topByte), narrow: make([]int8, h.dim)}
	along, own := apart(unit, h.shared, h.along)
	norm := float64(q.weight) * q.step
	q.weight = upper(own / q.step)
	q.slack += float64(upper(along + max(0, norm-bytesTwice*own)*float64(h.bytes)))
	sum := int32(0)
	for j, v := range q.wide {
		q.narrow[j] = int8(v)
		sum += int32(v)
	}
	q.start = int32(math.RoundToEven(-7.5 * float64(sum)))
	q.slack += float64(upper(q.step * float64(h.most) / 2)) // start is rounded
	return q
}

// scanHalves is scan for one query over large tables. Of the rows that their halves leave in doubt, those that look like hits are looked at by
// their bytes at once, which tells early what a row must reach; the others when all halves are read, and few of them are left.
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
			if list.plain {
				l.scanBlock(q, list, lo, hi)
			} else {
				l.scanHalfBlock(q, &coarse, list, lo, hi)
			}
		}
	})
	least := l.raised(0)
	vec.Parallel(l.threads, len(l.lists), 1, func(_, w, _ int) {
		list := &l.lists[w][0]
		list.least = max(list.least, least)
		l.lookLater(q, &coarse.question, list)
	})
}

// scanHalfBlock looks at the halves of the rows from lo to hi, a block at most.
func (l *lookup) scanHalfBlock(q *question, c *coarse, list *shortlist, lo, hi int) {
	h, n := l.halves, hi-lo
	var sums [block]int32
	var mask [block / 8]byte
	vec.DotNibbles(sums[:n], c.narrow, h.nibbles[lo*h.dim/2:hi*h.dim/2], c.start)
	vec.Reach(mask[:], sums[:n], h.scale[lo:hi], h.rest[lo:hi], c.weight, c.leastFor(q, list))
	var now [block]uint32
	hits := now[:0]
	for b, set := range mask[:(n+7)/8] {
		for ; set != 0; set &= set - 1 {
			j := 8*b + bits.TrailingZeros8(set)
			middle := float32(h.scale[lo+j] * float32(sums[j]))
			if list.promises(middle) && l.answers(lo+j) {
				list.tops = keep(list.tops, list.k, middle)
				hits = append(hits, uint32(lo+j))
			} else {
				list.later = append(list.later, candidate{middle + float32(h.rest[lo+j]*c.weight), uint32(lo + j)})
			}
		}
	}
	l.look(q, list, hits)
	if list.seen += n; len(list.later)*doubt > list.seen && len(list.later)*doubtLeast > len(l.ords) {
		list.plain = l.lookLater(q, &c.question, list)*doubt > list.seen
		list.seen = 0
	}
}

func most(x []float64) (m float64) {
	for _, v := range x {
		m = max(m, v, -v)
	}
	return m
}
