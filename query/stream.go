package query

import (
	"context"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/sparse"
)

// A stream goes through the items that fulfil a condition by ascending ordinal, one block of ordinals after the other. It holds one block at a
// time, so that its memory does not grow with the number of items; only what the metadata index answers is a set over all items, of at most a bit for each.
// It serves one goroutine.
type stream interface {
	// next returns at which ordinal the next block begins that may hold items, of those that end behind from; more is false where none is left.
	next(from uint32) (first uint32, more bool, err error)
	// fill sets m to the items of a block.
	fill(first uint32, m *mask) error
	// hits returns the items of a block, by ascending ordinal and with bounds of their scores: those of within, or all where that is nil. Only
	// streams of conditions that score have it. The slice is good until any stream of the same pass is asked, and may be changed.
	//
	// All streams of one pass are asked for blocks in ascending order, and for none before from.
	hits(first uint32, within *mask) ([]hit, error)
}

// A pass is one walk through the items, by all streams of a condition side by side.
type pass struct {
	ctx      context.Context
	r        *run
	postings *sparse.Postings

	found []sparse.Bound // scratch of who is asked
	open  []int
	out   []hit
}

// begin opens the streams of a condition. end frees them.
func begin(ctx context.Context, r *run, c cond) (p *pass, s stream, err error) {
	p = &pass{ctx: ctx, r: r, postings: sparse.NewPostings(ctx, r)}
	if s, err = c.open(p); err != nil {
		p.end()
	}
	return p, s, err
}

func (p *pass) end() { p.postings.Stop() }

// eachBlock calls f for the blocks that next finds.
func eachBlock(ctx context.Context, next func(from uint32) (uint32, bool, error), f func(first uint32) error) error {
	for from := uint32(0); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		first, more, err := next(from)
		if err != nil || !more {
			return err
		}
		if err := f(first); err != nil {
			return err
		}
		if from = first + index.BlockRows; from < first {
			return nil // that was the last block there can be
		}
	}
}

// setOf returns the items that fulfil a condition, not to be modified.
func setOf(ctx context.Context, r *run, c cond) (*roaring.Bitmap, error) {
	switch c := c.(type) {
	case everything:
		return r.All(ctx)
	case *has:
		return c.set(ctx, r)
	}
	set := roaring.New()
	var ords []uint32
	err := eachMask(ctx, r, c, func(first uint32, m *mask) error {
		ords = m.appendTo(ords[:0], first)
		set.AddMany(ords)
		return nil
	})
	return set, err
}

// eachMask calls f for the blocks of the items that fulfil a condition.
func eachMask(ctx context.Context, r *run, c cond, f func(first uint32, m *mask) error) error {
	p, s, err := begin(ctx, r, c)
	if err != nil {
		return err
	}
	defer p.end()
	var m mask
	return eachBlock(ctx, s.next, func(first uint32) error {
		if err := s.fill(first, &m); err != nil {
			return err
		}
		return f(first, &m)
	})
}

// eachHits calls f for the hits of a condition that scores, block by block.
func eachHits(ctx context.Context, r *run, c cond, f func([]hit) error) error {
	p, s, err := begin(ctx, r, c)
	if err != nil {
		return err
	}
	defer p.end()
	return eachBlock(ctx, s.next, func(first uint32) error {
		hits, err := s.hits(first, nil)
		if err != nil {
			return err
		}
		return f(hits)
	})
}

// setStream is the stream of a set.
type setStream struct {
	it   roaring.ManyIntIterable
	buf  []uint32
	left []uint32 // of buf
}

func newSetStream(set *roaring.Bitmap) *setStream {
	return &setStream{it: set.ManyIterator(), buf: make([]uint32, 512)}
}

// peek returns the next ordinal.
func (s *setStream) peek() (uint32, bool) {
	if len(s.left) == 0 {
		s.left = s.buf[:s.it.NextMany(s.buf)]
	}
	if len(s.left) == 0 {
		return 0, false
	}
	return s.left[0], true
}

func (s *setStream) next(from uint32) (uint32, bool, error) {
	from -= from % index.BlockRows
	for {
		ord, more := s.peek()
		if !more {
			return 0, false, nil
		}
		if ord >= from {
			return ord - ord%index.BlockRows, true, nil
		}
		at, _ := slices.BinarySearch(s.left, from)
		s.left = s.left[at:]
	}
}

func (s *setStream) fill(first uint32, m *mask) error {
	*m = mask{}
	if at, more, _ := s.next(first); !more || at != first {
		return nil
	}
	for {
		for i, ord := range s.left {
			if ord-first >= index.BlockRows {
				s.left = s.left[i:]
				return nil
			}
			m.add(ord - first)
		}
		s.left = nil
		if _, more := s.peek(); !more {
			return nil
		}
	}
}

func (s *setStream) hits(uint32, *mask) ([]hit, error) { return nil, nil }

// fireStream is the stream of a condition on activation.
type fireStream struct {
	*pass
	f     *fires
	walk  *sparse.Walk
	limit float32 // of the threshold
}

func (s *fireStream) next(from uint32) (uint32, bool, error) { return s.walk.Next(from) }

// bounds returns bounds of the activations that pass.
func (s *fireStream) bounds(first uint32, within *mask) ([]sparse.Bound, error) {
	var err error
	if s.found, err = s.walk.Bounds(s.found[:0], first); err != nil {
		return nil, err
	}
	if within != nil {
		s.found = slices.DeleteFunc(s.found, func(b sparse.Bound) bool { return !within.has(b.Ord - first) })
	}
	s.open = s.open[:0]
	for i, b := range s.found {
		if _, certain := s.f.passes(b, s.limit); !certain {
			s.open = append(s.open, i)
		}
	}
	if err := sparse.Resolve(s.ctx, s.r, s.f.terms, s.found, s.open); err != nil {
		return nil, err
	}
	s.found = slices.DeleteFunc(s.found, func(b sparse.Bound) bool {
		passes, _ := s.f.passes(b, s.limit)
		return !passes
	})
	return s.found, nil
}

