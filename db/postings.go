package db

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/sparse"
	"github.com/saedb/saedb/internal/kv"
	"github.com/saedb/saedb/internal/vec"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/sae"
)

// How postings lie. Each block of a latent's postings is a value of weights, one byte a row, which bound the activations; the codes alone hold them
// exactly. Each latent has statistics beside. Both are merged: a commit adds what it changes and reads neither.
//
// Formats 1 and 2 had other posting blocks, of exact activations, and no statistics. Until Upgrade has rewritten them they are read beside the
// new ones: a row is in one or the other. A row that is written leaves the old one.

// kv.BlockRows and index.BlockRows are one number.
var _ = [1]struct{}{}[kv.BlockRows-index.BlockRows]

// list names one posting block.
type list struct{ model, latent, block uint32 }

// change is what becomes of a row of a posting block: its activation before and after. 0 is none.
type change struct {
	row     uint16
	was, is float32
}

// post moves a row from the posting blocks of old's latents to those of c's.
func (w *writer) post(model, ord uint32, old, c sae.Code) {
	if w.lists == nil {
		w.lists, w.left = map[list][]change{}, map[list][]byte{}
	}
	for len(old.Latents) > 0 || len(c.Latents) > 0 {
		l := list{model: model, block: ord / kv.BlockRows}
		ch := change{row: uint16(ord % kv.BlockRows)}
		fromOld := len(c.Latents) == 0 || len(old.Latents) > 0 && old.Latents[0] <= c.Latents[0]
		fromNew := len(old.Latents) == 0 || len(c.Latents) > 0 && c.Latents[0] <= old.Latents[0]
		if fromOld {
			l.latent, ch.was = old.Latents[0], old.Acts[0]
			old.Latents, old.Acts = old.Latents[1:], old.Acts[1:]
		}
		if fromNew {
			l.latent, ch.is = c.Latents[0], c.Acts[0]
			c.Latents, c.Acts = c.Latents[1:], c.Acts[1:]
		}
		if !w.weighed && fromOld {
			w.left[l] = kv.AppendPosting(w.left[l], ord, 0)
		}
		w.lists[l] = append(w.lists[l], ch)
	}
}

// mergeLists puts the gathered changes of posting blocks and statistics into the batch.
func (w *writer) mergeLists() {
	var rows []uint16
	var acts []float32
	for l, changes := range w.lists {
		slices.SortStableFunc(changes, func(a, b change) int { return cmp.Compare(a.row, b.row) })
		rows, acts = rows[:0], acts[:0]
		var stats kv.Stats
		for i, c := range changes {
			if i+1 < len(changes) && changes[i+1].row == c.row { // changed twice: the last counts
				changes[i+1].was = c.was
				continue
			}
			rows, acts = append(rows, c.row), append(acts, c.is)
			if c.was != c.is {
				stats.Change(c.was, c.is)
			}
		}
		w.b.Merge(kv.KeyWeights(l.model, l.latent, l.block), kv.AppendWeights(nil, kv.Weigh(rows, acts)))
		if w.weighed && stats != (kv.Stats{}) {
			w.b.Merge(kv.KeyStats(l.model, l.latent), kv.AppendStats(nil, stats))
		}
	}
	for l, operand := range w.left {
		w.b.Merge(kv.KeyPosting(l.model, l.latent, l.block), operand)
	}
}

// noPostings reports whether there are no posting blocks of formats 1 and 2.
func noPostings(r *kv.Snapshot) (bool, error) {
	span := kv.SpanAllPostings()
	for _, err := range r.Range(span.Lower, span.Upper) {
		return false, err
	}
	return true, nil
}

// Blocks yields the items in whose code the latent is active.
func (s *source) Blocks(ctx context.Context, latent uint32) iter.Seq2[index.Block, error] {
	return func(yield func(index.Block, error) bool) {
		if s.model == nil {
			yield(index.Block{}, ErrNoModel)
			return
		}
		have, err := s.held(ctx)
		if err != nil {
			yield(index.Block{}, err)
			return
		}
		if list, ok := have.get(latent); ok {
			for _, b := range list {
				if !yield(b, nil) {
					return
				}
			}
			return
		}
		walk := s.eachBlock
		if !s.weighed {
			walk = s.eachMixed
		}
		all, copies := true, gathering{room: have.most}
		err = walk(ctx, latent, func(b index.Block) bool {
			copies.add(b)
			all = yield(b, nil)
			return all
		})
		switch {
		case err != nil:
			yield(index.Block{}, fmt.Errorf("latent %d: %w", latent, err))
		case all && copies.room >= 0:
			have.put(latent, copies.list)
		}
	}
}

