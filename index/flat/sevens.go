package flat

import (
	"math"
	"math/bits"
	"slices"

	"github.com/saedb/saedb/internal/vec"
)

// sevens are the seven upper bits of codes, made chunk by chunk while a batch of queries passes: a byte c is 2u-127.5 and half a step, so with u
// for the seven bits of row i,
//
//	row = mean + scale·(2u-127.5) + e + remainder of the bytes,    |e| ≤ scale·√dim/2.
//
// Products of seven bits with queries of eight are twice as fast as those that the bytes' own bounds need, and leave one row in a hundred or so in
// doubt, whose bytes are looked at then.
type sevens struct {
	*codes             // no bytes: mean, reach and widest of the sevens
	half      float64  // √dim/2
	most      float64  // no scale is larger
	bytes     float64  // no remainder of bytes is longer
	middle    question // of the batch
	times     float64  // how often the remainder of the bytes counts in that of the sevens
	exact     bool     // what rows have with the middle is found by their float32 values
	questions []narrowed
}

// What a row has with the middle of a batch is found by its bytes, or by its float32 values where the batch is large enough to pay for reading all
// of them. By bytes, their remainder counts once for own and up to twice for share·middle, which may be longer.
const (
	exactFrom  = 128 // queries
	timesBytes = 3
)

// sevensWidest is a width at which no product of sevens comes near to an overflow: each turn of columns adds 65,534 at most.
const sevensWidest = 1 << 18

// sevens returns those of codes for a batch of questions.
func (c *codes) sevens(questions []question) *sevens {
	s := &sevens{codes: &codes{dim: c.dim, mean: c.mean}, half: float64(upper(math.Sqrt(float64(c.dim)) / 2)), bytes: float64(c.widest)}
	if len(c.scale) > 0 {
		s.most = float64(slices.Max(c.scale))
	}
	if s.times, s.exact = timesBytes, len(questions) >= exactFrom; s.exact {
		s.times = 1
	}
	s.reach, s.widest = upper(float64(c.reach)+s.half*s.most), upper(s.times*float64(c.widest)+s.half*s.most)
	if middle := middleOf(questions, c.dim); s.exact {
		s.middle = question{unit: middle, step: 1, slack: c.scoreError(vec.Norm(middle))}
	} else {
		s.middle = c.ask(middle)
	}
	for i := range questions {
		s.questions = append(s.questions, s.ask(questions[i].unit))
	}
	return s
}

// narrowed is a question as sevens are asked for it, for what sets the query apart from the middle of its batch:
//
//	unit = share·middle + own + e,    |e| a rounding of float32.
//
// The sevens answer for own, with scale·2·(product + start) for what scale·sum is for bytes; what a row has with middle is found once for the whole
// batch and enters with the factor along.
type narrowed struct {
	question
	narrow []int8
	start  int32
	along  float32
}

func (s *sevens) ask(unit []float32) narrowed {
	const top = 127
	own, share, rounded := s.apart(unit)
	step := s.stepOf(own, top)
	q := narrowed{question: s.askBy(own, step, top), narrow: make([]int8, s.dim)}
	sum := int32(0)
	for j, v := range q.wide {
		q.narrow[j] = int8(v)
		sum += int32(v)
	}
	q.start = int32(math.RoundToEven(-127.5 / 2 * float64(sum)))
	q.along = float32(share * s.middle.step / q.step)
	q.offset += share * s.middle.offset
	norm, of, shared := vec.Norm(unit), float64(q.weight)*q.step, math.Abs(share)*vec.Norm(s.middle.unit)*(1+1e-9)
	slack := q.step*s.most + math.Abs(share)*s.middle.slack + s.scoreError(norm) + rounded*s.longest()
	slack += 5 * rounding * (shared + of + norm) * s.longest() // of along, and of sums with it
	if !s.exact {
		slack += max(0, shared-(s.times-1)*of) * s.bytes
	}
	q.slack += float64(upper(slack))
	return q
}

// apart splits a query; rounded is a bound for |e|.
func (s *sevens) apart(unit []float32) (own []float32, share, rounded float64) {
	own = make([]float32, len(unit))
	dot, square := 0.0, 0.0
	for j, v := range s.middle.unit {
		dot += float64(unit[j]) * float64(v)
		square += float64(v) * float64(v)
	}
	if square > 1e-6 {
		share = dot / square
	}
	left := 0.0
	for j, v := range unit {
		exact := float64(v) - share*float64(s.middle.unit[j])
		own[j] = float32(exact)
		left += (exact - float64(own[j])) * (exact - float64(own[j]))
	}
	return own, share, float64(upper(math.Sqrt(left)))
}

