package db

import (
	"encoding/binary"
	"hash/maphash"
	"math"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/internal/kv"
	"github.com/saedb/saedb/internal/vec"
	"github.com/saedb/saedb/sae"
)

// lists is what the check of one model's postings gathers.
type lists struct {
	rec   modelRecord
	have  []tally                    // of the postings, by latent
	want  []tally                    // of the codes
	stats []kv.Stats                 // of the codes
	heads map[[2]uint32]kv.Weights   // the bounds of a latent's block, no rows
	old   map[uint32]*roaring.Bitmap // by latent, the rows that are in posting blocks of formats 1 and 2
}

// tally is what a latent's postings add up to: how many, and the sum of a hash of each. Two lists with the same tally
// are the same but for one chance in 2⁶⁴.
type tally struct {
	count int
	sum   uint64
}

// add counts a posting of an ordinal with a weight, or with an activation's bits.
func (c *checker) add(t *tally, ord, value uint32) {
	var b [8]byte
	binary.LittleEndian.PutUint32(b[:], ord)
	binary.LittleEndian.PutUint32(b[4:], value)
	t.count++
	t.sum += maphash.Bytes(c.seed, b[:])
}

// codes checks a model's codes against the items, and postings and statistics against the codes: every weight is the one that the code's activation has
// in the steps of its block, the bounds hold, and nothing is missing or too many.
func (c *checker) codes(rec modelRecord) error {
	if err := c.owned("code", kv.SpanCodes(rec.number)); err != nil {
		return err
	}
	if err := c.owned("stale mark", kv.SpanStale(rec.number)); err != nil {
		return err
	}
	l := &lists{
		rec: rec, have: make([]tally, rec.M), want: make([]tally, rec.M), stats: make([]kv.Stats, rec.M),
		heads: map[[2]uint32]kv.Weights{}, old: map[uint32]*roaring.Bitmap{},
	}
	_, weighed, err := c.s.r.Get(kv.KeyWeighed())
	if err != nil {
		return err
	}
	for _, step := range []func(*lists) error{c.readWeights, c.readPostings, c.readCodes} {
		if err := step(l); err != nil || c.stopped {
			return err
		}
	}
	if weighed {
		if len(l.old) > 0 && !c.fault("autoencoder %q: it has posting blocks of an old format, the header says that there are none", rec.Name) {
			return nil
		}
		if err := c.statistics(l); err != nil || c.stopped {
			return err
		}
	}
	return c.compare(l)
}

// compare reports the latents whose postings are not those of the codes, and of the first few which.
func (c *checker) compare(l *lists) error {
	var wrong []uint32
	for latent := range l.want {
		if l.want[latent] == l.have[latent] {
			continue
		}
		if !c.fault("autoencoder %q: latent %d: its %d postings are not those of the %d codes in which it is active",
			l.rec.Name, latent, l.have[latent].count, l.want[latent].count) {
			return nil
		}
		wrong = append(wrong, uint32(latent))
	}
	const most = 16 // latents, whose postings are taken into memory
	for _, latent := range wrong[:min(len(wrong), most)] {
		if err := c.strayPostings(l.rec, latent); err != nil || c.stopped {
			return err
		}
	}
	return nil
}

