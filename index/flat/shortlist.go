package flat

import (
	"math"
	"slices"
)

// candidate is a row that may be a hit: its score is at most that of upper.
type candidate struct {
	upper float32
	row   uint32
}

// shortlist collects the rows that may be among the k best for a question, by the bounds that codes put on their scores: those whose
// upper bound reaches the k-th largest lower bound. Bounds are scale·sum ± rest·weight.
type shortlist struct {
	k, most int
	gap     float64
	lows    []float32 // the k largest lower bounds, a heap with the least at the root
	rows    []candidate
	least   float32 // upper bounds below this are of no interest

	tops  []float32   // the k largest scores of rows by their halves or sevens, a heap as lows is
	later []candidate // rows that these leave in doubt; upper is a bound by them
	seen  int         // rows that were looked at by halves since later was empty
	plain bool        // halves are not looked at any more

	crowded bool // more than most rows are left: nothing is collected any more
}

// newShortlist returns a list that gives up at twice most rows.
func newShortlist(k, most int, q *question) shortlist {
	return shortlist{k: k, most: most, gap: q.gap(), least: float32(math.Inf(-1))}
}

// offer considers a row.
func (l *shortlist) offer(row uint32, lower, upper float32) {
	if upper < l.least || l.crowded {
		return
	}
	l.rows = append(l.rows, candidate{upper, row})
	l.low(lower)
	if len(l.rows) >= 2*l.most {
		l.trim()
	}
}

// low considers a lower bound, and raises least where that makes a difference.
func (l *shortlist) low(lower float32) {
	if len(l.lows) == l.k && lower <= l.lows[0] {
		return
	}
	if l.lows = keep(l.lows, l.k, lower); len(l.lows) == l.k {
		l.least = max(l.least, below(float64(l.lows[0])-l.gap))
	}
}

// promises reports whether a row with that score by its halves looks like one of the k best up to now.
func (l *shortlist) promises(middle float32) bool { return len(l.tops) < l.k || middle > l.tops[0] }

// keep adds v, which is larger than the least of h, to h, a heap of at most k numbers.
func keep(h []float32, k int, v float32) []float32 {
	if len(h) < k {
		h = append(h, v)
		up(h)
		return h
	}
	h[0] = v
	down(h)
	return h
}

// trim drops the rows that are of no interest any more, or gives up.
func (l *shortlist) trim() {
	l.rows = slices.DeleteFunc(l.rows, func(c candidate) bool { return c.upper < l.least })
	if len(l.rows) > l.most {
		l.crowded, l.rows = true, nil
	}
}

// join adds what another list for the same question collected among other rows.
func (l *shortlist) join(other *shortlist) {
	l.crowded = l.crowded || other.crowded
	for _, low := range other.lows {
		l.low(low)
	}
	l.rows = append(l.rows, other.rows...)
}

func up(h []float32) {
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if h[parent] <= h[i] {
			return
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

func down(h []float32) {
	for i := 0; ; {
		child := 2*i + 1
		if child+1 < len(h) && h[child+1] < h[child] {
			child++
		}
		if child >= len(h) || h[i] <= h[child] {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}
