package kv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/saedb/saedb/internal/vec"
)

func mustOpen(t testing.TB, fs vfs.FS) *Store {
	t.Helper()
	s, _, err := Open("db", Options{Create: true, Tune: func(o *pebble.Options) {
		o.FS = fs
		o.MemTableSize = 64 << 10 // many flushes and compactions
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestMergeAgainstAMap adds, replaces and removes rows of a few posting blocks of both forms, with their statistics, and counts, in random batches; the
// store, whose merge operator sees them in whatever portions Pebble likes, says the same as a map.
func TestMergeAgainstAMap(t *testing.T) {
	for seed := range uint64(3) {
		rng := rand.New(rand.NewPCG(seed, 0))
		s := mustOpen(t, vfs.NewMem())
		m := merged{blocks: map[uint32]map[uint32]float32{0: {}, 1: {}, 2: {}}}
		for step := range 300 {
			b := s.Batch()
			for _, block := range rng.Perm(3)[:1+rng.IntN(3)] {
				m.change(rng, b, uint32(block))
			}
			n := rng.Int64N(5) - 2
			m.counter += n
			b.Merge(KeyField("f", Int), AppendCounter(nil, n))
			if err := b.Commit(); err != nil {
				t.Fatal(err)
			}
			b.Close()
			if step%100 == 50 {
				if err := s.db.Flush(); err != nil {
					t.Fatal(err)
				}
			}
			if step%100 == 99 {
				m.compare(t, fmt.Sprintf("seed %d step %d", seed, step), s)
			}
		}
	}
}

// merged is what a store has to hold of model 1, latent 7.
type merged struct {
	blocks  map[uint32]map[uint32]float32 // activations by block and ordinal
	counter int64
}

// change puts random changes of a block into a batch: for each row one, a third of them removals.
func (m *merged) change(rng *rand.Rand, b *Batch, block uint32) {
	var operand []byte
	var rows []uint16
	var acts []float32
	var stats Stats
	for _, row := range rng.Perm(200)[:1+rng.IntN(40)] {
		act := float32(0)
		if rng.IntN(3) > 0 {
			act = float32(math.Ldexp(1+rng.Float64(), rng.IntN(12)-6))
		}
		ord := block*BlockRows + uint32(row)
		operand = AppendPosting(operand, ord, act)
		rows, acts = append(rows, uint16(row)), append(acts, act)
		stats.Change(m.blocks[block][ord], act)
		if m.blocks[block][ord] = act; act == 0 {
			delete(m.blocks[block], ord)
		}
	}
	b.Merge(KeyPosting(1, 7, block), operand)
	b.Merge(KeyWeights(1, 7, block), AppendWeights(nil, sortedWeights(rows, acts)))
	b.Merge(KeyStats(1, 7), AppendStats(nil, stats))
}

// sortedWeights is Weigh of rows in any order.
func sortedWeights(rows []uint16, acts []float32) Weights {
	of := map[uint16]float32{}
	for i, row := range rows {
		of[row] = acts[i]
	}
	slices.Sort(rows)
	for i, row := range rows {
		acts[i] = of[row]
	}
	return Weigh(rows, acts)
}

func (m *merged) compare(t *testing.T, when string, s *Store) {
	t.Helper()
	r, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := map[uint32]map[uint32]float32{0: {}, 1: {}, 2: {}}
	for p, err := range r.Range(SpanPosting(1, 7).Lower, SpanPosting(1, 7).Upper) {
		if err != nil {
			t.Fatal(err)
		}
		_, _, block, err := BlockOf(p.Key)
		if err != nil {
			t.Fatal(err)
		}
		if err := EachPosting(block, p.Value, func(ord uint32, act float32) bool { got[block][ord] = act; return true }); err != nil {
			t.Fatal(when, err)
		}
	}
	want := Stats{}
	largest := float32(0)
	for block := range m.blocks {
		if !maps.Equal(got[block], m.blocks[block]) {
			t.Errorf("%s: block %d is %v, want %v", when, block, got[block], m.blocks[block])
		}
		for _, act := range m.blocks[block] {
			want.Change(0, act)
			largest = max(largest, act)
		}
		m.compareWeights(t, when, r, block)
	}
	v, _, err := r.Get(KeyStats(1, 7))
	if err != nil {
		t.Fatal(err)
	}
	if st, err := DecodeStats(v); err != nil || st.Count != want.Count || st.Whole != want.Whole || st.Part != want.Part || st.Top < largest || st.Exact() && st.Top != largest {
		t.Errorf("%s: statistics %+v, want %+v (%v)", when, st, want, err)
	}
	v, _, err = r.Get(KeyField("f", Int))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := DecodeCounter(v); err != nil || n != m.counter {
		t.Errorf("%s: counter %d, want %d (%v)", when, n, m.counter, err)
	}
}

func (m *merged) compareWeights(t *testing.T, when string, r *Snapshot, block uint32) {
	t.Helper()
	v, _, err := r.Get(KeyWeights(1, 7, block))
	if err != nil {
		t.Fatal(err)
	}
	w, err := DecodeWeights(v, nil)
	if err != nil || len(w.Rows) != len(m.blocks[block]) {
		t.Fatalf("%s: block %d has %d rows, want %d (%v)", when, block, len(w.Rows), len(m.blocks[block]), err)
	}
	for i, row := range w.Rows {
		act := m.blocks[block][block*BlockRows+uint32(row)]
		if !(w.Min <= act && act <= w.Max) || w.Bytes[i] != vec.Weight(act, vec.Step(w.Max)) {
			t.Errorf("%s: row %d of block %d has %v and weight %d; activations from %v to %v", when, row, block, act, w.Bytes[i], w.Min, w.Max)
		}
	}
}

// foldSlowly is the obvious twin of foldPostings.
func foldSlowly(v []byte, final bool) []byte {
	last := map[uint16][]byte{}
	for i := 0; i < len(v); i += postingSize {
		last[binary.LittleEndian.Uint16(v[i:])] = v[i : i+postingSize]
	}
	var out []byte
	for _, local := range slices.Sorted(maps.Keys(last)) {
		if !final || !bytes.Equal(last[local][2:], []byte{0, 0, 0, 0}) {
			out = append(out, last[local]...)
		}
	}
	return out
}

func FuzzFoldPostings(f *testing.F) {
	f.Add([]byte{3, 0, 0, 0, 128, 63, 1, 0, 0, 0, 128, 63, 3, 0, 0, 0, 0, 0}, true)
	f.Add([]byte{1, 0, 0, 0, 0, 0}, false)
	f.Fuzz(func(t *testing.T, v []byte, final bool) {
		v = bytes.Clone(v[:len(v)/postingSize*postingSize]) // the fuzzer's own stays as it is
		for i := 0; i < len(v); i += postingSize {
			v[i+1] &= 0x7f // rows within a block
		}
		want := foldSlowly(v, final)
		if got := foldPostings(bytes.Clone(v), final); !bytes.Equal(got, want) {
			t.Errorf("fold of %x: %x, want %x", v, got, want)
		}
	})
}

// mergeSlowly is the obvious twin of MergeWeights: it knows of each row only the step and weight it came with.
func mergeSlowly(t *testing.T, operands ...[]byte) []byte {
	t.Helper()
	type weighed struct {
		step   float32
		weight byte
	}
	last := map[uint16]weighed{}
	out := Weights{Min: math.MaxFloat32}
	for _, v := range operands {
		w, err := decodeOperand(v, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, row := range w.Rows {
			last[row] = weighed{vec.Step(w.Max), w.Bytes[i]}
		}
		if w.Max > 0 {
			out.Max, out.Min = max(out.Max, w.Max), min(out.Min, w.Min)
		}
	}
	for _, row := range slices.Sorted(maps.Keys(last)) {
		if old := last[row]; old.weight > 0 {
			most := float64(old.weight) * float64(old.step) // what it stands for at the most, rounded up to the new step
			out.Rows, out.Bytes = append(out.Rows, row), append(out.Bytes, byte(math.Ceil(most/float64(vec.Step(out.Max)))))
		}
	}
	return AppendWeights(nil, out)
}

// FuzzMerge gives the operands of one key to the merge rule: whole or broken, added from either end, all at once or folded in two
// portions first, as a compaction does. The outcome is the same, for postings that
// of a slow fold, or an error that says so.
func FuzzMerge(f *testing.F) {
	keys := [][]byte{KeyPosting(1, 2, 3), KeyField("f", Int), KeyRange(4), KeyWeights(1, 2, 3), KeyStats(1, 2)}
	f.Add(byte(0), []byte{1, 0, 0, 0, 128, 63}, []byte{2, 0, 0, 0, 0, 64}, []byte{1, 0, 0, 0, 0, 0})
	f.Add(byte(0), []byte{1, 0, 0, 0, 128, 63}, []byte{1, 0, 0, 0, 0, 64}, []byte{2, 0, 0, 0, 0, 64})
	f.Add(byte(0), []byte{1}, []byte{}, []byte{1, 2, 3, 4, 5, 6, 7})
	f.Add(byte(1), AppendCounter(nil, 3), AppendCounter(nil, -5), AppendCounter(nil, 2))
	f.Add(byte(2), AppendRangeSum(nil, RangeSum{Keys: 1, Digest: 1 << 63}), AppendRangeSum(nil, RangeSum{Keys: -1, Digest: 1 << 63}), []byte{})
	weights := func(rows []uint16, acts ...float32) []byte { return AppendWeights(nil, Weigh(rows, acts)) }
	f.Add(byte(3), weights([]uint16{1, 5}, 1, 0.5), weights([]uint16{2}, 300), weights([]uint16{1, 2}, 0, 0))
	f.Add(byte(3), weights([]uint16{1, 5}, 1, 0), weights([]uint16{5}, 1e-30), []byte{})
	f.Add(byte(3), weights([]uint16{1}, 1), weights([]uint16{1}, 0), weights([]uint16{1}, 0))
	f.Add(byte(4), AppendStats(nil, Stats{Count: 1, Part: 1, Top: 2}), AppendStats(nil, Stats{Count: -1, Whole: 1<<64 - 1, Part: 1<<64 - 1, Gone: 2}), []byte{})
	rule := merger().Merge
	f.Fuzz(func(t *testing.T, kind byte, a, b, c []byte) {
		key := keys[int(kind)%len(keys)]
		if key[0] == prefixPosting { // rows within the block: nothing else is ever written
			for _, v := range [][]byte{a, b, c} {
				for i := 1; i < len(v); i += postingSize {
					v[i] &= 0x7f
				}
			}
		}
		merge := func(final bool, first []byte, newer ...[]byte) ([]byte, error) {
			m, err := rule(key, bytes.Clone(first))
			for _, v := range newer {
				err = errors.Join(err, m.MergeNewer(bytes.Clone(v)))
			}
			if err != nil {
				return nil, err
			}
			v, _, err := m.Finish(final)
			return v, err
		}
		once, err := merge(true, a, b, c)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("%x, %x, %x: %v is not ErrCorrupt", a, b, c, err)
			}
			return
		}
		if len(once) > len(a)+len(b)+len(c)+binary.MaxVarintLen64+statsSize {
			t.Errorf("%x, %x, %x merge to %d bytes", a, b, c, len(once))
		}
		if key[0] == prefixPosting {
			if want := foldSlowly(slices.Concat(a, b, c), true); !bytes.Equal(once, want) {
				t.Errorf("%x, %x, %x merge to %x, want %x", a, b, c, once, want)
			}
		}
		if key[0] == prefixWeights {
			if want := mergeSlowly(t, a, b, c); !bytes.Equal(once, want) {
				t.Errorf("%x, %x, %x merge to %x, want %x", a, b, c, once, want)
			}
		}
		older, err := rule(key, bytes.Clone(c))
		if err := errors.Join(err, older.MergeOlder(bytes.Clone(b)), older.MergeOlder(bytes.Clone(a))); err != nil {
			t.Fatal(err)
		}
		if got, _, err := older.Finish(true); err != nil || !bytes.Equal(got, once) {
			t.Errorf("%x, %x, %x merged from the newest on: %x, want %x (%v)", a, b, c, got, once, err)
		}
		part, err := merge(false, b, c)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := merge(true, a, part); err != nil || !bytes.Equal(got, once) {
			t.Errorf("%x, and %x of %x and %x: %x, want %x (%v)", a, part, b, c, got, once, err)
		}
	})
}

func TestMergeRefusesBrokenOperands(t *testing.T) {
	for _, key := range [][]byte{KeyPosting(1, 2, 3), KeyField("f", Int), KeyWeights(1, 2, 3), KeyStats(1, 2)} {
		s := mustOpen(t, vfs.NewMem())
		b := s.Batch()
		b.Merge(key, []byte{0xff, 0xff, 0xff})
		if err := b.Commit(); err != nil {
			t.Fatal(err)
		}
		b.Close()
		r, err := s.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.Get(key); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%q: get gives %v, want ErrCorrupt", key[:1], err)
		}
		r.Close()
	}
}
