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
	if x.live == 0 {
		return nil, nil
	}
	outside := x.coder != nil && x.coder.isOutside(s.unit)
	if ef <= 0 {
		ef = x.opts.Ef
		if outside {
			ef = x.opts.EfText
		}
	}
	p := Decide(Situation{Rows: x.live, Nodes: len(x.ords), Graph: x.coder != nil, Pass: s.passing(), K: s.k, Ef: ef, M: x.opts.M})
	if p.Scan {
		return s.scan()
	}
	w := x.walkers.Get().(*walker)
	defer x.walkers.Put(w)
	x.coder.query(w.query, s.unit)
	w.between = false
	for ef := p.Ef; ; ef *= 4 {
		if err := s.ctx.Err(); err != nil {
			return nil, err
		}
		w.walkFrom(ef)
		hits, enough, err := s.rerank(w, p.Rerank)
		if err != nil || enough {
			return hits, err
		}
		if ef >= len(x.ords)/8 {
			return s.scan()
		}
	}
}

// walkFrom fills the beam with the ef best rows that a walk from the entry finds.
func (w *walker) walkFrom(ef int) {
	best := w.descend(0)
	w.begin()
	w.start([]key{best})
	w.walk(0, ef)
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
	best := index.NewBest(s.k)
	var score [1]float32
	taken := 0
	var last int32
	for _, k := range w.beam {
		if taken >= n && k.score() != last {
			break
		}
		if !s.passes(k.node()) {
			continue
		}
		v, err := s.x.row(k.node())
		if err != nil {
			return nil, false, err
		}
		vec.Product(score[:], s.unit, v, len(s.unit))
		best.Offer(index.Hit{Ord: s.x.ords[k.node()], Score: score[0]})
		taken, last = taken+1, k.score()
	}
	return best.Hits(), taken >= min(s.k, s.passing()), nil
}

// scan scores all rows that may be answered.
func (s *search) scan() ([]index.Hit, error) {
	best := index.NewBest(s.k)
	var score [1]float32
	look := func(node uint32) error {
		v, err := s.x.row(node)
		if err != nil {
			return err
		}
		vec.Product(score[:], s.unit, v, len(s.unit))
		best.Offer(index.Hit{Ord: s.x.ords[node], Score: score[0]})
		return nil
	}
	if s.filter != nil && s.filter.GetCardinality() < uint64(len(s.x.ords)) {
		for it := s.filter.Iterator(); it.HasNext(); {
			if node, ok := s.x.at.get(it.Next()); ok {
				if err := look(node); err != nil {
					return nil, err
				}
			}
		}
		return best.Hits(), nil
	}
	for node := range s.x.ords {
		if s.passes(uint32(node)) {
			if err := look(uint32(node)); err != nil {
				return nil, err
			}
		}
	}
	return best.Hits(), nil
}
