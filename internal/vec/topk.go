package vec

import (
	"cmp"
	"math"
	"slices"
)

// Selector finds the k largest values of a slice. It keeps its working space from
// call to call; the zero value is ready. A Selector serves one goroutine at a time.
type Selector struct {
	keys []uint32
	hist [1 << 11]uint32
}

// TopK appends to dst the indices of the k largest values of h, ascending by index.
// Of equal values the lower index wins. NaN and -Inf are never chosen, so fewer than
// k indices come back when too few remain.
func (s *Selector) TopK(dst []uint32, h []float32, k int) []uint32 {
	return s.above(dst, h, k, key(float32(math.Inf(-1))))
}

// TopPositive is TopK among the values above zero: the selection relu(topk(h)).
func (s *Selector) TopPositive(dst []uint32, h []float32, k int) []uint32 {
	return s.above(dst, h, k, key(0))
}

// TopAbove is TopK among the values above least.
func (s *Selector) TopAbove(dst []uint32, h []float32, k int, least float32) []uint32 {
	return s.above(dst, h, k, key(least))
}

// above chooses among the values whose key is larger than floor.
//
// The k-th largest key becomes a threshold; a second pass takes all that is above it
// and as many that equal it as there is room for, from the left.
func (s *Selector) above(dst []uint32, h []float32, k int, floor uint32) []uint32 {
	if k <= 0 {
		return dst
	}
	if cap(s.keys) < len(h)+1 {
		s.keys = make([]uint32, len(h)+1)
	}
	keys, n := s.keys[:len(h)+1], 0
	for _, v := range h {
		b := key(v)
		keys[n] = b
		n += int((uint64(floor) - uint64(b)) >> 63) // 1 if b > floor, without a branch to mispredict
	}
	least, ties := floor, 0 // all of the n candidates
	if n > k {
		least, ties = s.threshold(keys[:n], k)
	}
	for i, v := range h {
		b := key(v)
		if b > least {
			dst = append(dst, uint32(i))
		} else if b == least && ties > 0 {
			dst = append(dst, uint32(i))
			ties--
		}
	}
	return dst
}

// threshold returns the k-th largest of keys, and how many keys equal to it belong to
// the k largest. It counts the leading eleven bits of all keys, keeps the keys of the
// bin in which the k-th lies, and goes on with the next bits. It overwrites keys.
func (s *Selector) threshold(keys []uint32, k int) (least uint32, ties int) {
	for _, digit := range [...]struct{ shift, bits int }{{21, 11}, {10, 11}, {0, 10}} {
		hist := s.hist[:1<<digit.bits]
		clear(hist)
		mask := uint32(len(hist) - 1)
		for _, b := range keys {
			hist[b>>digit.shift&mask]++
		}
		bin := len(hist) - 1
		for ; int(hist[bin]) < k; bin-- {
			k -= int(hist[bin])
		}
		least |= uint32(bin) << digit.shift
		n := 0
		for _, b := range keys {
			if b>>digit.shift&mask == uint32(bin) {
				keys[n] = b
				n++
			}
		}
		keys = keys[:n]
	}
	return least, k
}

// key maps a float to an integer of the same order: NaN is 0, then -Inf, the negative
// numbers, both zeros alike, the positive numbers, +Inf.
func key(v float32) uint32 {
	b := math.Float32bits(v + 0) // -0 + 0 is +0
	if v != v {
		return 0
	}
	return b ^ (uint32(int32(b)>>31) | 1<<31)
}

// topKReference is TopK by sorting everything.
func topKReference(h []float32, k int) []uint32 {
	var all []uint32
	for i, v := range h {
		if v == v && !math.IsInf(float64(v), -1) {
			all = append(all, uint32(i))
		}
	}
	slices.SortStableFunc(all, func(a, b uint32) int { return cmp.Compare(h[b], h[a]) })
	all = all[:max(0, min(k, len(all)))]
	slices.Sort(all)
	return all
}
