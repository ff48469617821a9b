package db

import (
	"errors"

	"github.com/cespare/xxhash/v2"

	"github.com/saedb/saedb/internal/kv"
)

// Range sums are how a row that vanishes, or comes back, without a trace in the store's own checksums is noticed all the
// same: each commit adds to the sum of a range of ordinals the keys of items, vectors, blocks of vectors and thumbnails that it writes,
// and takes away what they held before. Check adds all of them up anew.

// keep writes one of these keys, which held old and is to hold new; nil stands for no key. ord is any of a block's ordinals.
func (w *writer) keep(ord uint32, key, old, new []byte) {
	if new != nil {
		w.b.Set(key, new)
	} else {
		w.b.Delete(key)
	}
	if !w.ranges {
		return
	}
	sum := w.sums[ord/kv.BlockRows]
	if old != nil {
		sum.Add(kv.RangeSum{Keys: -1, Digest: -digest(key, old)})
	}
	if new != nil {
		sum.Add(kv.RangeSum{Keys: 1, Digest: digest(key, new)})
	}
	w.sums[ord/kv.BlockRows] = sum
}

// digest is XXH64 of the key's length (one byte), the key and the value.
func digest(key, value []byte) uint64 {
	var h xxhash.Digest
	h.Reset()
	_, _ = h.Write([]byte{byte(len(key))}) // a hash never fails to write
	_, _ = h.Write(key)
	_, _ = h.Write(value)
	return h.Sum64()
}

// sumRanges adds up the keys of all items, vectors, blocks of vectors of dim numbers and thumbnails.
func sumRanges(dim int, scan func(kv.Span, func(kv.Pair) bool) error) (map[uint32]kv.RangeSum, error) {
	sums := map[uint32]kv.RangeSum{}
	var bad error
	for _, of := range []struct {
		span kv.Span
		ords uint32 // of a key
	}{{kv.SpanItems(), 1}, {kv.SpanVectors(), 1}, {kv.SpanBlocks(), kv.VectorRows(dim)}, {kv.SpanThumbs(), 1}} {
		err := scan(of.span, func(p kv.Pair) bool {
			var n uint32
			if n, bad = kv.Last(p.Key); bad != nil {
				return false
			}
			sum := sums[n/(kv.BlockRows/of.ords)]
			sum.Add(kv.RangeSum{Keys: 1, Digest: digest(p.Key, p.Value)})
			sums[n/(kv.BlockRows/of.ords)] = sum
			return true
		})
		if err != nil || bad != nil {
			return nil, errors.Join(err, bad)
		}
	}
	return sums, nil
}
