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
	rows := Breadth(len(q.terms), q.k, amongOf(len(x.old.ords), q.filter), q.effort)
	best, enough, err := x.ask(ctx, &q, rows)
	if !enough && err == nil {
		best, _, err = x.ask(ctx, &q, 0)
	}
	if err != nil {
		return nil, err
	}
	return best.Hits(), nil
}

// ask looks at the codes of some rows, or of all that matter where rows is 0. enough is false where that was too few, since the terms of a cut are in few rows.
func (x *Index) ask(ctx context.Context, q *question, rows int) (best *index.Best, enough bool, err error) {
	best = index.NewBest(q.k)
	for ord, code := range x.fresh {
		if q.filter == nil || q.filter.Contains(ord) {
			q.offer(best, ord, Score(q.terms, code), length(code.Acts))
		}
	}
	scored, err := x.old.search(ctx, q, rows, best, x.gone)
	_, full := best.Floor()
	return best, rows == 0 || full && scored >= rows, err
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
	sums    []uint16           // of rows, in units
	largest []uint16           // of groups
	reach   []uint64           // a bit for each group that may reach the floor
	one     [1]uint64          // and for each row of a group
	weights []float32          // of the query, by place; 0 elsewhere
	places  []uint32           // of the query's latents
	asked   [classes + 1][]ask // the terms above zero, by the class of their latents
	may     []uint64           // rows that may be answered, a bit each; nil: all
	picked  []int              // rows
	scored  []float32          // their sums
	touched float32            // of no meaning
	levels  levels

	unit  float64 // of sums
	slack float64 // more than rounding adds to a score, as a factor, and
	tiny  float64 // as a number, where scores are as small as float32 has them
	class int     // the latents of it are left unread; -1: all are read
	rest  uint16  // times the part of a row / 2^16: what they may add to its sum
}

// ask is a term above zero.
type ask struct {
	latent uint32 // its place
	w      float32
}

