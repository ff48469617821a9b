package sparse

import (
	"cmp"
	"context"
	"slices"

	"github.com/saedb/saedb/index"
)

// Many is from how many terms on a query may be cut: a few of them, those that say most for their postings, lead to some hundred rows, which are scored by all terms.
// With fewer terms the postings of all are read in about the time that scoring takes. Where those terms are in
// fewer rows than that, the answer is exact.
const Many = 128

// Breadth returns how many of some rows a query of some terms scores if it is cut, and 0 if it is answered exactly: below Many terms, among rows that are few for
// that, and where that is the effort.
func Breadth(terms, k, among int, e index.Effort) int {
	rows := 200 + 10*k // of 100,000 codes of 512 latents, .99 of the first ten are found so
	if e > 0 {
		rows = max(int(e), k)
	}
	if terms < Many || e == index.Exact || among < fewFor*rows {
		return 0
	}
	return rows
}

// fewFor is up to how many times the rows that a cut scores an exact answer is not long in coming. Among fewer rows those behind the best are nearer to them, too:
// of 3,300 codes of 512 latents .976 are found by 300.
const fewFor = 32

// cutPart is the part of the square of a query's length that the terms have by which rows are found.
const cutPart = .2

// worth is a term with what it says for each posting that must be read.
type worth struct {
	ask
	gain float64
}

// cut offers the rows that have the largest sums of a few terms.
func (s *scan) cut(ctx context.Context, best *index.Best, rows int) error {
	if err := s.read(ctx, s.most()); err != nil {
		return err
	}
	s.survey()
	s.pick(s.level(rows))
	s.offerPicked(best)
	return ctx.Err()
}

// most returns the terms to find rows by.
func (s *scan) most() []ask {
	var all []worth
	for _, asked := range s.asked {
		for _, a := range asked {
			visits := s.p.count(a.latent) + len(s.p.ords)/64 // a term costs something beside its postings
			all = append(all, worth{a, float64(a.w) * float64(a.w) / float64(visits)})
		}
	}
	slices.SortFunc(all, func(a, b worth) int { return cmp.Compare(b.gain, a.gain) })
	left := cutPart * s.squares(classes)
	var most []ask
	for i := 0; i < len(all) && left > 0; i++ {
		most = append(most, all[i].ask)
		left -= float64(all[i].w) * float64(all[i].w)
	}
	return most
}

// CosineWith is Cosine with an effort, for a source of n rows: see Breadth. An answer that is not exact has exact scores, and may miss rows.
func CosineWith(ctx context.Context, src Source, n int, norm func(ord uint32) (float32, error), terms []index.Term, k int, f index.Filter, e index.Effort) ([]index.Hit, error) {
	sorted, err := check(terms, k)
	if err != nil {
		return nil, err
	}
	rows := Breadth(len(sorted), k, amongOf(n, f), e)
	if rows == 0 {
		return Cosine(ctx, src, norm, terms, k, f)
	}
	found, err := cutRows(ctx, src, norm, sorted, rows, f)
	if err != nil {
		return nil, err
	}
	length, best := Norm(sorted), index.NewBest(k)
	for _, b := range found {
		n, err := norm(b.Ord)
		if err != nil {
			return nil, err
		}
		if b.Lo > 0 {
			best.Offer(index.Hit{Ord: b.Ord, Score: cosine(b.Lo, length, n)})
		}
	}
	if _, full := best.Floor(); !full || len(found) < rows { // the terms of the cut are in few rows
		return Cosine(ctx, src, norm, terms, k, f)
	}
	return best.Hits(), nil
}

// amongOf is up to how many of n rows a filter lets through.
func amongOf(n int, f index.Filter) int {
	if f == nil {
		return n
	}
	return int(min(uint64(n), f.GetCardinality()))
}

// cutRows returns the sums of all terms for the rows whose cosine is largest by a few terms.
func cutRows(ctx context.Context, src Source, norm func(ord uint32) (float32, error), terms []index.Term, rows int, f index.Filter) ([]Bound, error) {
	few := mostOf(terms)
	by := func(b Bound) (Bound, error) {
		n, err := norm(b.Ord)
		return Bound{b.Ord, cosine(b.Lo, 1, n), cosine(b.Hi, 1, n)}, err
	}
	var a Accumulator
	found, err := a.bestBy(ctx, src, few, rows, f, func(_ context.Context, list []Bound) ([]Bound, error) { return largestBounds(list, rows), nil }, by)
	if err != nil {
		return nil, err
	}
	found = largestBounds(found, rows)
	all := make([]int, len(found))
	for i := range all {
		all[i] = i
	}
	return found, Resolve(ctx, src, terms, found, all)
}

// largestBounds leaves of a list the n largest upper bounds, in the order of the list.
func largestBounds(list []Bound, n int) []Bound {
	if len(list) <= n {
		return list
	}
	floor := index.NewFloor(n)
	for _, b := range list {
		floor.Offer(float64(b.Hi))
	}
	least := float32(floor.Least())
	above := 0
	for _, b := range list {
		if b.Hi > least {
			above++
		}
	}
	return slices.DeleteFunc(list, func(b Bound) bool {
		if b.Hi == least {
			above++
			return above > n
		}
		return b.Hi < least
	})
}

// mostOf returns the terms of largest weight, by ascending latent, that have cutPart of the square of those above zero. What their postings cost is not known.
func mostOf(terms []index.Term) []index.Term {
	most := slices.DeleteFunc(slices.Clone(terms), func(t index.Term) bool { return t.W < 0 })
	slices.SortFunc(most, func(a, b index.Term) int { return cmp.Or(cmp.Compare(b.W, a.W), cmp.Compare(a.Latent, b.Latent)) })
	left := 0.0
	for _, t := range most {
		left += cutPart * float64(t.W) * float64(t.W)
	}
	n := 0
	for ; n < len(most) && left > 0; n++ {
		left -= float64(most[n].W) * float64(most[n].W)
	}
	most = most[:n]
	slices.SortFunc(most, func(a, b index.Term) int { return cmp.Compare(a.Latent, b.Latent) })
	return most
}
