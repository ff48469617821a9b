package sparse

import (
	"context"
	"math"
	"math/bits"
	"slices"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/internal/vec"
)

// question is what a search of an Index is asked.
type question struct {
	terms  []index.Term
	k      int
	filter index.Filter
	cosine bool
	effort index.Effort

	length float32 // of the terms, where the cosine is asked for; else 1
}

func (x *Index) search(ctx context.Context, q question) ([]index.Hit, error) {
	var err error
	if q.terms, err = check(q.terms, q.k); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	q.length = 1
	if q.cosine {
		q.length = Norm(q.terms)
	}
	x.lock()
	defer x.mu.RUnlock()
	best := index.NewBest(q.k)
	for ord, code := range x.fresh {
		if q.filter == nil || q.filter.Contains(ord) {
			q.offer(best, ord, Score(q.terms, code), length(code.Acts))
		}
	}
	if err := x.old.search(ctx, &q, best, x.gone); err != nil {
		return nil, err
	}
	return best.Hits(), nil
}

// offer considers a row of which the sum is known.
func (q *question) offer(best *index.Best, ord uint32, sum, norm float32) {
	if !(sum > 0) {
		return
	}
	if q.cosine {
		sum = cosine(sum, q.length, norm)
	}
	best.Offer(index.Hit{Ord: ord, Score: sum})
}

// scan is one search of packed codes, with its scratch. It serves one goroutine.
//
// Of the terms above zero, the sum of a row's weights, rounded up, is an upper bound of what they add; terms below zero cannot add to it. What is left unread is
// bounded by lengths (see packed). Some rows of large sums are scored from their codes: the k-th best of them is a floor. The rows whose bound reaches
// it are scored too; all others are no answer.
type scan struct {
	p       *packed
	q       *question
	sums    []uint16 // of rows, in units
	largest []uint16 // of groups
	weights []float32
	asked   [classes + 1][]ask // the terms above zero, by the class of their latents
	may     []uint64           // rows that may be answered, a bit each; nil: all
	picked  []int              // rows
	levels  [1 << (16 - levelBits)]int32

	unit  float64 // of sums
	slack float32 // more than rounding adds to a score, as a factor, and
	tiny  float32 // as a number, where scores are as small as float32 has them
	class int     // the latents of it are left unread; -1: all are read
	rest  float32 // the length of the query within class
}

// ask is a term above zero.
type ask struct {
	latent uint32 // its place
	w      float32
}

func (p *packed) newScan(q *question) *scan {
	s, _ := p.scans.Get().(*scan)
	if s == nil {
		s = &scan{p: p, sums: make([]uint16, p.blocks*index.BlockRows), largest: make([]uint16, len(p.least)), weights: make([]float32, len(p.names))}
	}
	s.q, s.may = q, nil
	for c := range s.asked {
		s.asked[c] = s.asked[c][:0]
	}
	i := 0
	for _, t := range q.terms {
		at, there := slices.BinarySearch(p.names[i:], t.Latent)
		if i += at; !there {
			continue
		}
		s.weights[i] = t.W
		if t.W > 0 {
			c := p.lists[i].class
			s.asked[c] = append(s.asked[c], ask{uint32(i), t.W})
		}
	}
	return s
}

// end gives the scratch back, empty.
func (s *scan) end() {
	clear(s.sums)
	i := 0
	for _, t := range s.q.terms {
		at, there := slices.BinarySearch(s.p.names[i:], t.Latent)
		if i += at; there {
			s.weights[i] = 0
		}
	}
	s.q = nil
	s.p.scans.Put(s)
}

// search offers the rows that may be among the best.
func (p *packed) search(ctx context.Context, q *question, best *index.Best, gone map[int]struct{}) error {
	s := p.newScan(q)
	defer s.end()
	few := q.filter != nil && q.filter.GetCardinality() < uint64(len(p.ords)/selectivePart)
	if q.filter != nil || len(gone) > 0 {
		s.permit(gone)
	}
	if few || !s.measure() {
		return s.every(ctx, best)
	}
	return s.exact(ctx, best)
}

// selectivePart is the part of all rows up to which those that a filter lets through are scored one by one.
const selectivePart = 64