// middleOf returns the mean of queries.
func middleOf(questions []question, dim int) []float32 {
	sum := make([]float64, dim)
	for _, q := range questions {
		for j, v := range q.unit {
			sum[j] += float64(v)
		}
	}
	middle := make([]float32, dim)
	for j, v := range sum {
		middle[j] = float32(v / float64(len(questions)))
	}
	return middle
}

// stepOf returns the smallest step by which a query may be divided and rounded.
func (s *sevens) stepOf(unit []float32, top float64) float64 {
	step, sums := 0.0, [2]float64{}
	for j, v := range unit {
		if j%vec.SevensTurn == 0 {
			sums = [2]float64{}
		}
		a := math.Abs(float64(v))
		sums[j%4/2] += a
		step = max(step, a/top, sums[j%4/2]/(vec.SevensMost-vec.SevensTurn/4)) // each rounding adds half a step at most
	}
	return step
}

// load makes the sevens of the rows from lo to hi, with their scales, doubled, the bounds of their remainders, and what they have with
// the middle of the batch.
func (s *sevens) load(w *sevenRows, c *codes, rows []float32, lo, hi int) {
	stride := vec.SevensStride(c.dim)
	for i := lo; i < hi; i++ {
		vec.Sevens(w.rows[(i-lo)*stride:][:c.dim], c.bytes[i*c.dim:(i+1)*c.dim])
		w.scale[i-lo] = 2 * c.scale[i]
		w.rest[i-lo] = above(s.times*float64(c.rest[i]) + s.half*float64(c.scale[i]))
	}
	if s.exact {
		vec.Product(w.along[:hi-lo], s.middle.unit, rows[lo*c.dim:hi*c.dim], c.dim)
		return
	}
	vec.DotInt8(w.sums[:hi-lo], s.middle.wide, c.bytes[lo*c.dim:hi*c.dim])
	for i, sum := range w.sums[:hi-lo] {
		w.along[i] = float32(c.scale[lo+i] * float32(sum))
	}
}

// sevenChunk is the number of rows that a panel meets at once: 96 KB at 512 values, which stay in the second-level cache, while the panel and its
// sums stay in the first.
const sevenChunk = 192

// sevenRows are the sevens of a chunk of rows, from first on.
type sevenRows struct {
	rows               []byte
	scale, rest, along [sevenChunk]float32
	sums               [sevenChunk * vec.PanelWidth]int32
	mask               [sevenChunk]uint16
	first, n           int
	sifted             []sifted // for each panel
}

// sevenPanel is 16 questions beside each other, or fewer at the end.
type sevenPanel struct {
	packed        []int8
	weight, along [vec.PanelWidth]float32
	start         [vec.PanelWidth]int32
	first         int
}

func (s *sevens) panels() []sevenPanel {
	panels := make([]sevenPanel, 0, len(s.questions)/vec.PanelWidth+1)
	for at := 0; at < len(s.questions); at += vec.PanelWidth {
		p := sevenPanel{first: at}
		var narrow []int8
		for i, q := range s.questions[at:min(at+vec.PanelWidth, len(s.questions))] {
			narrow = append(narrow, q.narrow...)
			p.weight[i], p.start[i], p.along[i] = q.weight, q.start, q.along
		}
		p.packed = vec.PackSevens(nil, narrow, s.dim)
		panels = append(panels, p)
	}
	return panels
}

// scanPanels asks all queries of a large batch, chunk by chunk. Of the rows that their sevens leave in doubt, those that look like hits are looked
// at by their bytes at once, the others when some have come together, or at the end.
func (l *lookup) scanPanels() {
	s := l.codes.sevens(l.questions)
	panels := s.panels()
	work := make([]*sevenRows, l.threads)
	for w := range work {
		work[w] = &sevenRows{rows: make([]byte, sevenChunk*vec.SevensStride(l.codes.dim)), sifted: make([]sifted, len(panels))}
		for i := range work[w].sifted {
			work[w].sifted[i].start(min(vec.PanelWidth, len(l.questions)-panels[i].first))
		}
	}
	vec.Parallel(l.threads, len(l.ords), sevenChunk, func(worker, lo, hi int) {
		if l.ended(lo, hi) || s.exact && !l.well(l.checkRows, lo, hi) {
			return
		}
		w := work[worker]
		w.first, w.n = lo, hi-lo
		s.load(w, l.codes, l.rows, lo, hi)
		for i := range panels {
			l.sift(s, &panels[i], &w.sifted[i], l.lists[worker], w)
		}
	})
	vec.Parallel(l.threads, len(l.questions), 1, func(_, i, _ int) {
		least := l.raised(i)
		for w := range l.lists {
			list := &l.lists[w][i]
			list.least, list.later = max(list.least, least), work[w].sifted[i/vec.PanelWidth].later[i%vec.PanelWidth]
			l.lookLater(&l.questions[i], &s.questions[i].question, list)
		}
	})
}

