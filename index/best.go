package index

import (
	"cmp"
	"math"
	"slices"
)

// Best keeps the k best hits of all that are offered, and every hit that ties with the k-th. Ordinals are offered at
// most once. It serves one goroutine at a time; for several, give each its own and offer the hits of all to one.
type Best struct {
	k    int
	heap []Hit // the k best so far, the worst of them at the root
	ties []Hit // hits left out of the heap that score exactly as its root
}

// NewBest returns an empty selection of k hits; k is at least 1.
func NewBest(k int) *Best { return &Best{k: k} }

// Offer considers one hit.
func (b *Best) Offer(h Hit) {
	switch {
	case len(b.heap) < b.k:
		b.heap = append(b.heap, h)
		b.up(len(b.heap) - 1)
	case h.Score < b.heap[0].Score:
	case h.Score == b.heap[0].Score:
		b.ties = append(b.ties, h)
	default:
		b.replace(h)
	}
}

// replace puts h, which is better than the root, in its place. The old root still ties with the k-th only if the new
// root has the same score; then it joins the ties, otherwise none is left.
func (b *Best) replace(h Hit) {
	old := b.heap[0]
	b.heap[0] = h
	b.down(0)
	if b.heap[0].Score == old.Score {
		b.ties = append(b.ties, old)
	} else {
		b.ties = b.ties[:0]
	}
}

// Floor returns the score that a hit must reach to be kept, and false while anything would be.
func (b *Best) Floor() (float32, bool) {
	if len(b.heap) < b.k {
		return 0, false
	}
	return b.heap[0].Score, true
}

// Hits returns what was kept, by descending score and then ascending ordinal, in a new slice.
func (b *Best) Hits() []Hit {
	hits := slices.Concat(b.heap, b.ties)
	slices.SortFunc(hits, Compare)
	return hits
}

// Compare orders hits as answers list them: descending score, then ascending ordinal.
func Compare(a, b Hit) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Ord, b.Ord))
}

func (b *Best) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if b.heap[parent].Score <= b.heap[i].Score {
			return
		}
		b.heap[i], b.heap[parent] = b.heap[parent], b.heap[i]
		i = parent
	}
}

func (b *Best) down(i int) {
	for {
		child := 2*i + 1
		if child+1 < len(b.heap) && b.heap[child+1].Score < b.heap[child].Score {
			child++
		}
		if child >= len(b.heap) || b.heap[i].Score <= b.heap[child].Score {
			return
		}
		b.heap[i], b.heap[child] = b.heap[child], b.heap[i]
		i = child
	}
}

// Floor finds the k-th largest of some numbers. It serves one goroutine at a time.
type Floor struct {
	k    int
	heap []float64 // the k largest so far, the smallest at the root
}

// NewFloor returns a Floor of no numbers; k is at least 1.
func NewFloor(k int) *Floor { return &Floor{k: k} }

// Offer considers one number; NaN counts for none.
func (f *Floor) Offer(x float64) {
	if len(f.heap) == f.k && x <= f.heap[0] {
		return
	}
	f.take(x)
}

func (f *Floor) take(x float64) {
	switch {
	case x != x:
	case len(f.heap) < f.k:
		f.heap = append(f.heap, x)
		for i := len(f.heap) - 1; i > 0 && f.heap[i] < f.heap[(i-1)/2]; i = (i - 1) / 2 {
			f.heap[i], f.heap[(i-1)/2] = f.heap[(i-1)/2], f.heap[i]
		}
	default:
		f.heap[0] = x
		f.sink()
	}
}

func (f *Floor) sink() {
	for i := 0; ; {
		child := 2*i + 1
		if child+1 < len(f.heap) && f.heap[child+1] < f.heap[child] {
			child++
		}
		if child >= len(f.heap) || f.heap[i] <= f.heap[child] {
			return
		}
		f.heap[i], f.heap[child] = f.heap[child], f.heap[i]
		i = child
	}
}

// Least returns the k-th largest number, minus infinity where there are fewer.
func (f *Floor) Least() float64 {
	if len(f.heap) < f.k {
		return math.Inf(-1)
	}
	return f.heap[0]
}

// bestReference is Best by sorting everything: the first k hits and those that tie with the last of them.
func bestReference(hits []Hit, k int) []Hit {
	all := slices.Clone(hits)
	slices.SortFunc(all, Compare)
	n := min(k, len(all))
	for n > 0 && n < len(all) && all[n].Score == all[n-1].Score {
		n++
	}
	return all[:n]
}
