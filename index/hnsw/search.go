package hnsw

import (
	"context"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/internal/vec"
)

// search is one query.
type search struct {
	x      *Index
	ctx    context.Context
	unit   []float32
	k      int
	filter index.Filter
}

func (s *search) run(ef int) ([]index.Hit, error) {
	x := s.x
	p := Decide(s.situation(ef))
	if x.coder == nil || s.passing() == 0 {
		return s.scan()
	}
	w := x.walkers.Get().(*walker)
	defer x.walkers.Put(w)
	x.coder.query(w.query, s.unit)
	w.ask()
	if p.Scan {
		return s.scanCodes(w, p.Rerank)
	}
	across := p.of.Outside && x.graph.bridges != nil
	for ef := p.Ef; ; ef *= 4 {
		if err := s.ctx.Err(); err != nil {
			return nil, err
		}
		if across {
			w.walkFromAcross(ef)
		} else {
			w.walkFrom(ef)
		}
		if err := w.takeFault(); err != nil {
			return nil, err
		}
		hits, enough, err := s.rerank(w, p.Rerank)
		if err != nil || enough {
			return hits, err
		}
		if ef >= len(x.ords)/8 {
			return s.scanCodes(w, p.Rerank)
		}
	}
}

// situation is what Decide wants to know.
func (s *search) situation(ef int) Situation {
	x := s.x
	return Situation{
		Graph: x.coder != nil, Nodes: len(x.ords) - len(x.free), Passing: s.passing(), K: min(s.k, len(x.ords)), Ef: ef, Options: x.opts,
		Outside: x.coder != nil && x.coder.isOutside(s.unit),
	}
}

// walkFrom fills the beam with the ef best rows that a walk from the entry finds.
func (w *walker) walkFrom(ef int) {
	best := w.descend(0)
	w.begin()
	w.start([]key{best})
	w.walk(0, ef)
}

// walkFromAcross is walkFrom along links and bridges.
func (w *walker) walkFromAcross(ef int) {
	best := w.descend(0)
	w.begin()
	w.start([]key{best})
	w.walkAcross(ef)
}

// passing is the number of rows that the filter lets through, or all.
func (s *search) passing() int {
	if s.filter == nil {
		return s.x.live
	}
	return int(min(s.filter.GetCardinality(), uint64(s.x.live)))
}

func (s *search) passes(node uint32) bool {
	return s.x.graph.dead[node] == alive && (s.filter == nil || s.filter.Contains(s.x.ords[node]))
}

// rerank scores the best of the beam that may be answered as they are, n of them and those that tie with the last. It returns false
// if the beam holds fewer than k and there are more.
func (s *search) rerank(w *walker, n int) ([]index.Hit, bool, error) {
	g := s.gather(n)
	var last int32
	for _, k := range w.beam {
		if g.taken >= n && k.score() != last {
			break
		}
		if s.passes(w.node(k)) {
			if err := g.take(w.node(k)); err != nil {
				return nil, false, err
			}
			last = k.score()
		}
	}
	return g.hits(), g.taken >= min(s.k, s.passing()), nil
}

// sureOf is how many times k rows a scan by codes scores as they are: in four times ten the ten best were never missing on real vectors.
const sureOf = 4

// scanCodes compares the codes of all rows that may be answered, and scores the best as they are.
func (s *search) scanCodes(w *walker, n int) ([]index.Hit, error) {
	n = max(n, sureOf*min(s.k, len(s.x.ords)))
	w.beam, w.met = w.beam[:0], w.met[:0]
	err := s.each(func(node uint32) error {
		if w.met = append(w.met, node); len(w.met) < codesAtOnce {
			return nil
		}
		w.offer(w.met, n+1)
		w.met = w.met[:0]
		if err := w.takeFault(); err != nil {
			return err
		}
		return s.ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	w.offer(w.met, n+1)
	if err := w.takeFault(); err != nil {
		return nil, err
	}
	hits, _, err := s.rerank(w, n)
	return hits, err
}

// codesAtOnce is how many codes are compared in one call.
const codesAtOnce = 256

// scan scores all rows that may be answered as they are.
func (s *search) scan() ([]index.Hit, error) {
	g := s.gather(gatherAtOnce)
	if err := s.each(g.take); err != nil {
		return nil, err
	}
	return g.hits(), nil
}

// each calls f for every node that may be answered.
func (s *search) each(f func(node uint32) error) error {
	if s.filter != nil && s.filter.GetCardinality() < uint64(len(s.x.ords)) {
		return s.x.at.each(s.filter, f)
	}
	for node := range s.x.ords {
		if s.passes(uint32(node)) {
			if err := f(uint32(node)); err != nil {
				return err
			}
		}
	}
	return nil
}

// gatherAtOnce is how many rows are scored in one call: so many that the call costs nothing, and few enough to be asked for at once.
const gatherAtOnce = 32

// gatherer scores rows as they are, some at a time, and keeps the best.
type gatherer struct {
	s      *search
	best   *index.Best
	taken  int
	ords   []uint32
	rows   [][]float32
	scores []float32
}

func (s *search) gather(n int) *gatherer {
	n = min(n, gatherAtOnce)
	return &gatherer{s: s, best: index.NewBest(s.k), ords: make([]uint32, 0, n), rows: make([][]float32, 0, n), scores: make([]float32, gatherAtOnce)}
}

// take adds the row of a node. It also tells of the end of the context.
func (g *gatherer) take(node uint32) error {
	v, err := g.s.x.row(node)
	if err != nil {
		return err
	}
	g.ords, g.rows = append(g.ords, g.s.x.ords[node]), append(g.rows, v)
	if g.taken++; len(g.rows) == gatherAtOnce {
		g.score()
		return g.s.ctx.Err()
	}
	return nil
}

func (g *gatherer) score() {
	vec.ProductRows(g.scores, g.s.unit, g.rows)
	for i, ord := range g.ords {
		g.best.Offer(index.Hit{Ord: ord, Score: g.scores[i]})
	}
	g.ords, g.rows = g.ords[:0], g.rows[:0]
}

func (g *gatherer) hits() []index.Hit {
	g.score()
	return g.best.Hits()
}