// Rows that wait to be looked at by their bytes are gone through when laterLeast have come together, and when they have doubled: most are of no
// interest any more. More than laterMost do not wait for the end.
const laterLeast, laterMost = 512, 8192

// sifted is what one goroutine must know of a panel's lists to turn rows away, and the rows that it could not. The lists themselves, which lie all
// over the memory, are changed for few rows.
type sifted struct {
	least   [vec.PanelWidth]float32 // what a row's sevens must reach
	promise [vec.PanelWidth]float32 // what looks like a hit
	later   [vec.PanelWidth][]candidate
	room    [vec.PanelWidth]int // how many later may have before they are gone through
}

// start makes it that of n queries: nothing reaches the others.
func (f *sifted) start(n int) {
	for i := range f.least {
		f.least[i], f.promise[i], f.room[i] = float32(math.Inf(-1)), float32(math.Inf(-1)), laterLeast
		if i >= n {
			f.least[i] = float32(math.Inf(1))
		}
	}
}

// sift puts the rows of a chunk on the lists of a panel.
func (l *lookup) sift(s *sevens, p *sevenPanel, f *sifted, lists []shortlist, w *sevenRows) {
	sums := w.sums[:w.n*vec.PanelWidth]
	vec.MultiplySevens(sums, p.packed, w.rows[:w.n*vec.SevensStride(s.dim)], &p.start)
	vec.ReachPanelAlong(w.mask[:], sums, w.scale[:w.n], w.rest[:w.n], w.along[:w.n], &p.weight, &p.along, &f.least)
	for j, set := range w.mask[:w.n] {
		for ; set != 0; set &= set - 1 {
			i := bits.TrailingZeros16(set)
			middle := float32(w.scale[j]*float32(sums[j*vec.PanelWidth+i])) + float32(w.along[j]*p.along[i])
			r := candidate{middle + float32(w.rest[j]*p.weight[i]), uint32(w.first + j)}
			switch {
			case r.upper < f.least[i]: // it has risen since the mask was made
			case middle > f.promise[i] && l.answers(int(r.row)):
				l.try(s, p.first+i, f, i, &lists[p.first+i], r.row, middle)
			default:
				if f.later[i] = append(f.later[i], r); len(f.later[i]) >= f.room[i] {
					l.review(s, p.first+i, f, i, &lists[p.first+i])
				}
			}
		}
	}
}

// try looks at the bytes of a row that looks like a hit. query is the i-th of those that were sifted.
func (l *lookup) try(s *sevens, query int, f *sifted, i int, list *shortlist, row uint32, middle float32) {
	if list.tops = keep(list.tops, list.k, middle); len(list.tops) == list.k {
		f.promise[i] = list.tops[0]
	}
	l.look(&l.questions[query], list, []uint32{row})
	f.raise(i, s.questions[query].leastFor(&l.questions[query], list), list)
}

// raise notes what a row must reach. A list that is crowded takes no more.
func (f *sifted) raise(i int, least float32, list *shortlist) {
	if f.least[i] = least; list.crowded {
		f.least[i] = float32(math.Inf(1))
	}
}

// review drops the rows that wait and are of no interest any more.
func (l *lookup) review(s *sevens, query int, f *sifted, i int, list *shortlist) {
	q, c := &l.questions[query], &s.questions[query].question
	list.later = slices.DeleteFunc(f.later[i], func(r candidate) bool { return r.upper < f.least[i] })
	if len(list.later) > laterMost {
		l.lookLater(q, c, list)
		f.raise(i, c.leastFor(q, list), list)
	}
	f.later[i], f.room[i], list.later = list.later, max(laterLeast, 2*len(list.later)), nil
}
