package flat

import (
	"context"
	"math"
	"math/bits"
	"slices"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/internal/vec"
)

// block is the number of rows between two looks at what a row must reach: 64 KB of bytes at 512 values. chunk is the same where 16
// queries are asked at once, and their sums should stay in the first-level cache beside the rows.
const (
	block = 128
	chunk = 48
)

// crowd decides when a shortlist gives up: with one row in 16 left, which lie apart from each other, reading all rows in the order of
// memory is as fast. Small tables may have crowdLeast rows left.
const (
	crowd      = 16
	crowdLeast = 512
)

// panelFrom is the number of queries from which on 16 at once are faster than one after the other.
const panelFrom = 5

// lookup answers a batch of queries exactly in three steps: it bounds the scores of all rows by their bytes, keeps the rows whose upper
// bound reaches the k-th largest lower bound, and computes the scores of those.
type lookup struct {
	table
	*codes
	halves     *halves // of codes; nil: none
	ctx        context.Context
	threads, k int
	filter     index.Filter
	skip       *roaring.Bitmap        // rows that do not count; nil: none
	check      func(lo, hi int) error // asked before bytes are read; nil: nobody
	checkRows  func(lo, hi int) error // asked before rows are read; nil: nobody
	bad        atomic.Pointer[error]  // the first error of check
	questions  []question
	lists      [][]shortlist // [worker][query]
}

// run returns the hits for each of the units, (n,dim).
func (l *lookup) run(units []float32) ([][]index.Hit, error) {
	n := len(units) / l.codes.dim
	most := max(crowdLeast, len(l.ords)/crowd)
	if l.k >= most || len(l.ords) == 0 {
		return l.plain(units)
	}
	l.questions = make([]question, n)
	for i := range l.questions {
		l.questions[i] = l.ask(units[i*l.codes.dim : (i+1)*l.codes.dim])
	}
	l.lists = make([][]shortlist, l.threads)
	for w := range l.lists {
		l.lists[w] = make([]shortlist, n)
		for i := range l.lists[w] {
			l.lists[w][i] = newShortlist(l.k, most, &l.questions[i])
		}
	}
	switch {
	case l.filter != nil && l.filter.GetCardinality() < uint64(len(l.ords)/gatherBelow):
		l.gather()
	case n >= panelFrom && l.codes.dim <= sevensWidest:
		l.scanPanels()
	case n == 1 && l.halves != nil:
		l.scanHalves()
	default:
		l.scan()
	}
	if err := l.ctx.Err(); err != nil {
		return nil, err
	}
	if err := l.bad.Load(); err != nil {
		return nil, *err
	}
	return l.settle()
}

// plain answers by the scores of all rows: it needs no bytes.
func (l *lookup) plain(units []float32) ([][]index.Hit, error) {
	s := newSearch(l.ctx, l.table, l.codes.dim, l.threads, units, l.k)
	s.skip, s.check = l.skip, l.checkRows
	s.run(l.filter)
	return s.hits()
}

// ended reports whether the lookup is over: by its context, or because the rows from lo to hi cannot be read.
func (l *lookup) ended(lo, hi int) bool {
	if l.ctx.Err() != nil || l.bad.Load() != nil {
		return true
	}
	return !l.well(l.check, lo, hi)
}

// well asks whether the rows from lo to hi may be read, and keeps the first error.
func (l *lookup) well(check func(lo, hi int) error, lo, hi int) bool {
	if check == nil {
		return true
	}
	err := check(lo, hi)
	if err != nil {
		l.bad.CompareAndSwap(nil, &err)
	}
	return err == nil
}

// answers reports whether row i may be a hit.
func (l *lookup) answers(i int) bool {
	ord := l.ords[i]
	return (l.filter == nil || l.filter.Contains(ord)) && (l.skip == nil || !l.skip.Contains(ord))
}

// offer puts row i on a list, for which sum is its product of bytes. The filter is asked of good rows only.
func (l *lookup) offer(list *shortlist, q *question, i int, sum int32) {
	middle, wide := float32(l.codes.scale[i]*float32(sum)), float32(l.codes.rest[i]*q.weight)
	if middle+wide >= list.least && l.answers(i) {
		list.offer(uint32(i), middle-wide, middle+wide)
	}
}

// scan asks one query after the other, block by block.
func (l *lookup) scan() {
	vec.Parallel(l.threads, len(l.ords), 8*block, func(worker, from, to int) {
		for lo := from; lo < to; lo += block {
			hi := min(lo+block, to)
			if l.ended(lo, hi) {
				return
			}
			for i := range l.questions {
				l.scanBlock(&l.questions[i], &l.lists[worker][i], lo, hi)
			}
		}
	})
}

// scanBlock looks at the bytes of the rows from lo to hi, a block at most.
func (l *lookup) scanBlock(q *question, list *shortlist, lo, hi int) {
	var sums [block]int32
	var mask [block / 8]byte
	vec.DotInt8(sums[:hi-lo], q.wide, l.bytes[lo*l.codes.dim:hi*l.codes.dim])
	vec.Reach(mask[:], sums[:hi-lo], l.codes.scale[lo:hi], l.codes.rest[lo:hi], q.weight, list.least)
	for b, set := range mask[:(hi-lo+7)/8] {
		for ; set != 0; set &= set - 1 {
			j := 8*b + bits.TrailingZeros8(set)
			l.offer(list, q, lo+j, sums[j])
		}
	}
}