func (s *fireStream) fill(first uint32, m *mask) error {
	*m = mask{}
	found, err := s.bounds(first, nil)
	for _, b := range found {
		m.add(b.Ord - first)
	}
	return err
}

func (s *fireStream) hits(first uint32, within *mask) ([]hit, error) {
	found, err := s.bounds(first, within)
	s.out = s.out[:0]
	for _, b := range found {
		s.out = append(s.out, hit{b.Ord, s.f.weight * float64(b.Lo), s.f.weight * float64(b.Hi), true})
	}
	return s.out, err
}

// andStream is the stream of "and".
type andStream struct {
	fold    fold
	scored  []stream // by the order of the terms
	filters []stream // that only decide who takes part
	except  []stream // whose items do not
	m, tmp  mask
	out     []hit
}

// next: where one of them has no items, there are none.
func (s *andStream) next(from uint32) (first uint32, more bool, err error) {
	for _, list := range [][]stream{s.scored, s.filters} {
		for _, one := range list {
			at, there, err := one.next(from)
			if err != nil || !there {
				return 0, false, err
			}
			first = max(first, at)
		}
	}
	return first, true, nil
}

// decide leaves in m the items that the filters let through.
func (s *andStream) decide(first uint32, m *mask) error {
	for _, one := range s.filters {
		if err := one.fill(first, &s.tmp); err != nil {
			return err
		}
		m.and(&s.tmp)
	}
	for _, one := range s.except {
		if m.empty() {
			return nil
		}
		if err := one.fill(first, &s.tmp); err != nil {
			return err
		}
		m.without(&s.tmp)
	}
	return nil
}

func (s *andStream) fill(first uint32, m *mask) error {
	m.setAll()
	var tmp mask
	for _, one := range s.scored {
		if err := one.fill(first, &tmp); err != nil {
			return err
		}
		m.and(&tmp)
	}
	return s.decide(first, m)
}

func (s *andStream) hits(first uint32, within *mask) ([]hit, error) {
	if len(s.filters)+len(s.except) > 0 {
		if within != nil {
			s.m = *within
		} else {
			s.m.setAll()
		}
		if err := s.decide(first, &s.m); err != nil {
			return nil, err
		}
		within = &s.m
	}
	s.out = s.out[:0]
	for i, one := range s.scored {
		found, err := one.hits(first, within)
		switch {
		case err != nil:
			return nil, err
		case i == 0:
			s.out = append(s.out, found...)
		default:
			s.out = s.fold.shared(s.out, found)
		}
		if len(s.out) == 0 {
			break
		}
	}
	return s.out, nil
}

// orStream is the stream of "or".
type orStream struct {
	fold       fold
	scored     []stream // by the order of the terms
	unscored   []stream // whose items have the score 0, unless another term gives them one
	m, tmp     mask
	out, other []hit
}

func (s *orStream) next(from uint32) (first uint32, more bool, err error) {
	for _, list := range [][]stream{s.scored, s.unscored} {
		for _, one := range list {
			at, there, err := one.next(from)
			if err != nil {
				return 0, false, err
			}
			if there && (!more || at < first) {
				first, more = at, true
			}
		}
	}
	return first, more, nil
}

func (s *orStream) fill(first uint32, m *mask) error {
	var tmp mask
	*m = mask{}
	for _, list := range [][]stream{s.scored, s.unscored} {
		for _, one := range list {
			if err := one.fill(first, &tmp); err != nil {
				return err
			}
			m.or(&tmp)
		}
	}
	return nil
}

func (s *orStream) hits(first uint32, within *mask) ([]hit, error) {
	s.out = s.out[:0]
	for _, one := range s.scored {
		found, err := one.hits(first, within)
		if err != nil {
			return nil, err
		}
		s.unite(found)
	}
	if len(s.unscored) == 0 {
		return s.out, nil
	}
	s.m = mask{}
	for _, one := range s.unscored {
		if err := one.fill(first, &s.tmp); err != nil {
			return nil, err
		}
		s.m.or(&s.tmp)
	}
	if within != nil {
		s.m.and(within)
	}
	s.unite(zeroHits(first, &s.m))
	return s.out, nil
}

// unite folds hits into those there are.
func (s *orStream) unite(found []hit) {
	s.other = s.fold.united(s.other[:0], s.out, found)
	s.out, s.other = s.other, s.out
}

// zeroHits gives every item of a block's mask the score 0.
func zeroHits(first uint32, m *mask) []hit {
	hits := make([]hit, 0, m.len())
	for _, ord := range m.appendTo(nil, first) {
		hits = append(hits, hit{ord: ord})
	}
	return hits
}

// exceptStream is the stream of "not": of all items but some.
type exceptStream struct {
	all stream
	x   stream
	tmp mask
}

func (s *exceptStream) next(from uint32) (uint32, bool, error) { return s.all.next(from) }

func (s *exceptStream) fill(first uint32, m *mask) error {
	if err := s.all.fill(first, m); err != nil {
		return err
	}
	if err := s.x.fill(first, &s.tmp); err != nil {
		return err
	}
	m.without(&s.tmp)
	return nil
}

func (s *exceptStream) hits(uint32, *mask) ([]hit, error) { return nil, nil }