// Held returns the postings of a latent where a query of this commit has read them.
func (s *source) Held(ctx context.Context, latent uint32) ([]index.Block, bool) {
	h, err := s.held(ctx)
	if s.model == nil || err != nil {
		return nil, false
	}
	return h.get(latent)
}

// held returns the postings that queries of this commit have read.
func (s *source) held(ctx context.Context) (*held, error) {
	return derive(ctx, s.data, "held", func() (*held, error) { return newHeld(heldBytes), nil })
}

// eachBlock calls f for the posting blocks of a latent until it returns false.
func (s *source) eachBlock(ctx context.Context, latent uint32, f func(index.Block) bool) error {
	var rows []uint16
	span := kv.SpanLatent(s.model.number, latent)
	for p, err := range s.r.Range(span.Lower, span.Upper) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		_, _, block, err := kv.BlockOf(p.Key)
		if err != nil {
			return err
		}
		w, err := kv.DecodeWeights(p.Value, rows)
		if err != nil {
			return fmt.Errorf("block %d: %w", block, err)
		}
		if rows = w.Rows; len(rows) > 0 && !f(blockOf(block, w)) {
			return nil
		}
	}
	return nil
}

func blockOf(block uint32, w kv.Weights) index.Block {
	return index.Block{First: block * kv.BlockRows, Rows: w.Rows, Weights: w.Bytes, Max: w.Max, Min: w.Min, Step: vec.Step(w.Max)}
}

// eachMixed is eachBlock where posting blocks of formats 1 and 2 may lie beside: it weighs them.
func (s *source) eachMixed(ctx context.Context, latent uint32, f func(index.Block) bool) error {
	values := map[uint32][][]byte{} // by block
	var blocks []uint32
	for _, span := range []kv.Span{kv.SpanPosting(s.model.number, latent), kv.SpanLatent(s.model.number, latent)} {
		for p, err := range s.r.Range(span.Lower, span.Upper) {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
			block, value, err := weighed(p)
			if err != nil {
				return err
			}
			if values[block] == nil {
				blocks = append(blocks, block)
			}
			values[block] = append(values[block], value)
		}
	}
	slices.Sort(blocks)
	for _, block := range blocks {
		w, err := kv.MergeWeights(values[block]...)
		if err != nil {
			return fmt.Errorf("block %d: %w", block, err)
		}
		if len(w.Rows) > 0 && !f(blockOf(block, w)) {
			return nil
		}
	}
	return nil
}

// weighed returns a copy of the value of a posting block, whose key may be of either form, as weights.
func weighed(p kv.Pair) (block uint32, value []byte, err error) {
	_, latent, block, err := kv.BlockOf(p.Key)
	if err != nil {
		return 0, nil, err
	}
	if p.Key[0] == kv.KeyWeights(0, 0, 0)[0] {
		return block, slices.Clone(p.Value), nil
	}
	var rows []uint16
	var acts []float32
	err = kv.EachPosting(block, p.Value, func(ord uint32, act float32) bool {
		rows, acts = append(rows, uint16(ord%kv.BlockRows)), append(acts, act)
		return true
	})
	if err != nil {
		return 0, nil, fmt.Errorf("latent %d: %w", latent, err)
	}
	return block, kv.AppendWeights([]byte{}, kv.Weigh(rows, acts)), nil
}

// Codes yields the codes of the items of f, of all where it is nil.
func (s *source) Codes(ctx context.Context, f index.Filter) iter.Seq2[index.Coded, error] {
	return func(yield func(index.Coded, error) bool) {
		err := ErrNoModel
		if s.model != nil {
			err = s.eachCoded(ctx, f, func(c index.Coded) bool { return yield(c, nil) })
		}
		if err != nil {
			yield(index.Coded{}, err)
		}
	}
}

