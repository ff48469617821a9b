package vec

import (
	"cmp"
	"math"
	"slices"
)

// Selector finds the k largest values of a slice. It keeps its working space from
// call to call; the zero value is ready. A Selector serves one goroutine at a time.
type Selector struct {
	index        []uint32 // of the survivors
	value        []float32
	above, below []float32 // of a pivot
	keys         []uint32
	hist         [1 << 11]uint32
}

// TopK appends to dst the indices of the k largest values of h, ascending by index.
// Of equal values the lower index wins. NaN and -Inf are never chosen, so fewer than
// k indices come back when too few remain.
func (s *Selector) TopK(dst []uint32, h []float32, k int) []uint32 {
	return s.top(&kernel, dst, h, k, float32(math.Inf(-1)))
}

// TopPositive is TopK among the values above zero: the selection relu(topk(h)).
func (s *Selector) TopPositive(dst []uint32, h []float32, k int) []uint32 {
	return s.top(&kernel, dst, h, k, 0)
}

// TopAbove is TopK among the values above least.
func (s *Selector) TopAbove(dst []uint32, h []float32, k int, least float32) []uint32 {
	return s.top(&kernel, dst, h, k, least)
}

// Few values are not worth a sample.
const (
	sampleFrom = 1024 // values
	sampleSize = 256
)

// top chooses among the values above floor. A sample says what the k-th largest value is likely to exceed; what survives that is
// little more than k values, and the k-th largest of them is the k-th largest of all. If too few survive, everything above floor does.
func (s *Selector) top(by *kernels, dst []uint32, h []float32, k int, floor float32) []uint32 {
	inf := float32(math.Inf(1))
	if k <= 0 || !(floor < inf) {
		return dst
	}
	s.fit(len(h))
	least := math.Nextafter32(floor, inf)
	cut := least
	if len(h) >= sampleFrom {
		cut = max(cut, s.likely(by, h, k))
	}
	n := by.survivors(s.index, s.value, h, 0, cut)
	if n < k && cut > least {
		n = by.survivors(s.index, s.value, h, 0, least)
	}
	index, value := s.index[:n], s.value[:n]
	if n <= k {
		return append(dst, index...)
	}
	kth, ties := s.kth(by, value, k)
	n = by.survivors(s.keys, s.above, value, 0, kth)
	surplus := n - k // of the ties
	for i, at := range s.keys[:n] {
		if surplus > 0 && s.above[i] == kth {
			if ties == 0 {
				surplus--
				continue
			}
			ties--
		}
		dst = append(dst, index[at])
	}
	return dst
}

// fit makes the working space hold n values and some more, which kernels may write.
func (s *Selector) fit(n int) {
	if n += spare; n <= len(s.value) {
		return
	}
	s.index, s.value = make([]uint32, n), make([]float32, n)
	s.above, s.below = make([]float32, n), make([]float32, n)
	s.keys = make([]uint32, n)
}

// likely returns what probably a little more than k values of h exceed: the value of that rank, and two deviations more, in a sample of h.
// The sample is groups of eight neighbours, all over h.
func (s *Selector) likely(by *kernels, h []float32, k int) float32 {
	expected := float64(k) * sampleSize / float64(len(h))
	rank := int(expected+2*math.Sqrt(expected)) + 2
	if rank >= sampleSize/2 {
		return float32(math.Inf(-1))
	}
	step := len(h) / (sampleSize / 8)
	for i := range sampleSize / 8 {
		*(*[8]float32)(s.value[8*i:]) = [8]float32(h[i*step:])
	}
	n := by.survivors(s.index, s.value, s.value[:sampleSize], 0, -math.MaxFloat32) // without NaN
	if rank > n {
		return float32(math.Inf(-1))
	}
	kth, _ := s.kth(by, s.value[:n], rank)
	return kth
}

// kth returns the k-th largest of values, and how many that equal it belong to the k largest. There are at least k values, at most as
// many as s fits, and no NaN. A step of quickselect about halves what remains; input made against it ends with kthByKey.
func (s *Selector) kth(by *kernels, values []float32, k int) (kth float32, ties int) {
	for range 40 {
		n := len(values)
		if n <= 8 {
			return kthOfFew(values, k)
		}
		pivot := median(values[0], values[n/2], values[n-1])
		more, less := by.partition(s.above, s.below, values, pivot) // one of the two may be where values are
		switch {
		case k <= more:
			values = s.above[:more]
		case k <= n-less:
			return pivot, k - more
		default:
			values, k = s.below[:less], k-(n-less)
		}
	}
	return s.kthByKey(values, k)
}

func median(a, b, c float32) float32 { return max(min(a, b), min(max(a, b), c)) }

// kthOfFew is kth by sorting.
func kthOfFew(values []float32, k int) (kth float32, ties int) {
	var sorted [8]float32
	for i, v := range values {
		j := i
		for ; j > 0 && sorted[j-1] < v; j-- {
			sorted[j] = sorted[j-1]
		}
		sorted[j] = v
	}
	kth = sorted[k-1]
	for ties = 1; ties < k && sorted[k-1-ties] == kth; ties++ {
	}
	return kth, ties
}

// kthByKey is kth in a time that the values have no say in.
func (s *Selector) kthByKey(values []float32, k int) (kth float32, ties int) {
	keys := s.keys[:len(values)]
	for i, v := range values {
		keys[i] = key(v)
	}
	least, ties := s.threshold(keys, k)
	return fromKey(least), ties
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

// fromKey is the float of a key, which is not NaN's.
func fromKey(b uint32) float32 {
	return math.Float32frombits(b ^ (^uint32(int32(b)>>31) | 1<<31))
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