// strayPostings names the rows of a latent whose postings are not what their codes say.
func (c *checker) strayPostings(rec modelRecord, latent uint32) error {
	acts := map[uint32]float32{}
	err := c.s.scanCodes(c.ctx, rec.number, func(ord uint32, code sae.Code) (bool, error) {
		for i, l := range code.Latents {
			if l == latent {
				acts[ord] = code.Acts[i]
			}
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	// one compares a posting: between low, which the activation is above, and high.
	one := func(ord uint32, low, high float64) bool {
		act, there := acts[ord]
		delete(acts, ord)
		switch {
		case !there:
			return c.fault("autoencoder %q: latent %d: ordinal %d has a posting, and its code does not have the latent, or there are two", rec.Name, latent, ord)
		case !(low < float64(act) && float64(act) <= high):
			return c.fault("autoencoder %q: latent %d: the posting of ordinal %d says above %g and up to %g, its code %g", rec.Name, latent, ord, low, high, act)
		}
		return true
	}
	err = c.scan(kv.SpanLatent(rec.number, latent), func(p kv.Pair) bool {
		_, _, block, err := kv.BlockOf(p.Key)
		if err != nil {
			return true // readWeights has reported it
		}
		w, err := kv.DecodeWeights(p.Value, nil)
		step := float64(vec.Step(w.Max))
		for i := 0; err == nil && i < len(w.Rows); i++ {
			if !one(block*kv.BlockRows+uint32(w.Rows[i]), float64(w.Bytes[i]-1)*step, float64(w.Bytes[i])*step) {
				return false
			}
		}
		return true
	})
	if err != nil || c.stopped {
		return err
	}
	err = c.scan(kv.SpanPosting(rec.number, latent), func(p kv.Pair) bool {
		_, _, block, err := kv.BlockOf(p.Key)
		if err != nil {
			return true
		}
		_ = kv.EachPosting(block, p.Value, func(ord uint32, act float32) bool {
			return one(ord, math.Nextafter(float64(act), 0), float64(act))
		})
		return !c.stopped
	})
	if err != nil || c.stopped {
		return err
	}
	for ord, act := range acts {
		if !c.fault("autoencoder %q: latent %d: ordinal %d has no posting, its code has the activation %g", rec.Name, latent, ord, act) {
			break
		}
	}
	return nil
}

// readWeights counts the postings and keeps the bounds of their blocks.
func (c *checker) readWeights(l *lists) error {
	var rows []uint16
	return c.scan(kv.SpanWeights(l.rec.number), func(p kv.Pair) bool {
		_, latent, block, err := kv.BlockOf(p.Key)
		if err == nil && int(latent) >= l.rec.M {
			err = kv.Corruptf("postings of latent %d of %d", latent, l.rec.M)
		}
		if err != nil {
			return c.report("autoencoder %q: %w", l.rec.Name, err)
		}
		w, err := kv.DecodeWeights(p.Value, rows)
		if err != nil {
			return c.report("autoencoder %q: latent %d, block %d: %w", l.rec.Name, latent, block, err)
		}
		rows = w.Rows
		for i, row := range w.Rows {
			c.add(&l.have[latent], block*kv.BlockRows+uint32(row), uint32(w.Bytes[i]))
		}
		l.heads[[2]uint32{latent, block}] = kv.Weights{Max: w.Max, Min: w.Min}
		return true
	})
}

// readPostings counts the postings of formats 1 and 2.
func (c *checker) readPostings(l *lists) error {
	return c.scan(kv.SpanPostings(l.rec.number), func(p kv.Pair) bool {
		_, latent, block, err := kv.BlockOf(p.Key)
		if err == nil && int(latent) >= l.rec.M {
			err = kv.Corruptf("postings of latent %d of %d", latent, l.rec.M)
		}
		if err == nil {
			if l.old[latent] == nil {
				l.old[latent] = roaring.New()
			}
			err = kv.EachPosting(block, p.Value, func(ord uint32, act float32) bool {
				c.add(&l.have[latent], ord, math.Float32bits(act))
				l.old[latent].Add(ord)
				return true
			})
		}
		return err == nil || c.report("autoencoder %q: %w", l.rec.Name, err)
	})
}

// readCodes adds up the codes, compares them with the bounds of the blocks, and names the items that lack one that should have one.
func (c *checker) readCodes(l *lists) error {
	live, err := c.s.live(c.ctx)
	if err != nil {
		return err
	}
	due := live.Clone()
	if l.rec.number != c.s.state.Active {
		from, err := progress(c.s.r, l.rec.number)
		if err != nil {
			return err
		}
		due.RemoveRange(uint64(from), 1<<32)
	}
	err = c.s.scanCodes(c.ctx, l.rec.number, func(ord uint32, code sae.Code) (bool, error) {
		due.Remove(ord)
		for i, latent := range code.Latents {
			if int(latent) >= l.rec.M {
				return c.fault("code of ordinal %d: latent %d of %d", ord, latent, l.rec.M), nil
			}
			if !c.posting(l, latent, ord, code.Acts[i]) {
				return false, nil
			}
		}
		return len(code.Latents) <= l.rec.K || c.fault("code of ordinal %d: %d latents, k is %d", ord, len(code.Latents), l.rec.K), nil
	})
	for missing := due.Iterator(); err == nil && missing.HasNext() && !c.stopped; {
		ord := missing.Next()
		id, _ := c.s.id(ord) // an item without one is a fault that items reports
		c.fault("autoencoder %q: item %q at ordinal %d has no code", l.rec.Name, id, ord)
	}
	return err
}

// posting counts the posting that an activation of a code has to have.
func (c *checker) posting(l *lists, latent, ord uint32, act float32) bool {
	l.stats[latent].Change(0, act)
	if old := l.old[latent]; old != nil && old.Contains(ord) {
		c.add(&l.want[latent], ord, math.Float32bits(act))
		return true
	}
	head := l.heads[[2]uint32{latent, ord / kv.BlockRows}]
	if head.Max == 0 || act > head.Max || act < head.Min {
		c.add(&l.want[latent], ord, 0) // no posting is like that
		return head.Max == 0 || c.fault("autoencoder %q: latent %d: ordinal %d has the activation %g, its posting block says from %g to %g",
			l.rec.Name, latent, ord, act, head.Min, head.Max)
	}
	c.add(&l.want[latent], ord, uint32(vec.Weight(act, vec.Step(head.Max))))
	return true
}

// statistics compares the stored statistics of latents with those of the codes.
func (c *checker) statistics(l *lists) error {
	seen := make([]bool, l.rec.M)
	err := c.scan(kv.SpanStats(l.rec.number), func(p kv.Pair) bool {
		latent, err := kv.Last(p.Key)
		if err == nil && (len(p.Key) != len(kv.KeyStats(0, 0)) || int(latent) >= l.rec.M) {
			err = kv.Corruptf("statistics of latent %d of %d", latent, l.rec.M)
		}
		if err != nil {
			return c.report("autoencoder %q: %w", l.rec.Name, err)
		}
		seen[latent] = true
		st, err := kv.DecodeStats(p.Value)
		if err != nil {
			return c.report("autoencoder %q: latent %d: %w", l.rec.Name, latent, err)
		}
		want := l.stats[latent]
		if st.Count != want.Count || st.Whole != want.Whole || st.Part != want.Part {
			return c.fault("autoencoder %q: latent %d: its statistics count %d codes with activations of %g, there are %d with %g",
				l.rec.Name, latent, st.Count, st.Sum(), want.Count, want.Sum())
		}
		if st.Count > 0 && (st.Top < want.Top || st.Exact() && st.Top != want.Top) {
			return c.fault("autoencoder %q: latent %d: its statistics say that no activation is above %g, there is one of %g", l.rec.Name, latent, st.Top, want.Top)
		}
		return true
	})
	for latent, st := range l.stats {
		if err == nil && st.Count > 0 && !seen[latent] && !c.fault("autoencoder %q: latent %d: it has no statistics, and is active in %d codes", l.rec.Name, latent, st.Count) {
			break
		}
	}
	return err
}