func (p *packed) newScan(q *question) *scan {
	s, _ := p.scans.Get().(*scan)
	if s == nil {
		s = &scan{p: p, sums: make([]uint16, p.blocks*blockRows), largest: make([]uint16, len(p.tops[0])), reach: make([]uint64, len(p.tops[0])/group), weights: make([]float32, len(p.names))}
	}
	s.q, s.may = q, nil
	for c := range s.asked {
		s.asked[c] = s.asked[c][:0]
	}
	s.places = s.places[:0]
	i := 0
	for _, t := range q.terms {
		if i = p.seek(i, t.Latent); i == len(p.names) {
			break
		}
		if p.names[i] != t.Latent {
			continue
		}
		s.places = append(s.places, uint32(i))
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
	clear(s.sums[:len(s.p.least)*group])
	for _, place := range s.places {
		s.weights[place] = 0
	}
	s.q = nil
	s.p.scans.Put(s)
}

// search offers the rows that may be among the best, and returns how many it scored for a cut.
func (p *packed) search(ctx context.Context, q *question, rows int, best *index.Best, gone map[int]struct{}) (scored int, err error) {
	s := p.newScan(q)
	defer s.end()
	few := q.filter != nil && q.filter.GetCardinality() < uint64(len(p.ords)/selectivePart)
	if q.filter != nil || len(gone) > 0 {
		s.permit(gone)
	}
	if few || !s.measure() {
		return rows, s.every(ctx, best)
	}
	if rows > 0 {
		err := s.cut(ctx, best, rows)
		return len(s.picked), err
	}
	return 0, s.exact(ctx, best)
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
	s.offerSum(best, row, s.score(row))
}

// offerSum is offer where the sum is known.
func (s *scan) offerSum(best *index.Best, row int, sum float32) {
	norm := float32(1)
	if s.q.cosine {
		norm = s.p.norms[row]
	}
	s.q.offer(best, s.p.ords[row], sum, norm)
}

// offerPicked scores the rows that were picked.
func (s *scan) offerPicked(best *index.Best) {
	s.scorePicked()
	for i, row := range s.picked {
		s.offerSum(best, row, s.scored[i])
	}
}

// scorePicked sets scored to the sums of the rows that were picked. Each is added up in order, and waits for itself; so four are added up at a time.
func (s *scan) scorePicked() {
	s.touch()
	s.scored = s.scored[:0]
	i := 0
	for ; i+4 <= len(s.picked); i += 4 {
		sums := s.scoreFour([4]int(s.picked[i:]))
		s.scored = append(s.scored, sums[:]...)
	}
	for _, row := range s.picked[i:] {
		s.scored = append(s.scored, s.score(row))
	}
}

// scoreFour is score of four rows.
func (s *scan) scoreFour(rows [4]int) [4]float32 {
	c0, c1, c2, c3 := s.p.code(rows[0]), s.p.code(rows[1]), s.p.code(rows[2]), s.p.code(rows[3])
	n := min(len(c0), len(c1), len(c2), len(c3))
	weights := s.weights
	var s0, s1, s2, s3 float32
	for i, e := range c0[:n] {
		s0 += float32(weights[e.latent] * e.act)
		s1 += float32(weights[c1[i].latent] * c1[i].act)
		s2 += float32(weights[c2[i].latent] * c2[i].act)
		s3 += float32(weights[c3[i].latent] * c3[i].act)
	}
	return [4]float32{s.add(s0, c0[n:]), s.add(s1, c1[n:]), s.add(s2, c2[n:]), s.add(s3, c3[n:])}
}

// score is Score: where the query has no weight, zero is added, which changes nothing.
func (s *scan) score(row int) float32 {
	return s.add(0, s.p.code(row))
}

// add goes on with a sum.
func (s *scan) add(sum float32, code []entry) float32 {
	weights := s.weights
	for _, e := range code {
		sum += float32(weights[e.latent] * e.act)
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
	s.slack = 1 + float64(len(s.q.terms)+32)/(1<<22)
	s.tiny = float64(2*len(s.q.terms)+8) * math.SmallestNonzeroFloat32
	return n > 0 && n < mostAsk && squares < greatest && sum > smallest && sum < greatest && float64(s.p.longer) < greatest && float64(s.q.length) < greatest
}

// read adds the postings of some terms to the sums.
func (s *scan) read(ctx context.Context, asked []ask) error {
	for _, a := range asked {
		if err := ctx.Err(); err != nil {
			return err
		}
		m := s.times(a)
		for b := range s.p.blocks {
			rows, weights := s.p.postings(a.latent, b)
			vec.AddCounts((*[blockRows]uint16)(s.sums[b*blockRows:]), rows, weights, m)
		}
	}
	return nil
}

// times is what a weight is multiplied with, in steps of 2^16, rounded up.
func (s *scan) times(a ask) uint32 {
	return uint32(float64(a.w)*float64(s.p.lists[a.latent].step)/s.unit*(1<<16)*(1+1e-12)) + 1
}

// unread is the part of the query's square that may be left unread at first, and unreadMany that of classes with more postings than there are rows: to look
// again costs less than to read such a class.
const (
	unread     = .22
	unreadMany = .65
)

// leave chooses what is left unread at first: the largest class that is a small part of the query.
func (s *scan) leave() {
	all := s.squares(classes)
	for s.class = classes - 1; s.class >= 0; s.class-- {
		part := s.squares(s.class)
		if part <= unread*all || part <= unreadMany*all && s.postings(s.class) > len(s.p.ords) {
			return
		}
	}
}

// postings is how many the terms have whose latents are in a class and in none before.
func (s *scan) postings(class int) (n int) {
	for _, a := range s.asked[class] {
		n += s.p.count(a.latent)
	}
	return n
}

// squares is the square of the query's length within a class; classes is the whole query.
func (s *scan) squares(class int) (sum float64) {
	for c := 0; c <= class; c++ {
		for _, a := range s.asked[c] {
			sum += float64(a.w) * float64(a.w)
		}
	}
	return sum
}

// weigh sets what a row's part is multiplied with, for the class that is left unread. A class for which that is too large is read.
func (s *scan) weigh() bool {
	s.rest = 0
	if s.class < 0 {
		return true
	}
	m := math.Ceil(math.Sqrt(s.squares(s.class)) * s.p.unit / s.unit * (1 << 16) * (1 + 1e-12))
	s.rest = uint16(min(m, math.MaxUint16))
	return m <= math.MaxUint16
}

// exact offers the rows that may be among the best. It reads the rarer latents first, and more of the frequent ones while that is less work than to score
// the rows that are not ruled out.
func (s *scan) exact(ctx context.Context, best *index.Best) error {
	s.leave()
	for c := s.class + 1; c <= classes; c++ {
		if err := s.read(ctx, s.asked[c]); err != nil {
			return err
		}
	}
	floor := float32(0)
	for {
		if s.weigh() {
			s.survey()
			if floor == 0 || s.class < classes-1 && s.postings(s.class+1) > len(s.p.ords) {
				floor = max(floor, s.floor())
			}
			if s.class < 0 || floor > 0 {
				s.reaching(floor)
				if s.class < 0 || s.cheap() {
					break
				}
			}
		}
		if err := s.read(ctx, s.asked[s.class]); err != nil {
			return err
		}
		s.class--
	}
	s.offerPicked(best)
	return ctx.Err()
}

// fetch is how many postings can be read while the code of a row is fetched, and looks how many rows are looked at again in the time of one.
const (
	fetch = 40
	looks = 12
)

// cheap reports whether the rows that were picked are scored in less time than the next class is read in, and all rows looked at again.
func (s *scan) cheap() bool {
	n := len(s.p.ords)
	return len(s.picked)*(fetch+len(s.p.entries)/n) <= s.postings(s.class)+n/looks
}

// survey finds the largest sum of each group, of rows that may be answered.
func (s *scan) survey() {
	for g, may := range s.may {
		if may != math.MaxUint64 {
			for i := range s.sums[g*group : (g+1)*group] {
				if may>>i&1 == 0 {
					s.sums[g*group+i] = 0
				}
			}
		}
	}
	vec.LargestCounts(s.largest[:len(s.p.least)], s.sums)
}

// levelBits is how many bits of sums are left out where they are counted by size.
const levelBits = 6

// level returns a sum, above zero, that n rows reach, and few more; 1 where fewer do.
func (s *scan) level(n int) uint16 {
	sums := s.largest[:len(s.p.least)]
	if 4*n > len(sums) {
		sums = s.sums
	}
	return s.levels.reached(n, sums)
}

// levels count sums by size.
type levels [1 << (16 - levelBits)]int32

// reached returns a number, above zero, that n of some sums reach, and few more; 1 where fewer do.
func (l *levels) reached(n int, sums []uint16) uint16 {
	clear(l[:])
	for _, v := range sums {
		l[v>>levelBits]++
	}
	for at := len(l) - 1; at > 0; at-- {
		if n -= int(l[at]); n <= 0 {
			return uint16(at << levelBits)
		}
	}
	return 1
}

// pick sets the rows whose sums reach a level.
func (s *scan) pick(level uint16) {
	s.picked = s.picked[:0]
	for g, largest := range s.largest[:len(s.p.least)] {
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
	s.scorePicked()
	floor := index.NewFloor(s.q.k)
	for i, row := range s.picked {
		if sum := s.scored[i]; sum > 0 {
			if s.q.cosine {
				sum = cosine(sum, s.q.length, s.p.norms[row])
			}
			floor.Offer(float64(sum))
		}
	}
	return max(0, float32(floor.Least()))
}

// touch reads a little of the codes of the rows that were picked. What is not in a cache comes for many at a time, while one that is added up would be waited for.
func (s *scan) touch() {
	const line = 64 / 8 // entries
	for _, row := range s.picked {
		code := s.p.code(row)
		for i := 0; i < len(code) && i < 8*line; i += line {
			s.touched += code[i].act
		}
	}
}

// need is the sum that a row of some size must reach for a score of floor: its norm where the cosine is asked for.
func (s *scan) need(floor, size float32) uint16 {
	if !s.q.cosine {
		size = 1
	}
	sum := (float64(floor)*float64(s.q.length)*float64(size)/s.slack - s.tiny) / s.unit / up
	switch {
	case s.class < 0:
		return uint16(min(max(sum, 1), math.MaxUint16)) // no sum, no score
	case sum < 1:
		return 0
	}
	return uint16(min(sum-1, math.MaxUint16)) // what rest adds was rounded down
}

// reaching picks the rows whose bound may reach a floor: first the groups that may have one, then their rows.
func (s *scan) reaching(floor float32) {
	parts, tops := s.p.parts[max(s.class, 0)], s.p.tops[max(s.class, 0)]
	s.picked = s.picked[:0]
	need := s.need(floor, s.p.shorter)
	vec.ReachCounts(s.reach, s.largest, tops, s.rest, need)
	for i, groups := range s.reach {
		for ; groups != 0; groups &= groups - 1 {
			g := i*group + bits.TrailingZeros64(groups)
			if g >= len(s.p.least) {
				break
			}
			if s.q.cosine {
				need = s.need(floor, s.p.least[g])
			}
			vec.ReachCounts(s.one[:], s.sums[g*group:], parts[g*group:], s.rest, need)
			for reach := s.one[0] & s.mayIn(g); reach != 0; reach &= reach - 1 {
				row := g*group + bits.TrailingZeros64(reach)
				if !s.q.cosine || s.bound(row, parts) >= uint32(s.need(floor, s.p.norms[row])) {
					s.picked = append(s.picked, row)
				}
			}
		}
	}
}

// bound is what a row's sum may be at most.
func (s *scan) bound(row int, parts []uint16) uint32 {
	return uint32(s.sums[row]) + uint32(parts[row])*uint32(s.rest)>>16
}