// gather looks up the rows that a small filter lets through.
func (l *lookup) gather() {
	var rows [block]uint32
	n := 0
	for it := l.filter.Iterator(); it.HasNext(); {
		ord := it.Next()
		i, ok := l.find(ord)
		if !ok || l.ended(i, i+1) {
			continue
		}
		rows[n] = uint32(i)
		if n++; n == block {
			l.gathered(rows[:n])
			n = 0
		}
	}
	l.gathered(rows[:n])
}

func (l *lookup) gathered(rows []uint32) {
	var sums [block]int32
	for i := range l.questions {
		vec.DotInt8At(sums[:len(rows)], l.questions[i].wide, l.bytes, rows)
		for j, row := range rows {
			l.offer(&l.lists[0][i], &l.questions[i], int(row), sums[j])
		}
	}
}

// raised returns what a row must reach by its bytes to be of interest for a question, by the scores of the k rows that look best to all workers.
func (l *lookup) raised(i int) float32 {
	q, least := &l.questions[i], float32(math.Inf(-1))
	var uppers []float32
	for w := range l.lists {
		list := &l.lists[w][i]
		least = max(least, list.least)
		for _, c := range list.rows {
			uppers = append(uppers, c.upper)
		}
	}
	if len(uppers) < l.k {
		return least
	}
	promising := kth(make([]float32, 0, l.k), uppers, l.k)
	best := shortlist{k: l.k}
	for w := range l.lists {
		for _, c := range l.lists[w][i].rows {
			if c.upper >= promising {
				best.rows = append(best.rows, c)
			}
		}
	}
	if hits := l.score(&best, q); len(hits) >= l.k {
		least = max(least, q.least(hits[l.k-1].Score))
	}
	return least
}

// lookLater looks at the rows of later that are still of interest, and returns how many that were. q asks for bytes, c asked for less than these.
func (l *lookup) lookLater(q, c *question, list *shortlist) (n int) {
	least := c.leastFor(q, list)
	var rows [block]uint32
	some := rows[:0]
	for _, r := range list.later {
		if r.upper < least {
			continue
		}
		if some = append(some, r.row); len(some) == block {
			n += block
			l.look(q, list, some)
			some, least = rows[:0], c.leastFor(q, list)
		}
	}
	l.look(q, list, some)
	list.later = list.later[:0]
	return n + len(some)
}

// look looks at the bytes of rows, a block at most.
func (l *lookup) look(q *question, list *shortlist, rows []uint32) {
	var sums [block]int32
	vec.DotInt8At(sums[:len(rows)], q.wide, l.bytes, rows)
	for j, row := range rows {
		l.offer(list, q, int(row), sums[j])
	}
}

// settle joins what the workers collected and computes scores until no row that is left can be a hit. Queries that too many rows are
// left for are asked again, all rows.
func (l *lookup) settle() ([][]index.Hit, error) {
	all := make([][]index.Hit, len(l.questions))
	vec.Parallel(l.threads, len(all), 1, func(_, i, _ int) {
		list := &l.lists[0][i]
		for w := 1; w < len(l.lists); w++ {
			list.join(&l.lists[w][i])
		}
		if list.trim(); !list.crowded {
			all[i] = l.score(list, &l.questions[i])
		}
	})
	if err := l.bad.Load(); err != nil {
		return nil, *err
	}
	var again []int
	var units []float32
	for i := range all {
		if l.lists[0][i].crowded {
			again, units = append(again, i), append(units, l.questions[i].unit...)
		}
	}
	if len(again) == 0 {
		return all, l.ctx.Err()
	}
	hits, err := l.plain(units)
	if err != nil {
		return nil, err
	}
	for j, i := range again {
		all[i] = hits[j]
	}
	return all, nil
}

// scoredAtOnce is twice as many rows as vec.ProductRows takes beside each other.
const scoredAtOnce = 16

// score computes the scores of the rows on a list, the best bound first.
func (l *lookup) score(list *shortlist, q *question) []index.Hit {
	slices.SortFunc(list.rows, func(a, b candidate) int {
		switch {
		case a.upper > b.upper:
			return -1
		case a.upper < b.upper:
			return 1
		}
		return int(a.row) - int(b.row)
	})
	best := index.NewBest(l.k)
	var rows [scoredAtOnce][]float32
	var scores [scoredAtOnce]float32
	for at := 0; at < len(list.rows); at += scoredAtOnce {
		some := list.rows[at:min(at+scoredAtOnce, len(list.rows))]
		if floor, full := best.Floor(); full && some[0].upper < q.least(floor) {
			break
		}
		for i, c := range some {
			if !l.well(l.checkRows, int(c.row), int(c.row)+1) {
				return nil
			}
			rows[i] = l.rows[int(c.row)*l.codes.dim:][:l.codes.dim]
		}
		vec.ProductRows(scores[:len(some)], q.unit, rows[:len(some)])
		for i, c := range some {
			best.Offer(index.Hit{Ord: l.ords[c.row], Score: scores[i]})
		}
	}
	return best.Hits()
}