// permit sets the rows that may be answered.
func (s *scan) permit(gone map[int]struct{}) {
	n := len(s.p.ords)
	s.may = make([]uint64, (n+63)/64)
	if f := s.q.filter; f == nil {
		for row := range n {
			s.may[row/64] |= 1 << (row % 64)
		}
	} else {
		row := 0
		for it := f.Iterator(); it.HasNext() && row < n; {
			ord := it.Next()
			if s.p.ords[row] < ord {
				row++ // the next one, mostly
			}
			if row < n && s.p.ords[row] < ord {
				at, _ := slices.BinarySearch(s.p.ords[row:], ord)
				row += at
			}
			if row < n && s.p.ords[row] == ord {
				s.may[row/64] |= 1 << (row % 64)
			}
		}
	}
	for row := range gone {
		s.may[row/64] &^= 1 << (row % 64)
	}
}

// every scores all rows that may be answered: where that is quick, and where sums have no bounds in float32.
func (s *scan) every(ctx context.Context, best *index.Best) error {
	for g := range s.p.least {
		if g%64 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		for may := s.mayIn(g); may != 0; may &= may - 1 {
			s.offer(best, g*group+bits.TrailingZeros64(may))
		}
	}
	return nil
}

// mayIn returns a bit for each row of a group that may be answered.
func (s *scan) mayIn(g int) uint64 {
	switch over := len(s.p.ords) - g*group; {
	case s.may != nil:
		return s.may[g]
	case over < group:
		return 1<<over - 1
	}
	return math.MaxUint64
}

// offer scores a row from its code.
func (s *scan) offer(best *index.Best, row int) {
	s.q.offer(best, s.p.ords[row], s.score(row), s.p.norms[row])
}

// score is Score: where the query has no weight, zero is added, which changes nothing.
func (s *scan) score(row int) float32 {
	latents, acts := s.p.code(row)
	acts = acts[:len(latents)]
	weights := s.weights
	var sum float32
	for i, l := range latents {
		sum += float32(weights[l] * acts[i])
	}
	return sum
}

// The sizes for which float32 bounds are sure to hold.
const (
	smallest = 1e-30
	greatest = 1e30
	mostAsk  = 1 << 13
)

// measure sets the unit of sums so that none can pass 16 bits. It returns false where bounds would not hold.
func (s *scan) measure() bool {
	squares, sum, steps, n := 0.0, 0.0, 0.0, 0
	for _, asked := range s.asked {
		for _, a := range asked {
			l, w := &s.p.lists[a.latent], float64(a.w)
			squares += w * w
			steps += w * float64(l.step)
			sum += w * float64(l.max)
			n++
		}
	}
	sum = steps + min(sum, math.Sqrt(squares)*float64(s.p.longer))*up
	s.unit = sum / float64(math.MaxUint16-2*n-1)
	s.slack = float32(1 + float64(len(s.q.terms)+32)/(1<<22))
	s.tiny = float32(2*len(s.q.terms)+8) * math.SmallestNonzeroFloat32
	return n > 0 && n < mostAsk && squares < greatest && sum > smallest && sum < greatest && float64(s.p.longer) < greatest && float64(s.q.length) < greatest
}

// read adds the postings of some terms to the sums.
func (s *scan) read(ctx context.Context, asked []ask) error {
	for b := range s.p.blocks {
		if err := ctx.Err(); err != nil {
			return err
		}
		sums := (*[index.BlockRows]uint16)(s.sums[b*index.BlockRows:])
		for _, a := range asked {
			rows, weights := s.p.postings(a.latent, b)
			m := uint32(math.Ceil(float64(a.w) * float64(s.p.lists[a.latent].step) / s.unit * (1 << 16) * (1 + 1e-12)))
			vec.AddCounts(sums, rows, weights, m)
		}
	}
	return nil
}

// unread is the part of the query's square that may be left unread at first, and crowd the part of all groups that may then have to be looked into.
const (
	unread = .3
	crowd  = 1. / 16
)

// leave chooses what is left unread at first: the largest class that is a small part of the query.
func (s *scan) leave() {
	var squares [classes + 1]float64
	all := 0.0
	for c, asked := range s.asked {
		for _, a := range asked {
			all += float64(a.w) * float64(a.w)
		}
		squares[c] = all
	}
	s.class = -1
	for c := range classes {
		if squares[c] <= unread*all {
			s.class = c
		}
	}
	s.restOf()
}