func (s *source) eachCoded(ctx context.Context, f index.Filter, yield func(index.Coded) bool) error {
	if f == nil {
		return s.scanCodes(ctx, s.model.number, func(ord uint32, c sae.Code) (bool, error) {
			return yield(index.Coded{Ord: ord, Code: c}), nil
		})
	}
	if f.GetCardinality() <= fewCodes {
		return s.getCodes(ctx, f, yield)
	}
	span := kv.SpanCodes(s.model.number)
	it, err := s.r.Iter(span.Lower, span.Upper)
	if err != nil {
		return err
	}
	defer it.Close()
	c, here := index.Coded{}, false
	for ords, n := f.Iterator(), 0; ords.HasNext(); n++ {
		if n%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		ord := ords.Next()
		key := kv.KeyCode(s.model.number, ord)
		if here && ord == c.Ord+1 {
			here = it.Next()
		} else {
			here = it.SeekGE(key)
		}
		if here {
			here = bytes.Equal(it.Pair().Key, key)
		}
		if !here {
			return cmp.Or(it.Err(), kv.Corruptf("ordinal %d has no code", ord))
		}
		c.Ord = ord
		if c.Code.Latents, c.Code.Acts, err = kv.DecodeCode(c.Code.Latents[:0], c.Code.Acts[:0], it.Pair().Value); err != nil {
			return fmt.Errorf("code of ordinal %d: %w", ord, err)
		}
		if !yield(c) {
			return nil
		}
	}
	return nil
}

// fewCodes is up to how many codes are got one by one, which takes longer for each and needs no cursor.
const fewCodes = 64

// getCodes is eachCoded for few.
func (s *source) getCodes(ctx context.Context, f index.Filter, yield func(index.Coded) bool) error {
	c := index.Coded{}
	for _, ord := range f.ToArray() {
		c.Ord = ord
		ok, err := s.r.View(kv.KeyCode(s.model.number, ord), func(v []byte) (err error) {
			c.Code.Latents, c.Code.Acts, err = kv.DecodeCode(c.Code.Latents[:0], c.Code.Acts[:0], v)
			return err
		})
		if err == nil && !ok {
			err = kv.Corruptf("ordinal %d has no code", ord)
		}
		if err != nil {
			return fmt.Errorf("code of ordinal %d: %w", ord, err)
		}
		if !yield(c) {
			return nil
		}
	}
	return ctx.Err()
}

type statsKey struct{ latent uint32 }

// LatentStats reads the latent's statistics. Their maximum is looked for where it may be that of an item that is gone.
func (s *source) LatentStats(ctx context.Context, latent uint32) (query.LatentStats, error) {
	if s.model == nil {
		return query.LatentStats{}, ErrNoModel
	}
	return derive(ctx, s.data, statsKey{latent}, func() (query.LatentStats, error) {
		st, err := s.stats(ctx, latent)
		if err != nil {
			return query.LatentStats{}, fmt.Errorf("statistics of latent %d: %w", latent, err)
		}
		return query.LatentStats{Count: int(st.Count), Max: float64(st.Top), Sum: st.Sum()}, nil
	})
}

// stats returns the statistics of a latent, Top being its largest activation.
func (s *source) stats(ctx context.Context, latent uint32) (st kv.Stats, err error) {
	if !s.weighed {
		all, err := derive(ctx, s.data, "stats", func() ([]kv.Stats, error) { return s.countCodes(ctx, *s.model) })
		if err != nil || int(latent) >= len(all) {
			return st, err
		}
		return all[latent], nil
	}
	v, _, err := s.r.Get(kv.KeyStats(s.model.number, latent))
	if err != nil {
		return st, err
	}
	if st, err = kv.DecodeStats(v); err != nil || st.Exact() {
		return st, err
	}
	st.Gone = 0
	st.Top, err = s.largest(ctx, latent)
	return st, err
}

// largest returns the largest activation of a latent, 0 if it has none.
func (s *source) largest(ctx context.Context, latent uint32) (float32, error) {
	hits, err := sparse.Sum(ctx, s, []index.Term{{Latent: latent, W: 1}}, 1, nil)
	if err != nil || len(hits) == 0 {
		return 0, err
	}
	return hits[0].Score, nil
}

// countCodes adds up the statistics of all latents from the codes.
func (s *Snapshot) countCodes(ctx context.Context, rec modelRecord) ([]kv.Stats, error) {
	all := make([]kv.Stats, rec.M)
	err := s.scanCodes(ctx, rec.number, func(ord uint32, c sae.Code) (bool, error) {
		for i, latent := range c.Latents {
			if int(latent) >= rec.M {
				return false, kv.Corruptf("code of ordinal %d: latent %d of %d", ord, latent, rec.M)
			}
			all[latent].Change(0, c.Acts[i])
		}
		return true, nil
	})
	return all, err
}
