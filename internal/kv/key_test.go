package kv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

// FuzzKeys: a key reads back as what it was made of, lies in the spans of its kind and in no other's, and its order is that of its
// numbers. What is no key is an error that says so.
func FuzzKeys(f *testing.F) {
	f.Add("trips/a.jpg", uint32(1), uint32(2), uint32(3), KeyPosting(1, 2, 3))
	f.Add("\x00\xff", uint32(0), uint32(1<<32-1), uint32(1<<31), []byte("p12345678901"))
	f.Add("", uint32(255), uint32(256), uint32(1<<16), []byte{})
	f.Fuzz(func(t *testing.T, id string, a, b, c uint32, raw []byte) {
		if got := IDOfKey(KeyID(id)); got != id {
			t.Errorf("id %q comes back as %q", id, got)
		}
		in := func(what string, key []byte, s Span) {
			t.Helper()
			if bytes.Compare(key, s.Lower) < 0 || bytes.Compare(key, s.Upper) >= 0 || !KnownPrefix(key[0]) {
				t.Errorf("%s: %x is not in [%x, %x)", what, key, s.Lower, s.Upper)
			}
			if last, err := Last(key); len(key) >= 5 && (err != nil || last != binary.BigEndian.Uint32(key[len(key)-4:])) {
				t.Errorf("%s: the last number of %x is %d (%v)", what, key, last, err)
			}
			for _, m := range []uint32{a + 1, a - 1} {
				if o := SpanCodes(m); bytes.Compare(key, o.Lower) >= 0 && bytes.Compare(key, o.Upper) < 0 {
					t.Errorf("%s: %x lies among the codes of model %d", what, key, m)
				}
			}
		}
		in("item", KeyItem(a), SpanItems())
		in("item from a on", KeyItem(a), SpanItems().From(a))
		in("vector", KeyVector(a), SpanVectors())
		in("block of vectors", KeyBlock(a), SpanBlocks())
		in("metadata", KeyMeta(a), SpanMeta())
		in("thumbnail", KeyThumb(a), SpanThumbs())
		in("range sum", KeyRange(a), SpanRanges())
		in("touched", KeyTouched(a), SpanTouched())
		in("model", KeyModel(a), SpanModels())
		in("code", KeyCode(a, b), SpanCodes(a))
		in("stale", KeyStale(a, b), SpanStale(a))
		in("posting", KeyPosting(a, b, c), SpanPostings(a))
		in("posting of any model", KeyPosting(a, b, c), SpanAllPostings())
		in("posting of a latent", KeyPosting(a, b, c), SpanPosting(a, b))
		in("weights", KeyWeights(a, b, c), SpanWeights(a))
		in("weights of a latent", KeyWeights(a, b, c), SpanLatent(a, b))
		in("statistics", KeyStats(a, b), SpanStats(a))
		for _, k := range [][]byte{KeyWeights(a, b, c), KeyPosting(a, b, c)} {
			model, latent, block, err := BlockOf(k)
			if fits := c < 1<<32/BlockRows; (err == nil) != fits || fits && (model != a || latent != b || block != c) {
				t.Errorf("posting key of model %d, latent %d, block %d reads as %d, %d, %d (%v)", a, b, c, model, latent, block, err)
			}
		}
		if (bytes.Compare(KeyItem(a), KeyItem(b)) < 0) != (a < b) {
			t.Errorf("keys of ordinals %d and %d: another order", a, b)
		}
		model, latent, block, err := BlockOf(raw)
		for what, err := range map[string]error{"posting": err, "field": second(DecodeField(raw))} {
			if err != nil && !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s key %x: %v is not ErrCorrupt", what, raw, err)
			}
		}
		if err == nil && !bytes.Equal(KeyPosting(model, latent, block), raw) && !bytes.Equal(KeyWeights(model, latent, block), raw) {
			t.Errorf("posting key %x reads as model %d, latent %d, block %d", raw, model, latent, block)
		}
		if name, kind, err := DecodeField(raw); err == nil && !bytes.Equal(KeyField(name, kind), raw) {
			t.Errorf("field key %x reads as %q, %q", raw, name, kind)
		}
		if up := After(raw); up != nil && (bytes.Compare(raw, up) >= 0 || bytes.HasPrefix(up, raw) && len(raw) > 0) {
			t.Errorf("after %x comes %x", raw, up)
		}
	})
}

// second is the error of a call with two results before it.
func second[A, B any](_ A, _ B, err error) error { return err }