// restOf sets the length of the query within the class that is left unread.
func (s *scan) restOf() {
	sum := 0.0
	for c := 0; c <= s.class; c++ {
		for _, a := range s.asked[c] {
			sum += float64(a.w) * float64(a.w)
		}
	}
	s.rest = above(math.Sqrt(sum) * up)
}

func (s *scan) exact(ctx context.Context, best *index.Best) error {
	s.leave()
	for c := s.class + 1; c <= classes; c++ {
		if err := s.read(ctx, s.asked[c]); err != nil {
			return err
		}
	}
	for {
		s.survey()
		floor := s.floor()
		groups := s.reaching(floor)
		if s.class < 0 || floor > 0 && len(groups) <= int(crowd*float64(len(s.p.least)))+1 {
			s.settle(best, floor, groups)
			return ctx.Err()
		}
		if err := s.read(ctx, s.asked[s.class]); err != nil {
			return err
		}
		s.class--
		s.restOf()
	}
}

// survey finds the largest sum of each group, of rows that may be answered.
func (s *scan) survey() {
	if s.may != nil {
		for g, may := range s.may {
			if may != math.MaxUint64 {
				for i := range s.sums[g*group : (g+1)*group] {
					if may>>i&1 == 0 {
						s.sums[g*group+i] = 0
					}
				}
			}
		}
	}
	vec.LargestCounts(s.largest, s.sums)
}

// levelBits is how many bits of sums are left out where they are counted by size.
const levelBits = 4

// level returns a sum, above zero, that n rows reach, and few more; 1 where fewer do.
func (s *scan) level(n int) uint16 {
	clear(s.levels[:])
	sums := s.largest
	if 4*n > len(sums) {
		sums = s.sums
	}
	for _, v := range sums {
		s.levels[v>>levelBits]++
	}
	for l := len(s.levels) - 1; l > 0; l-- {
		if n -= int(s.levels[l]); n <= 0 {
			return uint16(l << levelBits)
		}
	}
	return 1
}

// pick sets the rows whose sums reach a level.
func (s *scan) pick(level uint16) {
	s.picked = s.picked[:0]
	for g, largest := range s.largest {
		if largest >= level {
			for i, sum := range s.sums[g*group : (g+1)*group] {
				if sum >= level {
					s.picked = append(s.picked, g*group+i)
				}
			}
		}
	}
}

// floor returns a score that k rows have at least, 0 where there are fewer.
func (s *scan) floor() float32 {
	s.pick(s.level(s.q.k))
	floor := index.NewFloor(s.q.k)
	for _, row := range s.picked {
		if sum := s.score(row); sum > 0 {
			if s.q.cosine {
				sum = cosine(sum, s.q.length, s.p.norms[row])
			}
			floor.Offer(float64(sum))
		}
	}
	return max(0, float32(floor.Least()))
}

// need is what a row's bound, for each unit of its size, must reach for a score of floor.
func (s *scan) need(floor float32) float32 { return floor * s.q.length / s.slack / up }

// reaching returns the groups in which a row's bound may reach a floor.
func (s *scan) reaching(floor float32) []int {
	need, unit := s.need(floor), float32(s.unit*up)
	s.picked = s.picked[:0]
	for g, largest := range s.largest {
		bound := float32(largest)*unit + s.tiny
		if s.class >= 0 {
			bound += s.rest * s.p.tops[s.class][g]
		}
		size := float32(1)
		if s.q.cosine {
			size = s.p.least[g]
		}
		if bound >= need*size && (largest > 0 || s.class >= 0) {
			s.picked = append(s.picked, g)
		}
	}
	return s.picked
}

// settle scores the rows of some groups whose bounds reach a floor.
func (s *scan) settle(best *index.Best, floor float32, groups []int) {
	need, unit := s.need(floor), float32(s.unit*up)
	for _, g := range groups {
		for may := s.mayIn(g); may != 0; may &= may - 1 {
			row := g*group + bits.TrailingZeros64(may)
			bound := float32(s.sums[row])*unit + s.tiny
			if s.class >= 0 {
				bound += s.rest * s.p.parts[s.class][row]
			}
			size := float32(1)
			if s.q.cosine {
				size = s.p.norms[row]
			}
			if bound >= need*size && (s.sums[row] > 0 || s.class >= 0) {
				s.offer(best, row)
			}
		}
	}
}
