package kv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
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

// TestMergeAgainstAMap adds and removes rows of a few posting blocks, and counts, in random batches; the store, whose
// merge operator sees them in whatever portions Pebble likes, says the same as a map.
func TestMergeAgainstAMap(t *testing.T) {
	for seed := range uint64(3) {
		rng := rand.New(rand.NewPCG(seed, 0))
		s := mustOpen(t, vfs.NewMem())
		blocks := map[uint32]map[uint32]float32{0: {}, 1: {}, 2: {}}
		counter := int64(0)
		for step := range 300 {
			b := s.Batch()
			for range 1 + rng.IntN(3) {
				block := rng.Uint32N(3)
				var operand []byte
				for range 1 + rng.IntN(40) {
					ord := block*BlockRows + rng.Uint32N(200)
					act := float32(rng.IntN(3)) // a third are removals
					operand = AppendPosting(operand, ord, act)
					if blocks[block][ord] = act; act == 0 {
						delete(blocks[block], ord)
					}
				}
				b.Merge(KeyPosting(1, 7, block), operand)
			}
			n := rng.Int64N(5) - 2
			counter += n
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
				compareBlocks(t, fmt.Sprintf("seed %d step %d", seed, step), s, blocks, counter)
			}
		}
	}
}

func compareBlocks(t *testing.T, when string, s *Store, blocks map[uint32]map[uint32]float32, counter int64) {
	t.Helper()
	r, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := map[uint32]map[uint32]float32{0: {}, 1: {}, 2: {}}
	for p, err := range r.Range(SpanLatent(1, 7).Lower, SpanLatent(1, 7).Upper) {
		if err != nil {
			t.Fatal(err)
		}
		_, block, err := LatentOfPosting(p.Key)
		if err != nil {
			t.Fatal(err)
		}
		if err := EachPosting(block, p.Value, func(ord uint32, act float32) bool { got[block][ord] = act; return true }); err != nil {
			t.Fatal(when, err)
		}
	}
	for block := range blocks {
		if !maps.Equal(got[block], blocks[block]) {
			t.Errorf("%s: block %d is %v, want %v", when, block, got[block], blocks[block])
		}
	}
	v, _, err := r.Get(KeyField("f", Int))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := DecodeCounter(v); err != nil || n != counter {
		t.Errorf("%s: counter %d, want %d (%v)", when, n, counter, err)
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
		v = v[:len(v)/postingSize*postingSize]
		for i := 0; i < len(v); i += postingSize {
			v[i+1] &= 0x7f // rows within a block
		}
		want := foldSlowly(v, final)
		if got := foldPostings(bytes.Clone(v), final); !bytes.Equal(got, want) {
			t.Errorf("fold of %x: %x, want %x", v, got, want)
		}
	})
}

// FuzzMerge gives the operands of one key to the merge rule: whole or broken, added from either end, all at once or folded in two
// portions first, as a compaction does. The outcome is the same, for postings that
// of a slow fold, or an error that says so.
func FuzzMerge(f *testing.F) {
	keys := [][]byte{KeyPosting(1, 2, 3), KeyField("f", Int), KeyRange(4)}
	f.Add(byte(0), []byte{1, 0, 0, 0, 128, 63}, []byte{2, 0, 0, 0, 0, 64}, []byte{1, 0, 0, 0, 0, 0})
	f.Add(byte(0), []byte{1, 0, 0, 0, 128, 63}, []byte{1, 0, 0, 0, 0, 64}, []byte{2, 0, 0, 0, 0, 64})
	f.Add(byte(0), []byte{1}, []byte{}, []byte{1, 2, 3, 4, 5, 6, 7})
	f.Add(byte(1), AppendCounter(nil, 3), AppendCounter(nil, -5), AppendCounter(nil, 2))
	f.Add(byte(2), AppendRangeSum(nil, RangeSum{Keys: 1, Digest: 1 << 63}), AppendRangeSum(nil, RangeSum{Keys: -1, Digest: 1 << 63}), []byte{})
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
		if len(once) > len(a)+len(b)+len(c)+binary.MaxVarintLen64 {
			t.Errorf("%x, %x, %x merge to %d bytes", a, b, c, len(once))
		}
		if key[0] == prefixPosting {
			if want := foldSlowly(slices.Concat(a, b, c), true); !bytes.Equal(once, want) {
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
	for _, key := range [][]byte{KeyPosting(1, 2, 3), KeyField("f", Int)} {
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
